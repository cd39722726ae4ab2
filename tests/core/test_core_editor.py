"""The worker process, spoken to as the plug-in does, and the parts of a picture that it hands out."""

import io
import re
import struct
import subprocess
import sys
from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest

import dsr_core
from dsr_core import Options, compose, fill, restore, run
from dsr_core.editor.client import Client, WorkerEndedError
from dsr_core.editor.patches import LEFT_OUT, blend_selected, outlines, shrink, shrink_mask
from dsr_core.editor.wire import MAGIC, PROTOCOL, PlugInError, read_frame, write_frame
from dsr_core.evidence import told
from dsr_core.grain import REACH
from tests.core.test_core_wide import BLOTCH, blotches
from tests.gimp.scene import HEIGHT, WIDTH, scene
from tests.infrared_film import film

WHOLE = [0, 0, WIDTH, HEIGHT]
PATIENCE = 60  # seconds, for machines that are busy with other work


def ask(client: Client, kind: str, *parts: bytes, **fields):
    """Return header and payload of an answer, and the steps of progress before it."""
    seen = []
    request = client.send(kind, sum(map(len, parts)), parts, **fields)
    header, payload = client.wait(request, lambda step: seen.append((step["done"], step["total"])))
    return header, payload, seen


def shape_of(picture: np.ndarray) -> dict:
    kind = {"uint8": "u8", "uint16": "u16", "float32": "float"}[picture.dtype.name]
    height, width, channels = picture.shape
    return {"width": width, "height": height, "channels": channels, "dtype": kind, "linear": False}


def predict(client: Client, image: np.ndarray, model: Path, clip: bytes = b"", **fields):
    more = {**shape_of(image), "clip": bool(clip), "model": str(model), "provider": "cpu"}
    return ask(client, "predict", image.tobytes(), clip, **{**more, **fields})


def start_large(client: Client, model: Path, side: int) -> int:
    """Ask for the network on a picture that takes a while; return the request's id."""
    picture = np.full((side, side, 3), 99, np.uint8)
    more = {"clip": False, "model": str(model), "provider": "cpu"}
    return client.send("predict", picture.nbytes, [picture.tobytes()], **shape_of(picture), **more)


def end_input(client: Client) -> None:
    """Close the worker's input once it has all that was sent, as the end of the editor would."""
    client._outgoing.put(None)


@pytest.fixture
def client():
    """A worker that leaves, at the end of the test, because its input ends."""
    client = Client(sys.executable, PATIENCE)
    yield client
    end_input(client)
    assert client.process.wait(20) == 0


def put_in(picture: np.ndarray, header: dict, payload: memoryview) -> tuple[np.ndarray, np.ndarray]:
    """Return a copy of a picture with what ``composed`` brought, and the mask."""
    image, mask = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
    samples = np.frombuffer(payload[: header["pixels"]], picture.dtype)
    marks = np.frombuffer(payload[header["pixels"] :], np.uint8)
    for x, y, width, height in header["places"]:
        here, size = (slice(y, y + height), slice(x, x + width)), width * height
        image[here] = samples[: size * picture.shape[2]].reshape(image[here].shape)
        mask[here] = marks[:size].reshape(height, width)
        samples, marks = samples[size * picture.shape[2] :], marks[size:]
    assert not len(samples)
    assert not len(marks)
    return image, mask


def test_a_whole_talk(client: Client, toy_model: Path):
    assert "3" in client.models
    assert ask(client, "margin", model=str(toy_model))[0]["margin"] == 8 + REACH

    picture = scene("u16", 4)
    header, _, seen = predict(client, picture, toy_model)
    assert (header["type"], header["provider"]) == ("predicted", "cpu")
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1]

    for options in ({}, {"sensitivity": 0.9, "grow": 3}):
        wanted = restore(picture, Options(**options), model=toy_model, provider="cpu")
        header, payload, seen = ask(client, "compose", options=options, region=WHOLE, alpha="kept")
        assert seen == []  # the network did not run
        assert header["changed"] == wanted.mask.sum()
        image, mask = put_in(picture, header, payload)
        np.testing.assert_array_equal(image, wanted.image)
        np.testing.assert_array_equal(mask, wanted.mask * np.uint8(255))

    view = {"options": {}, "view": [10, 20, 31, 17], "step": 2, "after": False}
    header, payload, _ = ask(client, "preview", **view)
    assert (header["width"], header["height"], header["pixels"]) == (16, 9, 16 * 9 * 8)
    assert len(payload) == 16 * 9 * (8 + 4)


