"""The worker process, spoken to as the plug-in does."""

import ast
import io
import re
import struct
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scene import HEIGHT, WIDTH, scene

from dsr_core import DsrError, Options, restore
from dsr_core.grain import REACH
from dsr_core.protocol import MAGIC, PROTOCOL, read_frame, write_frame
from dsr_core.session import blend, outlines, shrink, shrink_mask

COMMAND = [sys.executable, "-E", "-P", "-m", "dsr_core.worker"]
PLUGIN = Path(__file__).parents[2] / "dsr_gimp" / "dust_scratch_removal" / "dust_scratch_removal.py"
WHOLE = [0, 0, WIDTH, HEIGHT]


class Client:
    def __init__(self):
        self.process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.hello, _ = read_frame(self.process.stdout)
        self.number = 0

    def send(self, kind: str, *parts: bytes, **fields) -> int:
        self.number += 1
        write_frame(self.process.stdin, {"type": kind, "id": self.number, **fields}, parts)
        return self.number

    def ask(self, kind: str, *parts: bytes, **fields):
        number, seen = self.send(kind, *parts, **fields), []
        while True:
            header, payload = read_frame(self.process.stdout)
            assert header["id"] == number
            if header["type"] != "progress":
                return header, payload, seen
            seen.append((header["done"], header["total"]))

    def predict(self, picture: np.ndarray, model: Path, clip: bytes = b"", **fields):
        kind = {"uint8": "u8", "uint16": "u16", "float32": "float"}[picture.dtype.name]
        shape = {"width": picture.shape[1], "height": picture.shape[0], "channels": picture.shape[2]}
        more = {"dtype": kind, "linear": False, "clip": bool(clip), "model": str(model), "provider": "cpu"}
        return self.ask("predict", picture.tobytes(), clip, **{**shape, **more, **fields})


@pytest.fixture
def client():
    client = Client()
    yield client
    client.process.stdin.close()
    assert client.process.wait(20) == 0
    client.process.stdout.close()


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
    assert client.hello["type"] == "hello"
    assert client.hello["protocol"] == PROTOCOL
    assert client.ask("margin", model=str(toy_model))[0]["margin"] == 8 + REACH

    picture = scene("u16", 4)
    header, _, seen = client.predict(picture, toy_model)
    assert (header["type"], header["provider"]) == ("predicted", "cpu")
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1]

    for options in ({}, {"sensitivity": 0.9, "grow": 3}):
        wanted = restore(picture, Options(**options), model=toy_model, provider="cpu")
        header, payload, seen = client.ask("compose", options=options, region=WHOLE, alpha="kept")
        assert seen == []  # the network did not run
        assert header["changed"] == wanted.mask.sum()
        image, mask = put_in(picture, header, payload)
        np.testing.assert_array_equal(image, wanted.image)
        np.testing.assert_array_equal(mask, wanted.mask * np.uint8(255))

    view = {"options": {}, "view": [10, 20, 31, 17], "step": 2, "after": False}
    header, payload, _ = client.ask("preview", **view)
    assert (header["width"], header["height"], header["pixels"]) == (16, 9, 16 * 9 * 8)
    assert len(payload) == 16 * 9 * (8 + 4)


def test_clip_keeps_repairs_out(client: Client, toy_model: Path):
    picture = scene("u8", 3)
    clip = np.zeros((HEIGHT, WIDTH), np.uint8)
    clip[:30] = 255
    client.predict(picture, toy_model, clip.tobytes())
    header, payload, _ = client.ask("compose", options={}, region=WHOLE, alpha="masked")
    pixels, _ = put_in(np.dstack([picture, np.zeros_like(clip)]), header, payload)
    wanted = restore(picture, model=toy_model, provider="cpu")
    np.testing.assert_array_equal(pixels[:30, :, :3], wanted.image[:30])
    np.testing.assert_array_equal(pixels[30:, :, :3], picture[30:])
    np.testing.assert_array_equal(pixels[..., 3], (wanted.mask & (clip > 0)) * np.uint8(255))
    assert header["changed"] == (wanted.mask & (clip > 0)).sum()
    preview, *_ = client.ask("preview", options={}, view=WHOLE, step=1, after=False)
    assert 0 < preview["defects"] < wanted.defects


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
    header, _, _ = client.ask(kind, **fields)
    assert header["type"] == "error"
    assert sentence in header["message"]
    assert client.ask("dance")[0]["type"] == "error"  # and the worker lives on


