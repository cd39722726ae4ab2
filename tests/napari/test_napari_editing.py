"""The sliders and the brush: both layers follow, without the network, and the person has the last word."""

import numpy as np
import pytest
from napari.layers import Image

import dsr_core
from dsr_napari import run
from tests.napari.scans import make_scan


@pytest.fixture
def opened(open_dock, network):
    """A dock with everything found and removed, and the network's counter at zero."""
    dock = open_dock(Image(make_scan(), name="scan"))
    dock.click("remove")
    dock["defects of scan"].visible = True
    network.batches = 0
    return dock


def paint(layer, corners, label):
    """Paint as the brush does; one stroke through the given points, 3 pixels wide."""
    layer.brush_size = 3
    with layer.block_history():
        for corner in corners:
            layer.paint(corner, label)


SPOT = [(20, 20), (21, 21)]
"""Where the picture is clean."""


def test_a_slider_recomposes_both_layers(opened, shipped_model):
    scan, layers = opened["scan"].data, list(opened.viewer.layers)
    for options in ({"sensitivity": 0.9}, {"grow": 3}, {"max_size": 9}, {"feather": 0}, {"polarity": "dark"}):
        opened.choose(**options)
        chosen = dsr_core.Options(**{name: opened.fields[name].value for name in vars(dsr_core.Options())})
        expected = dsr_core.restore(scan, chosen, model=shipped_model)
        assert np.array_equal(opened["defects of scan"].data, expected.labels)
        assert np.array_equal(opened["scan restored"].data, expected.image)
        assert f"{expected.defects} defect" in opened.status
    assert list(opened.viewer.layers) == layers


def test_no_network_for_sliders(opened, network):
    opened.choose(sensitivity=0.9, grow=3)
    opened.choose(sensitivity=0.4)
    assert network.batches == 0


def test_a_dragged_slider_composes_only_where_it_stops(opened, monkeypatch):
    """Or a large scan would fall behind it."""
    composed, compose = [], run.compose

    def counted(prediction, options, **decided):
        composed.append(options.sensitivity)
        return compose(prediction, options, **decided)

    monkeypatch.setattr(run, "compose", counted)
    for sensitivity in (0.3, 0.4, 0.6, 0.7, 0.8):
        opened.fields["sensitivity"].value = sensitivity
    assert composed == []
    opened.settled()
    assert composed == [0.8]


def test_options_that_contradict_each_other_are_told_in_the_dock(opened, told):
    before = opened["defects of scan"].data.copy()
    opened.choose(min_size=50)
    opened.choose(max_size=10)
    assert opened.status.startswith("Largest size (10) must be")
    assert "smallest size (50)" in opened.status
    assert told() == []
    assert opened["defects of scan"].data.shape == before.shape


def test_erasing_vetoes_a_defect(opened, network):
    defects, scan = opened["defects of scan"], opened["scan"].data
    where = defects.data == 2
    assert where.any()
    start = tuple(np.argwhere(where)[0])
    defects.fill(start, 0)  # the bucket
    assert not defects.data[where].any()
    opened.click("remove")
    assert np.array_equal(opened["scan restored"].data[where], scan[where])
    elsewhere = defects.data > 0
    assert (opened["scan restored"].data != scan).any(axis=-1)[elsewhere].any()
    assert not (opened["scan restored"].data != scan).any(axis=-1)[~elsewhere].any()
    assert network.batches == 0, "nothing was added, so there is nothing to repair anew"


def test_painting_adds_a_defect_and_repairs_it(opened, network):
    defects, scan = opened["defects of scan"], opened["scan"].data.copy()
    count = defects.data.max()
    assert defects.selected_label == count + 1
    untouched = opened["scan restored"].data.copy()
    paint(defects, SPOT, defects.selected_label)
    added = defects.data == count + 1
    assert 9 <= added.sum() < 30
    opened.click("remove")
    restored = opened["scan restored"].data
    assert network.batches == 0, "what is added is filled from around it"
    assert (restored[added] != scan[added]).any()
    assert np.abs(restored[added].astype(int) - scan[added]).max() < 30, "it looks like what is around it"
    assert np.array_equal(restored[~added], untouched[~added])
    assert len(np.unique(defects.data[added])) == 1
    assert f"{count + 1} defects" in opened.status


def test_edits_outlive_the_sliders(opened):
    defects, scan = opened["defects of scan"], opened["scan"].data
    vetoed = defects.data == 2
    defects.fill(tuple(np.argwhere(vetoed)[0]), 0)
    before = defects.data.copy()
    paint(defects, SPOT, 99)
    added = (defects.data > 0) & (before == 0)
    for sensitivity in (0.9, 0.2, 0.5):
        opened.choose(sensitivity=sensitivity)
        assert not defects.data[vetoed].any()
        assert defects.data[added].all()
        assert np.array_equal(opened["scan restored"].data[vetoed], scan[vetoed])
    opened.click("find")
    assert not defects.data[vetoed].any()
    assert defects.data[added].all()


def test_find_keeps_both_layers_alike(opened):
    """Or a restored layer would go back to what the network alone had repaired as soon as a slider moves."""
    paint(opened["defects of scan"], SPOT, 99)
    opened.click("remove")
    restored = opened["scan restored"].data.copy()
    opened.click("find")
    opened.choose(sensitivity=0.9)
    opened.choose(sensitivity=0.5)
    assert np.array_equal(opened["scan restored"].data, restored)
    assert opened.names == ["scan", "scan restored", "defects of scan", "decisions of scan"]


def test_painting_while_it_runs_is_not_lost(opened, network):
    network.seconds = 0.05
    opened.click("find", wait=False)
    opened.until(lambda: network.batches >= 1)
    paint(opened["defects of scan"], SPOT, 99)
    opened.settled()
    assert opened["defects of scan"].data[SPOT[0]]


def test_undo_takes_an_edit_back(opened):
    defects = opened["defects of scan"]
    before, restored = defects.data.copy(), opened["scan restored"].data.copy()
    paint(defects, SPOT, 99)
    defects.undo()
    assert np.array_equal(defects.data, before)
    opened.click("remove")
    assert np.array_equal(opened["scan restored"].data, restored)


def test_a_deleted_layer_of_defects_forgets_the_edits(opened, shipped_model):
    scan = opened["scan"].data
    paint(opened["defects of scan"], SPOT, 99)
    opened.viewer.layers.remove("defects of scan")
    opened.click("find")
    expected = dsr_core.restore(scan, model=shipped_model)
    assert np.array_equal(opened["defects of scan"].data, expected.labels)
    assert np.array_equal(opened["scan restored"].data, expected.image)
    assert opened.names == ["scan", "scan restored", "defects of scan"]


def test_editing_one_frame_of_a_stack(open_dock, network):
    stack = np.stack([make_scan(seed=seed) for seed in range(3)])
    dock = open_dock(Image(stack, name="roll", rgb=True))
    dock.choose(frames="all")
    dock.click("remove")
    others = dock["roll restored"].data[[0, 2]].copy()
    network.batches = 0
    paint(dock["defects of roll"], [(1, *SPOT[0])], 99)
    dock.click("remove")
    assert network.batches == 0
    assert dock["defects of roll"].data[1][SPOT[0]]
    assert (dock["roll restored"].data[1][SPOT[0]] != stack[1][SPOT[0]]).any()
    assert np.array_equal(dock["roll restored"].data[[0, 2]], others)