def test_clip_keeps_repairs_out(client: Client, toy_model: Path):
    picture = scene("u8", 3)
    clip = np.zeros((HEIGHT, WIDTH), np.uint8)
    clip[:30] = 255
    predict(client, picture, toy_model, clip.tobytes())
    header, payload, _ = ask(client, "compose", options={}, region=WHOLE, alpha="masked")
    pixels, _ = put_in(np.dstack([picture, np.zeros_like(clip)]), header, payload)
    wanted = restore(picture, model=toy_model, provider="cpu")
    np.testing.assert_array_equal(pixels[:30, :, :3], wanted.image[:30])
    np.testing.assert_array_equal(pixels[30:, :, :3], picture[30:])
    np.testing.assert_array_equal(pixels[..., 3], (wanted.mask & (clip > 0)) * np.uint8(255))
    assert header["changed"] == (wanted.mask & (clip > 0)).sum()
    preview, *_ = ask(client, "preview", options={}, view=WHOLE, step=1, after=False)
    assert 0 < preview["defects"] < wanted.defects


def test_everything_that_is_selected_is_filled(client: Client, toy_model: Path):
    picture = scene("u16", 3)
    clip = np.zeros((HEIGHT, WIDTH), np.uint8)
    clip[20:40, 30:60], clip[19, 30:60] = 200, 100  # what is selected by less than half does not count
    predict(client, picture, toy_model, clip.tobytes())
    asked = {"options": {}, "region": WHOLE, "alpha": "kept"}
    before = ask(client, "compose", **asked)
    assert ask(client, "fill")[0]["type"] == "predicted"
    mask = clip >= 128
    prediction = run(dsr_core.predict(picture, model=toy_model, provider="cpu"))
    wanted = compose(run(fill(prediction, mask)), mask=mask)
    header, payload, seen = ask(client, "compose", everything=True, **asked)
    assert seen == []
    image, shown = put_in(picture, header, payload)
    np.testing.assert_array_equal(image, wanted.image)
    np.testing.assert_array_equal(shown, mask * np.uint8(255))
    assert ask(client, "compose", **asked)[0] == {**before[0], "id": ANY}  # what is found is as it was
    predict(client, picture, toy_model)
    with pytest.raises(PlugInError, match="Nothing is selected"):
        ask(client, "fill")


def test_infrared_comes_after_the_selection(client: Client, toy_model: Path):
    plate = film(shape=(199, 241), specks=12, lettering=False)  # odd, so that 16 bits lie at odd places
    picture = (plate.image >> 8).astype(np.uint8)
    region = [0, 0, 241, 199]
    view = {"options": {}, "view": region, "step": 1, "after": False}
    for clip in (b"", bytes([255]) * plate.dust.size):
        for infrared in (plate.infrared, (plate.infrared / 65535).astype(np.float16)):
            wanted = restore(picture, model=toy_model, provider="cpu", infrared=infrared)
            assert wanted.sources["infrared"] > 3
            kind = {"uint16": "u16", "float16": "half"}[infrared.dtype.name]
            parts = picture.tobytes(), clip, infrared.tobytes()
            fields = {**shape_of(picture), "clip": bool(clip), "infrared": kind}
            more = {"model": str(toy_model), "provider": "cpu"}
            predicted, *_ = ask(client, "predict", *parts, **fields, **more)
            assert any("The infrared channel is used" in note for note in predicted["notes"])
            predicted, *_ = ask(client, "predict", **more)
            assert any("The infrared channel is used" in note for note in predicted["notes"]), (
                "the same again"
            )
            header, payload, _ = ask(client, "compose", options={}, region=region, alpha="kept")
            image, mask = put_in(picture, header, payload)
            np.testing.assert_array_equal(image, wanted.image)
            np.testing.assert_array_equal(mask, wanted.mask * np.uint8(255))
            said = ask(client, "preview", **view)[0]["sources"]
            assert said == told(wanted.sources)
    predict(client, picture, toy_model)
    assert ask(client, "preview", **view)[0]["sources"] == ""
    with pytest.raises(PlugInError, match="too many or too few"):
        predict(client, picture, toy_model, infrared="u16")