def test_too_few_pixels(client: Client, toy_model: Path):
    header, _, _ = client.predict(scene("u8", 3), toy_model, width=10_000)
    assert "too many or too few" in header["message"]


def test_cancel_stops_the_network(client: Client, toy_model: Path):
    picture = np.full((3000, 3000, 3), 99, np.uint8)
    shape = {"width": 3000, "height": 3000, "channels": 3, "dtype": "u8", "linear": False, "clip": False}
    target = client.send("predict", picture.tobytes(), **shape, model=str(toy_model), provider="cpu")
    client.send("cancel", target=target)
    while (header := read_frame(client.process.stdout)[0])["type"] == "progress":
        assert header["done"] < header["total"]
    assert (header["type"], header["id"]) == ("cancelled", target)


def test_worker_leaves_when_its_input_ends_while_the_network_runs(toy_model: Path):
    client = Client()
    picture = np.full((4000, 4000, 3), 99, np.uint8)
    shape = {"width": 4000, "height": 4000, "channels": 3, "dtype": "u8", "linear": False, "clip": False}
    client.send("predict", picture.tobytes(), **shape, model=str(toy_model), provider="cpu")
    assert read_frame(client.process.stdout)[0]["type"] == "progress"
    started = time.monotonic()
    client.process.stdin.close()
    assert client.process.wait(20) == 0
    assert time.monotonic() - started < 5  # at once, but for a machine that is busy
    client.process.stdout.close()


def test_worker_refuses_what_is_no_frame():
    done = subprocess.run(
        COMMAND, input=b"GET / HTTP/1.1\r\n\r\n", capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert b"does not speak this protocol" in done.stderr


def test_frames():
    stream = io.BytesIO()
    write_frame(stream, {"type": "é"}, [b"ab", np.arange(2, dtype=np.uint16).data])
    stream.seek(0)
    assert stream.getvalue()[:4] == MAGIC
    assert read_frame(stream) == ({"type": "é"}, b"ab\0\0\1\0")
    with pytest.raises(EOFError):
        read_frame(stream)
    broken = struct.pack("<4sIQ", MAGIC, 3, 0) + b"{,}"
    with pytest.raises(DsrError, match="damaged"):
        read_frame(io.BytesIO(broken))


def test_plugin_speaks_the_same_protocol():
    """The plug-in may not import ours, so its constants are a second copy."""
    text = PLUGIN.read_text()
    assert re.search(r"^PROTOCOL = (\d+)", text, re.MULTILINE)[1] == str(PROTOCOL)
    assert re.search(r'^HEAD = struct.Struct\("(.+)"\)', text, re.MULTILINE)[1] == "<4sIQ"
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    added = [
        call
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr.endswith("_argument")
    ]
    defaults = {call.args[0].value.replace("-", "_"): getattr(call.args[-2], "value", None) for call in added}
    for name, value in asdict(Options()).items():
        assert defaults.pop(name) == value, name
    assert set(defaults) == {"model", "provider", "output"}


def test_blend():
    before, after = np.array([[0.1, 0.1, 0.1]], np.float32), np.array([[0.9, 0.9, 0.9]], np.float32)
    mixed = blend(before, after, np.array([[0, 255, 51]], np.uint8))
    assert mixed[0, 0] == before[0, 0]
    assert mixed[0, 1] == after[0, 1]
    assert abs(mixed[0, 2] - 0.26) < 1e-6  # a fifth of the way, in float32
    rounded = blend(np.uint8([[0]]), np.uint8([[255]]), np.uint8([[128]]))
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
