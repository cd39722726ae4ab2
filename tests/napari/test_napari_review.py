"""Looking through the defects, and what the dock says: white, planes, fields, the bar."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt

from dsr_core import Options, Prediction, compose
from dsr_core.decisions import LEFT
from dsr_napari import run
from tests.napari.scans import make_scan


@pytest.fixture
def opened(open_dock):
    dock = open_dock(Image(make_scan(), name="scan", scale=(2, 2)))
    dock.click("remove")
    return dock


def test_next_and_previous_go_through_the_list_and_show_each(opened):
    listed, seen = opened.widget.defects, []
    count = int(opened.status.split()[0])
    assert listed.rows.rowCount() == count
    doubts = [listed.rows.data(listed.rows.index(row, 1)) for row in range(count)]
    assert doubts == sorted(doubts, key=lambda text: -int(text.split()[0])), "the most doubtful first"
    for _ in range(count):
        opened.click("next")
        row = listed.chosen
        middle = 2 * np.array([row["top"] + row["height"] / 2, row["left"] + row["width"] / 2])
        assert np.abs(np.array(opened.camera.center[-2:]) - middle).max() <= 2
        seen.append((row["row"], row["column"]))
    assert len(set(seen)) == count
    opened.click("previous")
    assert (listed.chosen["row"], listed.chosen["column"]) == seen[-2]
    listed.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    sizes = [int(listed.rows.data(listed.rows.index(row, 0))) for row in range(count)]
    assert sizes == sorted(sizes)


def test_a_key_takes_a_defect_out_and_in(opened):
    before, count = opened["defects of scan"].data.copy(), int(opened.status.split()[0])
    press = {str(key): action for key, action in opened.viewer.keymap.items()}
    press["."](opened.viewer)
    row = opened.widget.defects.chosen
    where = before == before[row["row"], row["column"]]
    press["R"](opened.viewer)
    opened.settled()
    assert not opened["defects of scan"].data[where].any()
    assert (opened["decisions of scan"].data[where] == LEFT).all()
    assert opened.status.startswith(f"{count - 1} defect")
    listed = opened.widget.defects
    assert listed.rows.rowCount() == count, "it is still listed, as left alone"
    assert listed.rows.data(listed.currentIndex().siblingAtColumn(2)) == "left alone"
    opened.qtbot.keyClick(listed, Qt.Key.Key_R)
    opened.settled()
    assert np.array_equal(opened["defects of scan"].data, before)


def test_a_click_on_a_defect_chooses_it(opened):
    row = opened.widget.defects.rows.rows[2]
    event = SimpleNamespace(type="mouse_release", position=(2 * row["row"], 2 * row["column"]))
    for _ in opened.widget._pick(opened.viewer, event):
        pass
    assert opened.widget.defects.chosen == row
    assert opened.camera.zoom < 10, "the picture stays where it is"


def test_compare_wipes_between_before_and_after(opened):
    scan, names = opened["scan"].data, opened.names
    opened.choose(compare=50)
    before = opened["scan before"]
    assert np.array_equal(before.data, scan[:, : scan.shape[1] // 2])
    assert np.shares_memory(before.data, scan), "no second copy"
    assert opened.viewer.layers.index(before) > opened.viewer.layers.index(opened["scan restored"])
    assert before not in opened.fields["layer"].choices
    opened.choose(compare=25)
    assert opened["scan before"].data.shape[1] == scan.shape[1] // 4
    opened.choose(compare=0)
    assert opened.names == names


CODED = {
    "12 bits in 16": (np.uint16, 4095),
    "floats of 0 to 255": (np.float32, 255),
    "floats of 0 to 65535": (np.float32, 65535),
    "16 bits in 32": (np.uint32, 65535),
    "int16": (np.int16, 4095),
    "int32": (np.int32, 65535),
}


@pytest.mark.parametrize("kind", CODED)
def test_the_value_range_is_recognised_and_shown(open_dock, kind):
    dtype, white = CODED[kind]
    plain = make_scan(channels=1, dtype=np.float64)
    samples = (plain * white).astype(dtype)
    samples[0, 0] = white
    dock = open_dock(Image(samples, name="scan"))
    dock.click("remove")
    restored, outside = dock["scan restored"].data, dock["defects of scan"].data == 0
    assert 3 < int(dock.status.split()[0]) < 15, "what a scan of the usual range has"
    assert restored.dtype == dtype
    assert np.array_equal(restored[outside], samples[outside])
    assert not np.array_equal(restored, samples)
    assert dock.fields["white"].native.text() == f"auto: {white}"
    assert f"White is taken to be {white}" in dock.status


def test_white_can_be_changed(open_dock):
    samples = (make_scan(channels=1, dtype=np.float64) * 1000).astype(np.uint16)
    dock = open_dock(Image(samples, name="scan"))
    dock.click("find")
    assert dock.fields["white"].native.text() == "auto: 1023"
    dock.choose(white=4095)
    dock.click("remove")
    assert dock.widget.session.work.known[()].prediction.coding.white == 4095
    outside = dock["defects of scan"].data == 0
    assert np.array_equal(dock["scan restored"].data[outside], samples[outside])


def test_three_frames_can_be_named_as_such_in_the_window(open_dock):
    stack = np.stack([make_scan(channels=1, seed=seed) for seed in range(3)])
    dock = open_dock(Image(stack, name="roll"), show=True)
    dock.click("find")
    assert "tick 'planes are frames'" in dock.status
    dock.until(dock.fields["planes"].native.isVisible)
    dock.choose(planes=True, frames="all")
    dock.click("remove")
    assert dock["roll restored"].data.shape == stack.shape
    assert all(labels.any() for labels in dock["defects of roll"].data)


def test_the_window_does_not_wait_for_a_slider(opened, monkeypatch):
    compose, threads = run.compose, []

    def noted(*arguments, **named):
        threads.append(threading.current_thread())
        return compose(*arguments, **named)

    monkeypatch.setattr(run, "compose", noted)
    opened.choose(sensitivity=0.7)
    assert threads
    assert threading.main_thread() not in threads


def test_what_is_on_the_canvas_comes_first(open_dock, monkeypatch):
    from dsr_napari import work  # noqa: PLC0415

    monkeypatch.setattr(work, "_LARGE", 1000)
    dock = open_dock(Image(make_scan(240, 320), name="scan"), show=True)
    dock.click("remove")
    dock.camera.center, dock.camera.zoom = (0, 60, 70), 20
    dock.qtbot.wait(200)
    compose, shapes = run.compose, []

    def noted(prediction, *arguments, **named):
        shapes.append(prediction.image.shape[:2])
        return compose(prediction, *arguments, **named)

    monkeypatch.setattr(run, "compose", noted)
    dock.choose(sensitivity=0.8)
    assert shapes[-1] == (240, 320)
    assert shapes[0][0] * shapes[0][1] < 240 * 320 / 2
    plain = compose(dock.widget.session.work.known[()].prediction, dock.widget.session.work.options)
    assert np.array_equal(dock["scan restored"].data, plain.image), "in the end it is the whole"


def test_a_part_takes_its_part_of_all_evidence():
    image, scratch = np.full((60, 80), 100, np.uint8), np.zeros((60, 80), np.uint8)
    scratch[20:24] = 255
    evidence = {"network": scratch // 5, "scratches": scratch}
    whole = Prediction(image, image[..., None], scratch, None, "cpu", evidence=evidence)
    part = compose(run.cut(whole, (slice(10, 30), slice(5, 45))), Options(dense="repair"))
    assert part.mask.shape == (20, 40)
    assert part.sources == {"network": 0, "scratches": 1}


def test_the_bar_moves_within_a_batch(open_dock, network):
    network.seconds = 0.3
    dock = open_dock(Image(make_scan(160, 160), name="scan"))
    seen = {}
    dock.fields["progress"].changed.connect(lambda value: seen.setdefault(network.batches, set()).add(value))
    dock.click("find", wait=False)
    assert dock.fields["progress"].max == 0, "busy until something is known"
    dock.settled()
    assert max(len(values) for batch, values in seen.items() if batch > 1) > 1


def test_every_field_has_a_tooltip_and_a_label(open_dock):
    dock = open_dock()
    for name, field in dock.fields.items():
        if name and name != "status" and not hasattr(field, "text"):
            assert len(field.tooltip) > 10, name
    for name in ("find", "remove", "cancel", "previous", "next", "reject", "undo", "planes"):
        assert dock.fields[name].tooltip.endswith("."), name


def test_nothing_is_said_about_cuda_where_nobody_asked_for_it(opened, told):
    assert "CUDA" not in opened.status
    assert told() == []
    assert "CUDA" in opened.fields["provider"].tooltip, "who wants to know finds it there"
