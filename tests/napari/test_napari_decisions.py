"""A decision belongs to the whole defect and to a frame of a layer, and can be seen and taken back."""

import numpy as np
import pytest
from napari.layers import Image, Labels

import dsr_core
from dsr_core.decisions import LEFT, PAINTED
from dsr_napari.work import KEY
from tests.napari.dock import Dock
from tests.napari.scans import make_scan
from tests.napari.test_napari_editing import SPOT, paint


@pytest.fixture
def opened(open_dock):
    """A dock with everything removed, and the defects shown."""
    dock = open_dock(Image(make_scan(), name="scan"))
    dock.click("remove")
    dock["defects of scan"].visible = True
    return dock


def largest(labels):
    """The mask of the largest defect."""
    return labels == np.bincount(labels.ravel())[1:].argmax() + 1


def erase_one_pixel(layer, where):
    layer.brush_size = 1
    layer.paint(tuple(np.argwhere(where)[len(np.argwhere(where)) // 2]), 0)


def test_an_erased_defect_does_not_come_back_as_a_rim(opened):
    defects, scan = opened["defects of scan"], opened["scan"].data
    where, count = largest(defects.data), defects.data.max()
    erase_one_pixel(defects, where)
    opened.settled()
    assert not defects.data[where].any(), "one pixel is enough"
    assert opened.status.startswith(f"{count - 1} defect")
    known = opened.widget.session.work.known[()]
    for options in ({"sensitivity": 0.6}, {"sensitivity": 0.95}, {"grow": 3}, {"sensitivity": 0.3}):
        opened.choose(**options)
        chosen = opened.widget.session.work.options
        everything = dsr_core.compose(known.prediction, chosen).labels
        (its,) = set(np.unique(everything[where])) - {0}
        assert not defects.data[where].any(), options
        assert np.array_equal(opened["scan restored"].data[where], scan[where]), options
        rim = (everything == its) & ~where
        others = dsr_core.compose(known.prediction, chosen, decided=known.decided).mask
        assert np.array_equal(others, defects.data > 0)
        assert not (rim & others).any(), "no crumb and no rim of it"


def test_a_decision_is_seen_and_taken_back(opened, network):
    defects, restored = opened["defects of scan"], opened["scan restored"]
    before, whole = defects.data.copy(), restored.data.copy()
    network.batches = 0
    erase_one_pixel(defects, largest(before))
    paint(defects, SPOT, 99)
    opened.settled()
    marks = opened["decisions of scan"]
    assert set(np.unique(marks.data)) == {0, LEFT, PAINTED}
    assert marks.data[SPOT[0]] == PAINTED
    assert opened.viewer.layers.selection.active is not marks, "the brush stays where it was"
    assert marks.features["decision"].tolist() == ["", "left alone", "painted", "left alone"]
    opened.click("undo")
    opened.click("undo")
    assert not marks.data.any()
    assert np.array_equal(defects.data, before)
    assert np.array_equal(restored.data, whole)


def test_naparis_undo_takes_the_whole_decision_back(opened):
    defects, before = opened["defects of scan"], opened["defects of scan"].data.copy()
    erase_one_pixel(defects, largest(before))
    opened.settled()
    assert not np.array_equal(defects.data, before)
    defects.undo()
    opened.settled()
    assert np.array_equal(defects.data, before)
    assert not opened["decisions of scan"].data.any()


def test_erasing_in_the_picture_of_the_decisions_takes_them_back(opened):
    defects, before = opened["defects of scan"], opened["defects of scan"].data.copy()
    erase_one_pixel(defects, largest(before))
    opened.settled()
    marks = opened["decisions of scan"]
    marks.fill(tuple(np.argwhere(marks.data > 0)[0]), 0)
    opened.settled()
    assert np.array_equal(defects.data, before)


def test_deleting_the_picture_of_the_decisions_forgets_them(opened):
    before = opened["defects of scan"].data.copy()
    erase_one_pixel(opened["defects of scan"], largest(before))
    opened.settled()
    opened.viewer.layers.remove("decisions of scan")
    opened.settled()
    assert np.array_equal(opened["defects of scan"].data, before)


def test_decisions_belong_to_a_frame(open_dock):
    stack = np.stack([make_scan(seed=seed) for seed in range(3)])
    dock = open_dock(Image(stack, name="roll", rgb=True))
    dock.viewer.dims.set_point(0, 0)
    dock.click("find")
    where = largest(dock["defects of roll"].data[0])
    erase_one_pixel(dock["defects of roll"], where[None])
    dock.settled()
    dock.viewer.dims.set_point(0, 2)
    dock.click("find")
    assert dock.names.count("defects of roll [1]") == 1, "another frame has a picture of its own"
    dock.viewer.dims.set_point(0, 0)
    dock.click("find")
    assert not dock["defects of roll"].data[0][where].any()
    dock.choose(frames="all")
    dock.click("remove")
    assert sum(isinstance(layer, Labels) for layer in dock.viewer.layers) == 2, (
        "one picture, and one of decisions"
    )
    assert not dock["defects of roll"].data[0][where].any()
    assert np.array_equal(dock["roll restored"].data[0][where], stack[0][where])
    assert dock["defects of roll"].data[2].any()


def test_a_new_dock_finds_its_layers_again(opened, qtbot):
    viewer = opened.viewer
    erase_one_pixel(opened["defects of scan"], where := largest(opened["defects of scan"].data))
    opened.settled()
    count, names = opened.status, opened.names
    opened.dock.destroyOnClose()
    viewer.layers.selection.active = viewer.layers["scan restored"]
    again = Dock(viewer, qtbot)
    assert again.fields["layer"].value is viewer.layers["scan"]
    assert [layer.name for layer in again.fields["layer"].choices] == ["scan"]
    assert again.status == count
    again.choose(sensitivity=0.9)
    assert not again["defects of scan"].data[where].any()
    again.click("remove")
    assert again.names == names
    assert not again["defects of scan"].data[where].any()


def test_decisions_survive_a_save(opened, tmp_path):
    erase_one_pixel(opened["defects of scan"], where := largest(opened["defects of scan"].data))
    paint(opened["defects of scan"], SPOT, 99)
    opened.settled()
    file = tmp_path / "decisions of scan.tif"
    opened["decisions of scan"].save(str(file))
    opened["defects of scan"].save(str(tmp_path / "defects.tif"))
    opened.choose(sensitivity=0.8)
    assert not opened["defects of scan"].data[where].any(), "saving changes nothing"
    assert isinstance(opened["scan"].metadata[KEY].known[()].decided, np.ndarray), "they lie with the layer"
    opened.viewer.layers.clear()
    opened.viewer.add_image(make_scan(), name="scan")
    opened.viewer.open(str(file), plugin="napari")
    opened.viewer.layers.selection.active = opened["scan"]
    opened.click("remove")
    assert opened["decisions of scan"].data[SPOT[0]] == PAINTED
    assert not opened["defects of scan"].data[where].any()
    assert opened["defects of scan"].data[SPOT[0]]
    assert opened.names == ["scan", "scan restored", "defects of scan", "decisions of scan"]


def test_after_remove_a_stroke_updates_the_result_only_there(opened):
    restored, scan, before = opened["scan restored"], opened["scan"].data, opened["scan restored"].data.copy()
    count = int(opened.status.split()[0])
    paint(opened["defects of scan"], SPOT, opened["defects of scan"].selected_label)
    assert opened.status.startswith("Not up to date")
    opened.settled()
    added = opened["decisions of scan"].data == PAINTED
    assert added[SPOT[0]]
    changed = (restored.data != before).any(axis=-1)
    assert changed.any()
    assert not changed[~added].any()
    assert opened.status.startswith(f"{count + 1} defects")
    assert np.array_equal(
        restored.data[opened["defects of scan"].data == 0], scan[opened["defects of scan"].data == 0]
    )


def test_another_image_in_the_list_changes_the_dock(opened):
    opened.choose(sensitivity=0.8)
    old = opened.status
    other = opened.viewer.add_image(make_scan(seed=5), name="other")
    assert opened.fields["layer"].value is other
    assert "defects" not in opened.status, "not the count of the image before"
    opened.viewer.layers.selection.active = opened["defects of scan"]
    assert opened.fields["layer"].value is opened["scan"]
    assert opened.status == old
    opened.viewer.layers.selection.active = other
    opened.choose(sensitivity=0.3)
    opened.click("find")
    opened.viewer.layers.selection.active = opened["scan"]
    assert opened.fields["sensitivity"].value == pytest.approx(0.8), (
        "its options are those that it was made with"
    )
    assert opened.status == old


def test_other_data_in_the_layer_never_shows_the_old_count(opened):
    opened["scan"].data = make_scan(seed=9)
    assert "defects" not in opened.status
    opened.click("remove")
    outside = opened["defects of scan"].data == 0
    assert np.array_equal(opened["scan restored"].data[outside], opened["scan"].data[outside])
