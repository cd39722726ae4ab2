"""While it runs: progress, cancel, errors, and what happens when things go away."""

import threading

import numpy as np
import pytest
from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar
from napari.layers import Image
from napari.qt.threading import GeneratorWorker
from napari.utils.progress import progress
from qtpy.QtCore import QThreadPool, QTimer

from dsr_core import DsrError, engine
from dsr_napari import wide
from dsr_napari.frames import Frames
from tests.core.test_core_wide import BLOTCH, blotches
from tests.napari.scans import make_scan


@pytest.fixture
def big():
    return Image(make_scan(240, 336), name="scan")


@pytest.fixture
def slow(network):
    network.seconds = 0.05
    return network


def idle():
    """Whether the pool comes to rest: a thread is there a moment longer than the worker that it ran."""
    return QThreadPool.globalInstance().waitForDone(5_000)


@pytest.mark.usefixtures("slow")
def test_progress_shows_in_the_dock_and_in_naparis_activity(open_dock, big):
    dock = open_dock(big)
    seen = []
    dock.fields["progress"].changed.connect(seen.append)
    dock.click("find", wait=False)
    assert not dock.fields["find"].enabled
    assert not dock.fields["remove"].enabled
    assert dock.fields["cancel"].enabled
    dock.until(lambda: dock.fields["progress"].value > 100)
    (bar,) = progress._all_instances
    assert bar.total == dock.fields["progress"].max > 10
    assert 0 < bar.n < bar.total
    (shown,) = dock.viewer.window._qt_window._activity_dialog.findChildren(QtLabeledProgressBar)
    assert shown.description_label.text() == "scan: "
    assert shown.qt_progress_bar.value() == bar.n
    dock.settled()
    assert seen[:-1] == sorted(seen[:-1])
    assert max(seen) == bar.total
    assert not progress._all_instances
    assert dock.fields["find"].enabled
    assert dock.fields["remove"].enabled
    assert not dock.fields["cancel"].enabled


@pytest.mark.usefixtures("network")
def test_the_window_does_not_freeze(open_dock, big, monkeypatch):
    dock = open_dock(big, show=True)
    beat, frozen = threading.Event(), []
    heart = QTimer(dock.widget.native, interval=1)
    heart.timeout.connect(beat.set)
    heart.start()
    run = engine.Engine.__call__

    def wait_for_the_window(self, batch, **options):
        beat.clear()
        frozen.append(not beat.wait(20))  # whatever else the machine does
        return run(self, batch, **options)

    monkeypatch.setattr(engine.Engine, "__call__", wait_for_the_window)
    dock.click("remove")
    assert len(frozen) > 20
    assert not any(frozen), "the window handles events during every batch"


def test_cancel_stops_within_one_batch_and_changes_nothing(open_dock, big, slow, told):
    dock = open_dock(big)
    for button in ("find", "remove"):
        slow.batches = 0
        dock.click(button, wait=False)
        dock.until(lambda: slow.batches >= 2)
        dock.click("cancel", wait=False)
        at = slow.batches
        dock.settled()
        assert slow.batches <= at + 1
        assert idle()
        assert dock.names == ["scan"]
        assert "Cancelled" in dock.status
    assert told() == []
    slow.seconds = 0
    dock.click("remove")
    assert dock.names == ["scan", "scan restored", "defects of scan"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("boom"), "The network stopped (boom); run it on the processor"),
        (ValueError("boom"), "Dust removal failed: boom"),
        # tried with less at a time first, then told with the remedy
        (MemoryError("boom"), "fit into memory; close other programs and try again."),
    ],
)
def test_an_error_is_one_sentence(open_dock, big, told, monkeypatch, error, sentence):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(engine.Engine, "__call__", fail)
    dock = open_dock(big)
    dock.click("find")
    assert told() == [], "it stands in the dock, not in a window that is cut off"
    assert sentence in dock.status
    assert "Traceback" not in dock.status
    assert dock.fields["find"].enabled
    assert dock.names == ["scan"]
    assert idle()
    assert not progress._all_instances


def test_a_provider_that_cannot_run_is_told(open_dock, big, told):
    dock = open_dock(big)
    dock.choose(provider="cuda")
    dock.click("find")
    assert told() == []
    assert "CUDA could not be loaded" in dock.status


def test_a_missing_model_is_told(open_dock, big, told, shipped_model):
    dock = open_dock(big)
    shipped_model.unlink()
    dock.click("find")
    assert told() == []
    assert dock.status.endswith(".")
    assert "model" in dock.status


def test_removing_the_layer_while_it_runs(open_dock, big, slow, told):
    dock = open_dock(big)
    dock.click("remove", wait=False)
    dock.until(lambda: slow.batches >= 2)
    dock.viewer.layers.remove(big)
    at = slow.batches
    dock.settled()
    assert slow.batches <= at + 1
    assert idle()
    assert dock.names == []
    assert told() == []