def test_nothing_is_said_about_cuda_where_nobody_asked_for_it(client: Client, toy_model: Path):
    predicted, *_ = predict(client, scene("u8", 3), toy_model, provider="auto")
    assert [note for note in predicted["notes"] if "CUDA" in note] == []


def test_a_defect_is_taken_out_and_in_again(client: Client, toy_model: Path):
    picture = scene("u8", 3)
    predict(client, picture, toy_model, picture=7)
    found = restore(picture, model=toy_model, provider="cpu")
    header, payload, _ = ask(client, "defects", options={})
    places = np.frombuffer(payload, np.int32).reshape(-1, 2)
    assert header["count"] == len(places) == found.defects
    sizes = np.bincount(found.labels[found.mask])
    numbers = found.labels[places[:, 1], places[:, 0]]  # a pixel of each, from large to small
    assert sorted(numbers.tolist()) == list(range(1, found.defects + 1))
    assert (np.diff(sizes[numbers]) <= 0).all()
    label = numbers[0]
    click = {"options": {}, "x": int(places[0, 0]), "y": int(places[0, 1]), "reach": 0}
    view = {"options": {}, "view": WHOLE, "step": 1, "after": False}
    assert ask(client, "toggle", **click)[0]["changed"] is True
    for options in ({}, {"sensitivity": 0.9, "grow": 4}):
        header, payload, _ = ask(client, "compose", options=options, region=WHOLE, alpha="kept")
        _, mask = put_in(picture, header, payload)
        assert not mask[found.labels == label].any()
    header, payload, _ = ask(client, "preview", **view)
    marks = np.frombuffer(payload[header["pixels"] :], np.uint8).reshape(HEIGHT, WIDTH, 4)
    assert (marks == LEFT_OUT).all(-1).any()
    assert header["defects"] == found.defects - 1
    _, payload, _ = ask(client, "defects", options={})
    assert sorted(zip(*np.frombuffer(payload, np.int32).reshape(-1, 2).T, strict=True)) == sorted(
        zip(*places.T, strict=True)
    )  # one can go there, to take it in again

    predict(client, scene("u8", 3, 1), toy_model, picture=8)  # another, and this one again
    predict(client, picture, toy_model, picture=7)
    assert ask(client, "preview", **view)[0]["defects"] == found.defects - 1
    assert ask(client, "toggle", **click)[0]["changed"] is True
    assert ask(client, "preview", **view)[0]["defects"] == found.defects
    clean = np.argwhere(~found.mask)[0]
    assert ask(client, "toggle", options={}, x=int(clean[1]), y=int(clean[0]), reach=0)[0]["changed"] is False


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("compose", {"options": {}, "region": WHOLE, "alpha": "kept"}, "has not run yet"),
        ("compose", {"options": {"sensitivity": 7}, "region": WHOLE, "alpha": "kept"}, "sensitivity"),
        (
            "compose",
            {"options": {"colour": 7}, "region": WHOLE, "alpha": "kept"},
            "run `dsr-gimp install` again",
        ),
        ("margin", {"model": "/no/model.onnx"}, "There is no model"),
        ("predict", {"model": "3", "provider": "cpu"}, "sent no picture"),
        ("dance", {}, "'dance'; run `dsr-gimp install` again"),
    ],
)
def test_faults_are_sentences(client: Client, kind: str, fields: dict, sentence: str):
    with pytest.raises(PlugInError, match=re.escape(sentence)):
        ask(client, kind, **fields)
    with pytest.raises(PlugInError, match="dance"):  # and the worker lives on
        ask(client, "dance")


