"""What the dock makes: the filter's own result, to the bit, in a layer like the one it came from."""

from itertools import product
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

import dsr_core
from dsr_core.cli import main
from dsr_core.io import read_picture
from tests.napari.scans import make_scan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def restore(shipped_model):
    """The filter itself, with the dock's model."""
    return lambda image, **options: dsr_core.restore(image, dsr_core.Options(**options), model=shipped_model)


def test_find_shows_what_remove_then_removes(open_dock, told, restore):
    scan = make_scan()
    dock = open_dock(Image(scan.copy(), name="scan"))
    dock.click("find")
    expected = restore(scan)
    assert expected.defects > 3
    assert dock.names == ["scan", "defects of scan"]
    assert np.array_equal(dock["defects of scan"].data, expected.labels)
    dock.click("remove")
    assert dock.names == ["scan", "scan restored", "defects of scan"]
    assert np.array_equal(dock["scan restored"].data, expected.image)
    assert np.array_equal(dock["scan"].data, scan)
    assert f"{expected.defects} defects" in dock.status
    assert "toy on the processor" in dock.status
    assert told() == []


def test_every_type_equals_the_filter_to_the_bit(open_dock, restore):
    dock = open_dock()
    for dtype, channels in product((np.uint8, np.uint16, np.float32), (1, 3, 4)):
        scan = make_scan(channels=channels, dtype=dtype)
        dock.viewer.layers.clear()
        dock.viewer.add_image(scan, name="scan", rgb=channels > 1)
        dock.click("remove")
        made, expected = dock["scan restored"], restore(scan)
        assert expected.defects > 3
        assert made.data.dtype == scan.dtype
        assert made.rgb == (channels > 1)
        assert np.array_equal(made.data, expected.image)
        assert not np.array_equal(made.data, scan)


def test_options_reach_the_filter(open_dock, restore):
    options = {
        "sensitivity": 0.8,
        "polarity": "bright",
        "min_size": 3,
        "max_size": 40,
        "grow": 2,
        "feather": 0.5,
    }
    scan = make_scan()
    dock = open_dock(Image(scan, name="scan"))
    dock.choose(**options)
    dock.click("remove")
    expected = restore(scan, **options)
    assert expected.defects
    assert np.array_equal(dock["scan restored"].data, expected.image)


PLACE = {
    "scale": (0.5, 2),
    "translate": (10, -20),
    "rotate": 30,
    "units": ("um", "um"),
    "axis_labels": ("row", "column"),
}


def test_place_look_and_metadata_are_kept(open_dock):
    look = {"contrast_limits": (100, 40_000), "gamma": 0.7, "colormap": "magma", "blending": "additive"}
    scan = make_scan(channels=1, dtype=np.uint16)
    layer = Image(scan, name="plate 7", metadata={"film": "FP4"}, opacity=0.8, **PLACE, **look)
    dock = open_dock(layer)
    dock.click("remove")
    restored, defects = dock["plate 7 restored"], dock["defects of plate 7"]
    for made in (restored, defects):
        for name in ("scale", "translate", "rotate", "shear"):
            assert np.array_equal(getattr(made, name), getattr(layer, name)), name
        assert made.units == layer.units
        assert made.axis_labels == layer.axis_labels
        assert np.array_equal(made.affine.affine_matrix, layer.affine.affine_matrix)
        assert np.array_equal(made.extent.world, layer.extent.world)
    for name in ("contrast_limits", "gamma", "blending", "opacity", "metadata", "interpolation2d"):
        assert getattr(restored, name) == getattr(layer, name), name
    assert restored.colormap.name == "magma"