@pytest.mark.parametrize("close", ["dock", "viewer"])
def test_closing_while_it_runs_leaves_nothing(open_dock, big, slow, told, qtbot, close):
    dock = open_dock(big)
    dock.click("remove", wait=False)
    dock.until(lambda: slow.batches >= 2)
    if close == "dock":
        dock.dock.destroyOnClose()
    else:
        dock.viewer.close()
    at = slow.batches
    dock.until(idle)
    qtbot.wait(100)
    assert slow.batches <= at + 1
    assert told() == []
    assert not GeneratorWorker._worker_set
    assert not progress._all_instances
    if close == "dock":
        assert dock.names == ["scan"]


def test_rolled_axes_are_refused_with_a_sentence():
    layer = Image(np.zeros((64, 80, 5), np.uint8), name="stack", rgb=False)
    assert Frames(layer, (0, 0, 0), every=False, displayed=(1, 2)).frame_shape == (80, 5)
    with pytest.raises(DsrError, match=r"axes rolled; put its axis -1 first \(numpy.moveaxis\(data, -1, 0\)"):
        Frames(layer, (0, 0, 0), every=False, displayed=(0, 1))


def test_nothing_is_made_of_a_plane_that_is_not_shown(open_dock):
    dock = open_dock(Image(np.zeros((64, 80, 5), np.uint8), name="stack", rgb=False))
    dock.viewer.dims.order = (2, 0, 1)  # as the button that rolls them does
    for button in ("find", "remove"):
        dock.click(button)
        assert "is shown with its axes rolled" in dock.status
        assert dock.names == ["stack"]


def test_a_picture_that_was_changed_in_place_is_looked_at_again(open_dock, network):
    picture = make_scan(96, 112)
    layer = Image(picture, name="scan", rgb=picture.ndim == 3)
    dock = open_dock(layer)
    dock.click("find")
    ran = network.batches
    dock.click("remove")
    assert network.batches == ran  # what was found is good still
    picture[...] = 255 - picture if picture.dtype == np.uint8 else picture.max() - picture
    dock.click("remove")
    assert network.batches == 2 * ran


def test_floats_of_another_white_are_restored_in_their_own_numbers(open_dock):
    picture = make_scan(96, 112, channels=1)
    samples = picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max) * 255
    dock = open_dock(Image(samples, name="scan", rgb=False, contrast_limits=(0, 255)))
    dock.click("remove")
    assert dock.fields["status"].value.split()[0] != "0"
    restored = dock.viewer.layers["scan restored"].data
    outside = dock.viewer.layers["defects of scan"].data == 0
    assert np.array_equal(restored[outside], samples[outside])
    assert restored[~outside].max() > 2


def test_contrast_limits_say_what_white_is():
    dark = np.full((8, 8), 900, np.uint16)
    for limits, white in (((0, 4095), 4095), ((0, 65535), 65535), ((0, 900), 1023)):
        layer = Image(dark, contrast_limits=limits)
        assert Frames(layer, (0, 0), every=False, displayed=(0, 1)).coding(dark)[0].white == white


def test_damage_too_wide_to_be_repaired_is_told_once_the_repairs_are_shown(open_dock, monkeypatch):
    dock = open_dock(Image(blotches((300, 950)), name="scan"))
    there, look = [], wide.look_for_wide_damage

    def looked(*arguments):
        there.append(dock.names)
        return look(*arguments)

    monkeypatch.setattr(wide, "look_for_wide_damage", looked)
    dock.click("find")
    assert (there, BLOTCH in dock.status) == ([], False), "finding alone is no slower"
    dock.click("remove")
    assert there == [["scan", "scan restored", "defects of scan"]]
    assert f"A place looks {BLOTCH}" in dock.status
    dock.choose(sensitivity=0.4)
    assert f"A place looks {BLOTCH}" in dock.status
    assert len(there) == 1


def test_of_a_stack_the_shown_frame_is_looked_at_for_wide_damage(open_dock):
    dock = open_dock(Image(np.stack([blotches((300, 950)), blotches()]), name="scan"))
    dock.choose(frames="all")
    dock.viewer.dims.set_point(0, 1)
    dock.click("remove")
    assert BLOTCH not in dock.status
    dock.viewer.dims.set_point(0, 0)
    dock.click("remove")
    assert BLOTCH in dock.status


def test_a_second_look_does_not_outlive_its_layer(open_dock, monkeypatch):
    dock = open_dock(Image(blotches((300, 950)), name="scan"))
    gate, look = threading.Event(), wide.look_for_wide_damage

    def wait(*arguments):
        gate.wait(20)
        return look(*arguments)

    monkeypatch.setattr(wide, "look_for_wide_damage", wait)
    dock.click("remove", wait=False)
    dock.until(lambda: "scan restored" in dock.names)
    assert dock.fields["remove"].enabled, "nothing waits for it"
    dock.viewer.layers.clear()
    gate.set()
    dock.settled()
    assert BLOTCH not in dock.status