@pytest.mark.parametrize(
    ("kind", "change", "sentence"),
    [
        ("compose", {"region": [0, 0, 1 << 40, 1 << 40]}, "outside the picture"),
        ("preview", {"view": [0, 0, 9, 1 << 40], "step": 2, "after": False}, "outside the picture"),
        ("preview", {"view": WHOLE, "step": 0, "after": False}, "not understood"),
        ("compose", {"region": 7}, "not understood"),
        ("compose", {"region": WHOLE, "alpha": []}, "not understood"),
        ("compose", {"region": [0, 0, float("inf"), 1]}, "not understood"),
    ],
)
def test_senseless_numbers_are_answered_at_once(client: Client, toy_model: Path, kind, change, sentence):
    """A part of a million million rows kept the worker busy for ever."""
    client.send("cancel", target=[])
    predict(client, scene("u8", 3), toy_model)
    with pytest.raises(PlugInError, match=sentence):
        ask(client, kind, **{"options": {}, "alpha": "kept", **change})


def test_too_few_pixels(client: Client, toy_model: Path):
    with pytest.raises(PlugInError, match="too many or too few"):
        predict(client, scene("u8", 3), toy_model, width=10_000)


def test_cancel_stops_the_network(client: Client, toy_model: Path):
    target, seen = start_large(client, toy_model, 3000), []
    client.send("cancel", target=target)
    header, _ = client.wait(target, seen.append)
    assert header["type"] == "cancelled"
    assert all(step["done"] < step["total"] for step in seen)


def test_damage_too_wide_to_be_repaired_is_looked_for_on_request(client: Client, toy_model: Path):
    picture = np.rint(blotches((300, 950)) * 255).astype(np.uint8)[..., None]
    with pytest.raises(PlugInError, match="has not run yet"):
        ask(client, "look", options={})
    predict(client, picture, toy_model)
    answer, _, progress = ask(client, "look", options={})
    (note,) = answer["notes"]
    assert note.startswith(f"A place looks {BLOTCH}")
    assert progress
    predict(client, picture, toy_model, clip=b"\xff" * picture.size)
    answer, _, progress = ask(client, "look", options={})
    assert (answer["notes"], progress) == ([], []), "a selection is a place that somebody chose"


def test_worker_leaves_when_its_input_ends_while_the_network_runs(toy_model: Path):
    client = Client(sys.executable, PATIENCE)
    request, seen = start_large(client, toy_model, 4000), []

    def end_the_input(step: dict) -> None:
        seen.append(step)
        end_input(client)

    with pytest.raises(WorkerEndedError, match="exit status 0"):
        client.wait(request, end_the_input)
    assert seen[-1]["done"] < seen[-1]["total"], "it does not run to the end first"
    assert client.process.wait(20) == 0


