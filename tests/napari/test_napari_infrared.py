"""An infrared layer beside the scan, and infrared that hides in a fourth channel."""

import numpy as np
import pytest
from napari.layers import Image

import dsr_core
from dsr_core.infrared import BLANK, SILVER
from tests.infrared_film import SILVER as OF_SILVER
from tests.infrared_film import film
from tests.napari.scans import make_scan


@pytest.fixture
def plate():
    return film(shape=(200, 240), specks=12, lettering=False)


@pytest.fixture
def wanted(plate, shipped_model):
    """What the filter makes of the film with its infrared scan."""
    return dsr_core.restore(plate.image, model=shipped_model, infrared=plate.infrared)


def chosen(dock):
    return dock.fields["infrared"].value


def offered(dock):
    return [str(getattr(choice, "name", choice)) for choice in dock.fields["infrared"].choices]


def test_a_layer_of_that_name_is_taken_and_told(open_dock, plate, wanted, shipped_model):
    dock = open_dock(
        Image(plate.image, name="scan", rgb=True),
        Image(plate.infrared[:-1], name="another size"),
        Image(plate.infrared, name="scan_ir", visible=False),
    )
    dock.viewer.layers.selection.active = dock["scan"]
    assert offered(dock) == ["auto", "off", "scan_ir"]
    dock.click("remove")
    assert np.array_equal(dock["scan restored"].data, wanted.image)
    assert np.array_equal(dock["defects of scan"].data, wanted.labels)
    assert wanted.sources["infrared"] > 3
    assert f"{wanted.sources['network']} by network, {wanted.sources['infrared']} by infrared" in dock.status
    assert "Infrared is taken from 'scan_ir'." in dock.status
    assert "The infrared channel is used" in dock.status

    dock.choose(infrared="off")
    dock.click("remove")
    plain = dsr_core.restore(plate.image, model=shipped_model)
    assert np.array_equal(dock["scan restored"].data, plain.image), "the network has run anew"
    assert "nfrared" not in dock.status
    dock.choose(infrared=dock["scan_ir"])
    dock.click("remove")
    assert np.array_equal(dock["scan restored"].data, wanted.image)
    dock.choose(sensitivity=0.7)
    follows = dsr_core.restore(
        plate.image, dsr_core.Options(sensitivity=0.7), model=shipped_model, infrared=plate.infrared
    )
    assert np.array_equal(dock["scan restored"].data, follows.image), "sliders work on both together"


def test_a_layer_of_any_name_can_be_chosen_and_goes_with_its_layer(open_dock, plate, wanted):
    dock = open_dock(
        Image(plate.image, name="scan", rgb=True), Image(plate.infrared, name="Page 2"), Image(make_scan())
    )
    dock.viewer.layers.selection.active = dock["scan"]
    dock.click("find")
    assert "nfrared" not in dock.status, "nothing tells that this is infrared"
    dock.choose(infrared=dock["Page 2"])
    dock.click("find")
    assert np.array_equal(dock["defects of scan"].data, wanted.labels)
    dock.viewer.layers.selection.active = dock["Image"]
    assert offered(dock) == ["auto", "off"]
    dock.viewer.layers.selection.active = dock["scan"]
    dock.choose(infrared=dock["Page 2"])
    dock.viewer.layers.remove("Page 2")
    assert chosen(dock) == "auto"
    dock.click("find")
    assert "nfrared" not in dock.status


@pytest.mark.parametrize(
    ("channel", "sentence"),
    [
        (film(shape=(200, 240), leak=OF_SILVER).infrared, SILVER),
        (np.full((200, 240), 7, np.uint8), BLANK),
        (np.zeros((200, 240), np.int64), "must hold numbers like the picture's, not int64"),
    ],
    ids=["silver", "blank", "type"],
)
def test_what_cannot_be_used_is_told(open_dock, channel, sentence):
    plate = film(shape=(200, 240), leak=OF_SILVER)
    dock = open_dock(Image(plate.image, name="scan", rgb=True), Image(channel, name="infrared"))
    dock.viewer.layers.selection.active = dock["scan"]
    dock.click("find")
    assert sentence in dock.status


def test_each_frame_has_its_own(open_dock, shipped_model):
    plates = [film(shape=(200, 240), specks=12, seed=seed, lettering=False) for seed in range(2)]
    roll = Image(np.stack([each.image for each in plates]), name="roll", rgb=True)
    dock = open_dock(roll, Image(np.stack([each.infrared for each in plates]), name="roll-ir"))
    dock.viewer.layers.selection.active = dock["roll"]
    dock.choose(frames="all")
    dock.click("remove")
    for plate, made in zip(plates, dock["roll restored"].data, strict=True):
        wanted = dsr_core.restore(plate.image, model=shipped_model, infrared=plate.infrared)
        assert np.array_equal(made, wanted.image)


def test_infrared_in_place_of_opacity_is_split_off(open_dock, plate, wanted):
    both = np.dstack([plate.image, plate.infrared])
    layer = Image(both, name="scan", rgb=True, scale=(2, 2), contrast_limits=(0, 65535))
    dock = open_dock(layer, show=True)
    dock.until(dock.fields["split"].native.isVisible)
    assert "The fourth channel is shown as opacity; if it is infrared, split it off." in dock.status
    dock.click("remove")  # as if it were opacity
    dock.click("split")
    assert dock.names == ["scan infrared", "scan", "scan restored", "defects of scan"]
    assert dock["scan"].data.shape == dock["scan restored"].data.shape == plate.image.shape
    assert np.array_equal(dock["scan infrared"].data, plate.infrared)
    assert np.shares_memory(dock["scan infrared"].data, both), "no second copy"
    assert np.array_equal(dock["scan infrared"].extent.world, layer.extent.world)
    assert not dock["scan infrared"].visible
    assert dock.fields["layer"].value is layer
    assert not dock.fields["split"].native.isVisible()
    dock.click("remove")
    assert np.array_equal(dock["scan restored"].data, wanted.image)
    assert "Infrared is taken from 'scan infrared'." in dock.status


def test_opacity_is_not_taken_for_infrared(open_dock):
    cut_out = make_scan(channels=4)
    cut_out[..., 3] = 255
    cut_out[:20, :, 3] = 0
    cut_out[20:24, :, 3] = 100
    dock = open_dock(Image(cut_out, name="scan", rgb=True), show=True)
    assert not dock.fields["split"].native.isVisible()
    plate = np.dstack([make_scan(), make_scan(channels=1)])
    dock.viewer.add_image([plate, plate[::2, ::2]], name="p")
    dock.until(dock.fields["split"].native.isVisible)
    dock.click("split")
    assert [level.shape for level in dock["p infrared"].data] == [(96, 128), (48, 64)]
    assert [level.shape for level in dock["p"].data] == [(96, 128, 3), (48, 64, 3)]