@pytest.mark.parametrize("channels", [1, 3])
def test_uint16_is_as_bright_after_as_before(open_dock, channels):
    # Half of the range only: a layer without the contrast limits of its source would be stretched.
    scan = make_scan(channels=channels, dtype=np.uint16) // 2
    layer = Image(scan, name="scan", rgb=channels > 1, contrast_limits=(0, 65535))
    dock = open_dock(layer, show=True)
    dock.click("remove")
    dock["defects of scan"].visible = False
    dock["scan restored"].visible = False
    before = dock.viewer.screenshot(flash=False)[..., :3].astype(int)
    dock["scan restored"].visible, dock["scan"].visible = True, False
    after = dock.viewer.screenshot(flash=False)[..., :3].astype(int)
    assert before.max() > 100
    # Only the defects differ, and they cover less than a tenth of the canvas.
    assert (np.abs(after - before).max(axis=-1) > 1).mean() < 0.1


def test_multiscale_is_restored_at_full_resolution(open_dock, restore):
    scan = make_scan()
    layer = Image([scan, scan[::2, ::2], scan[::4, ::4]], multiscale=True, name="scan", scale=(3, 3))
    dock = open_dock(layer)
    dock.click("remove")
    made, expected = dock["scan restored"], restore(scan)
    assert made.multiscale, "of a pyramid the result is a pyramid"
    assert [level.shape for level in made.data] == [level.shape for level in layer.data]
    assert np.array_equal(made.data[0], expected.image)
    for level, before, step in zip(made.data[1:], layer.data[1:], (2, 4), strict=True):
        changed = (level != before).any(axis=-1)
        assert changed.any()
        near = expected.mask.reshape(len(level), step, -1, step).any(axis=(1, 3))
        assert not (changed & ~near).any(), "where there is no repair, the copies are as they were"
    assert np.array_equal(made.extent.world, layer.extent.world)
    before = made.data[1].copy()
    dock.choose(max_size=4)
    assert np.array_equal(made.data[0], restore(scan, max_size=4).image)
    assert not np.array_equal(made.data[1], before), "the copies follow the sliders, too"


def make_stack(count=5, channels=3, dtype=np.uint8):
    return np.stack([make_scan(channels=channels, dtype=dtype, seed=seed) for seed in range(count)])


@pytest.mark.parametrize("rgb", [True, False])
def test_the_shown_frame_of_a_stack(open_dock, restore, rgb):
    stack = make_stack(channels=3 if rgb else 1)
    turn = np.array([[1, 0, 0, 4], [0, 0, -2, 0], [0, 2, 0, 1], [0, 0, 0, 1]])
    layer = Image(stack, name="roll", rgb=rgb, scale=(2, 1, 1), translate=(7, 5, 5), affine=turn)
    dock = open_dock(layer)
    dock.viewer.dims.set_point(0, 4 + 7 + 2 * 3)
    dock.click("remove")
    expected = restore(stack[3])
    restored, defects = dock["roll restored"], dock["defects of roll"]
    assert np.array_equal(restored.data, expected.image[None])
    assert np.array_equal(defects.data, expected.labels[None])
    for made in (restored, defects):  # it lies where the frame lies, and nowhere else
        assert np.allclose(made.data_to_world((0, 0, 0)), layer.data_to_world((3, 0, 0)))
    assert dock.viewer.dims.nsteps[0] == 5


def test_all_frames_of_a_stack(open_dock, restore):
    stack = make_stack().reshape(1, 5, 96, 128, 3)
    dock = open_dock(Image(stack, name="roll", rgb=True))
    dock.choose(frames="all")
    dock.click("find")
    dock.click("remove")
    for number in range(5):
        expected = restore(stack[0, number])
        assert np.array_equal(dock["roll restored"].data[0, number], expected.image)
        assert np.array_equal(dock["defects of roll"].data[0, number], expected.labels)
    dock.choose(sensitivity=0.9)
    for number in range(5):
        expected = restore(stack[0, number], sensitivity=0.9)
        assert np.array_equal(dock["roll restored"].data[0, number], expected.image)
        assert np.array_equal(dock["defects of roll"].data[0, number], expected.labels)