def test_worker_refuses_what_is_no_frame():
    command = [sys.executable, "-E", "-P", "-m", "dsr_core.editor.worker"]
    done = subprocess.run(
        command, input=b"GET / HTTP/1.1\r\n\r\n", capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert b"does not speak this protocol" in done.stderr


def fake(folder: Path, program: str) -> str:
    """Return an interpreter that runs a shell program in place of the worker."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    return str(path)


def greeting(protocol: int) -> str:
    """Return a shell command that greets as a worker does."""
    frame = io.BytesIO()
    write_frame(frame, {"type": "hello", "protocol": protocol, "models": ["3"]})
    return "printf '" + "".join(f"\\{byte:03o}" for byte in frame.getvalue()) + "'"


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("echo last words >&2; exit 3", "ended unexpectedly (last words)"),
        ("exit 3", "ended unexpectedly (exit status 3)"),
        ("echo No module named dsr_core >&2", "is not in {python} any more; install it"),
        (greeting(PROTOCOL - 1), "do not fit together; run `dsr-gimp install` again"),
        (f"{greeting(PROTOCOL)}; exit 3", "ended unexpectedly (exit status 3)"),
        (f"{greeting(PROTOCOL)}; exec sleep 60", "has not answered for 2 seconds"),
        (f"{greeting(PROTOCOL)}; exec sleep 60 >&-", "ended unexpectedly"),  # it lives on, but says nothing
    ],
)
def test_a_worker_that_misbehaves_is_a_sentence(tmp_path: Path, program: str, sentence: str):
    python = fake(tmp_path, program)
    with (
        Client(python, patience=2) as client,
        pytest.raises(PlugInError, match=re.escape(sentence.format(python=python))),
    ):
        client.wait(client.send("margin", model="3"))
    assert client.process.poll() is not None


def test_an_interpreter_that_is_gone_is_a_sentence():
    with pytest.raises(PlugInError, match="/nowhere/python, cannot be started"):
        Client("/nowhere/python")


def test_frames():
    stream = io.BytesIO()
    write_frame(stream, {"type": "é"}, [b"ab", np.arange(2, dtype=np.uint16).data])
    stream.seek(0)
    assert stream.getvalue()[:4] == MAGIC
    assert read_frame(stream) == ({"type": "é"}, b"ab\0\0\1\0")
    with pytest.raises(EOFError):
        read_frame(stream)
    broken = struct.pack("<4sIQ", MAGIC, 3, 0) + b"{,}"
    with pytest.raises(PlugInError, match="A message is damaged"):
        read_frame(io.BytesIO(broken))
    endless = struct.pack("<4sIQ", MAGIC, 2, (1 << 64) - 1) + b"{}"
    with pytest.raises(PlugInError, match="There is no memory for 18446744073709551615 bytes"):
        read_frame(io.BytesIO(endless))


def test_blending_inside_a_soft_selection():
    before, after = np.array([[0.1, 0.1, 0.1]], np.float32), np.array([[0.9, 0.9, 0.9]], np.float32)
    mixed = blend_selected(before, after, np.array([[0, 255, 51]], np.uint8))
    assert mixed[0, 0] == before[0, 0]
    assert mixed[0, 1] == after[0, 1]
    assert abs(mixed[0, 2] - 0.26) < 1e-6  # a fifth of the way, in float32
    rounded = blend_selected(np.uint8([[0]]), np.uint8([[255]]), np.uint8([[128]]))
    assert rounded[0, 0] == 128


def test_shrinking_for_the_preview():
    mask = np.zeros((7, 9), bool)
    mask[6, 8] = True
    small = shrink_mask(mask, 4)
    assert small.shape == (2, 3)
    assert small[1, 2]
    assert small.sum() == 1
    for kind in (np.uint8, np.uint16, np.uint32, np.float16, np.float32, np.float64):
        reduced = shrink(np.full((7, 9, 2), 1, kind), 4)
        assert (reduced.shape, reduced.dtype) == ((2, 3, 2), kind)
        assert abs(reduced.astype(np.float64) - 1).max() < 1e-6  # a mean in float32; integers are exact
    marks = outlines(np.pad(np.ones((1, 1), bool), 2))
    assert (marks[..., 3] == 255).sum() == 8


def test_what_the_settings_have_to_tell_comes_along(client: Client, toy_model: Path):
    rows, columns = np.mgrid[:300, :300]
    picture = np.where((rows % 8 < 3) & (columns % 8 < 3), 255, 60).astype(np.uint8)[:, :, None]
    predict(client, picture, toy_model)
    for dense, number in (("keep", 1), ("repair", 0)):
        fields = {"options": {"dense": dense}, "region": [0, 0, 300, 300], "alpha": "kept"}
        composed, *_ = ask(client, "compose", **fields)
        assert len([note for note in composed["notes"] if "look like damage" in note]) == number
        assert (composed["changed"] == 0) == (dense == "keep")
    shown, *_ = ask(client, "preview", options={}, view=[0, 0, 100, 100], step=1, after=True)
    assert "set dense to repair" in shown["notes"][-1]