def test_a_dask_stack_is_read_frame_by_frame_and_stays_dask(open_dock, restore, network):
    stack = make_stack(4)
    frames = []

    def load(block, block_info=None):
        if block_info and block_info[0]["array-location"]:
            frames.append(block_info[0]["array-location"][0][0])
        return block

    lazy = da.from_array(stack, chunks=(1, *stack.shape[1:])).map_blocks(load, dtype=stack.dtype)
    dock = open_dock(Image(lazy, name="roll", rgb=True, contrast_limits=(0, 255)))
    frames.clear()
    dock.click("find")
    assert set(frames) <= {dock.viewer.dims.current_step[0]}, "only the shown frame is needed"
    frames.clear()
    dock.choose(frames="all")
    dock.click("remove")
    assert sorted(set(frames), key=frames.index) == sorted(set(frames)), "one after the other"
    assert len(frames) <= 4 + 1, "each once, and the shown one perhaps again"
    made = dock["roll restored"].data
    assert isinstance(made, da.Array)
    assert made.chunksize == (1, *stack.shape[1:])
    network.batches = 0
    composed = made.compute()
    assert network.batches == 0
    for number in range(4):
        assert np.array_equal(composed[number], restore(stack[number]).image)
    dock.choose(sensitivity=0.9)
    assert np.array_equal(dock["roll restored"].data[2].compute(), restore(stack[2], sensitivity=0.9).image)


NONE = "There is no image layer; open a scan"
LOOSE = "seems to hold its colours as separate frames"
UNSUITABLE = {
    "nothing": (lambda: None, NONE),
    "labels": (lambda: Labels(np.zeros((20, 20), int)), NONE),
    "shapes": (lambda: Shapes([np.array([[0, 0], [9, 9]])]), NONE),
    "planes first": (lambda: Image(np.moveaxis(make_scan(), -1, 0), rgb=False), LOOSE),
    "planes last": (lambda: Image(make_scan(), rgb=False), "seems to hold its colours as its last axis"),
    "channels first": (
        lambda: Image(np.moveaxis(make_scan(), -1, 0), rgb=False, axis_labels="cyx"),
        LOOSE,
    ),
    "bool": (lambda: Image(make_scan(channels=1) > 100), "are not supported; convert them"),
    "64 bits": (lambda: Image(make_scan(channels=1).astype(np.int64)), "are not supported; convert them"),
}


def test_anything_else_gets_a_sentence(open_dock, told):
    dock = open_dock()
    for (kind, (make_layer, sentence)), button in product(UNSUITABLE.items(), ("find", "remove")):
        dock.viewer.layers.clear()
        if (layer := make_layer()) is not None:
            dock.viewer.add_layer(layer)
        before = dock.names
        dock.click(button)
        text = dock.status
        assert told() == [], "it stands in the dock"
        assert sentence in text, kind
        assert text.endswith("."), kind
        assert dock.names == before, kind
        assert dock.fields["find"].enabled, kind


def test_planes_whose_axis_says_that_they_are_frames(open_dock, restore):
    stack = make_stack(3, channels=1)
    dock = open_dock(Image(stack, name="roll", axis_labels=("frame", "y", "x")))
    dock.choose(frames="all")
    dock.click("remove")
    assert np.array_equal(dock["roll restored"].data[2], restore(stack[2]).image)


def test_the_command_line_makes_the_same(open_dock, shipped_model, tmp_path):
    dock = open_dock()
    dock.viewer.open_sample("dust-scratch-removal", "scan")
    dock.choose(sensitivity=0.7, grow=2)
    dock.click("remove")
    source, output, mask = ROOT / "examples" / "scan.tif", tmp_path / "restored.tif", tmp_path / "mask.png"
    options = ["--sensitivity", "0.7", "--grow", "2", "--model", str(shipped_model), "--provider", "cpu"]
    assert main(["restore", str(source), "-o", str(output), "--mask", str(mask), *options]) == 0
    assert np.array_equal(read_picture(output).pixels, dock["scan restored"].data)
    assert np.array_equal(read_picture(mask).pixels > 0, dock["defects of scan"].data > 0)
