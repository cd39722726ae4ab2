"""Damaged files, EXIF blocks and messages for what reads them: ``python -m benchmarks.fuzz SECONDS SEED``.

Prints what was counted as JSON; a crash says where. A finding belongs into
``tests/core/test_core_promises.py``.
"""

import contextlib
import faulthandler
import json
import random
import resource
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile

from dsr_core import DsrError
from dsr_core.editor.session import Session
from dsr_core.editor.wire import Header, Payload, PlugInError, head, read_frame, read_header
from dsr_core.io import Wishes, losses, read_picture, write_picture
from dsr_core.io.kinds import suffix_for
from dsr_core.tifftags import Tag, from_exif, to_exif, without_thumbnail
from tests.core.made_files import ASCII, BYTE, exif_with_thumbnail, mpf, page, png, segment, tiff
from tests.toy_model import write_toy_model

Message = tuple[Header, bytes]
_EXIF = to_exif({271: Tag(2, b"Scanner\0"), 34665: Tag(4, below={33434: Tag(5, bytes(8))})})
NASTY: tuple[Any, ...] = (None, True, -1, 0, 1, 24, 1 << 40, 1e400, -0.5, "", "u8", "masked", [], [0] * 4, {})
"""Values that nobody expects in a message."""
_MOST = 10_000_000  # pixels; a file that claims more is refused
_MEMORY = 4 << 30  # bytes, ten times what is needed: a finding must not take the machine with it


def seeds() -> dict[str, bytes]:
    """Return a small good file of every kind that is read, plain and with what such files carry."""
    pixels = np.random.default_rng(1).integers(40, 200, (20, 24, 3), np.uint8)
    deep = pixels.astype(np.uint16) * 257
    jpeg = cv2.imencode(".jpg", pixels)[1].tobytes()
    parts = [segment(0xE1, exif_with_thumbnail(jpeg)), segment(0xE2, mpf([0x030000])), segment(0xFE, b"note")]
    chunks = ((b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"Title\0Scan"), (b"pHYs", bytes(8) + b"\1"))
    raw = [(50706, BYTE, [1, 4, 0, 0]), (50708, ASCII, b"Scanner\0")]
    found = {
        "PNG": cv2.imencode(".png", pixels)[1].tobytes(),
        "PNG with chunks": png(pixels, *chunks),
        "JPEG": jpeg,
        "JPEG with segments": jpeg[:2] + b"".join(parts) + jpeg[2:],
        "BMP": cv2.imencode(".bmp", pixels)[1].tobytes(),
        "PNM": cv2.imencode(".ppm", pixels)[1].tobytes(),
        "WebP": imagecodecs.webp_encode(pixels, lossless=True),
        "JPEG 2000": imagecodecs.jpeg2k_encode(pixels, level=0),
        "DNG": tiff(page(pixels[:5, :6], *raw, below=[page(deep, photometric=34892)])),
        "infrared page": tiff(page(deep), page(deep[..., 0]), order=">"),
    }
    for compression in (None, "lzw", "zlib", "jpeg", "packbits", "zstd", "lzma"):
        for order, big in (("<", False), (">", True)):
            file = BytesIO()
            tifffile.imwrite(
                file, pixels, photometric="rgb", compression=compression, byteorder=order, bigtiff=big
            )
            found[f"TIFF, {compression or 'uncompressed'}, {order}"] = file.getvalue()
    return {name: bytes(data) for name, data in found.items()}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return data with bytes changed, cut or added."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(min(len(result), chance.choice([64, 512, 1 << 20])))
        kind = chance.choice(["set", "set", "set", "cut", "add"])
        if kind == "set":
            result[at] = chance.choice(
                [0, 1, 255, chance.randrange(256), result[at] ^ 1 << chance.randrange(8)]
            )
        elif kind == "cut":
            del result[at : at + chance.choice([1, 4, 64, 1 << 20])]
        else:
            result[at:at] = chance.randbytes(chance.randint(1, 9))
        if not result:
            break
    return bytes(result)


def conversation(model: Path) -> list[Message]:
    """Return what a plug-in says to the worker for one small picture."""
    pixels = np.random.default_rng(4).integers(40, 200, (20, 24, 3), np.uint8)
    chosen: dict[str, Any] = {"options": {"sensitivity": 0.5, "polarity": "auto", "grow": 1, "feather": 1.0}}
    picture = {"width": 24, "height": 20, "channels": 3, "dtype": "u8", "linear": False, "clip": False}
    run = {"type": "predict", "id": 2, "model": str(model), "provider": "cpu", **picture}
    return [
        ({"type": "margin", "id": 1, "model": str(model)}, b""),
        (run, pixels.tobytes()),
        ({"type": "compose", "id": 3, **chosen, "region": [0, 0, 24, 20], "alpha": "masked"}, b""),
        ({"type": "preview", "id": 4, **chosen, "view": [2, 2, 9, 9], "step": 2, "after": True}, b""),
    ]


def altered(header: Header, chance: random.Random) -> Header:
    """Return a header in which one value is another, at any depth, or missing."""
    copy: Header = json.loads(json.dumps(header))
    at: Any = copy
    while True:
        key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if not (isinstance(at[key], (dict, list)) and at[key] and chance.random() < 0.7):  # noqa: PLR2004
            break
        at = at[key]
    if chance.random() < 0.1:  # noqa: PLR2004
        del at[key]
    else:
        at[key] = chance.choice(NASTY)
    return copy


def fuzz(seconds: float, model: Path, seed: int) -> Counter[str]:
    """Feed damaged files, EXIF blocks and messages to their readers for a while; count what comes of it.

    What is read in spite of its damage is written again. Anything else than a picture, an answer or a
    sentence ends the run with a traceback.
    """
    chance, files, said = random.Random(seed), list(seeds().values()), conversation(model)  # noqa: S311
    counted: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for data in files:
                counted.update(_try_file(damaged(data, chance), Path(folder)))
            for _ in range(20):
                counted.update(_try_exif(chance))
            counted.update(_try_frames(said, chance))
            counted.update(_try_requests(said, chance))
    return counted


def _try_file(data: bytes, folder: Path) -> Iterator[str]:
    yield "files"
    try:
        picture = read_picture(data, Wishes(most_pixels=_MOST))
        yield "files that were read in spite of it"
        form = picture.form_to_write
        losses(picture, form)
        write_picture(folder / f"out{suffix_for(Path('out'), form)}", picture.pixels, picture, form)
        yield "files that were written again then"
    except DsrError as error:
        if isinstance(error.__cause__, MemoryError):
            raise AssertionError("a small picture takes much memory") from error  # noqa: TRY004
        _is_sentence(str(error))
        yield "files refused with a sentence"


def _try_exif(chance: random.Random) -> Iterator[str]:
    block = damaged(_EXIF, chance)
    from_exif(block, [])
    without_thumbnail(block)
    yield "EXIF blocks, which are never a reason to refuse"


def _try_frames(said: list[Message], chance: random.Random) -> Iterator[str]:
    """Send frames whose bytes are damaged."""
    for header, payload in said:
        yield "frames of the worker's protocol"
        try:
            stream = BytesIO(damaged(head(header, len(payload)) + payload, chance))
            _, rest = read_header(stream)
            rest.fill(stream)
            yield "frames that were frames still"
        except EOFError:
            yield "frames that end too early"
        except PlugInError as error:
            _is_sentence(str(error))
            yield "frames refused with a sentence"


def _try_requests(said: list[Message], chance: random.Random) -> Iterator[str]:
    """Send good frames whose requests make no sense; one of four is left as it is."""
    output = BytesIO()
    session = Session(output, set())
    for header, data in said:
        yield "requests to the worker, most of them senseless"
        payload = Payload(len(data))
        payload.fill(BytesIO(data))
        session.answer(altered(header, chance) if chance.random() < 0.75 else header, payload)  # noqa: PLR2004
    output.seek(0)
    with contextlib.suppress(EOFError):
        while True:
            answer, _ = read_frame(output)
            if answer["type"] == "error":
                _is_sentence(answer["message"])
                yield "requests refused with a sentence"
            elif answer["type"] != "progress":
                yield "requests answered"


def _is_sentence(text: str) -> None:
    if "\n" in text or not text.endswith("."):
        raise AssertionError(f"this is not a sentence: {text!r}")


if __name__ == "__main__":
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with TemporaryDirectory() as name:
        print(json.dumps(fuzz(float(sys.argv[1]), write_toy_model(Path(name, "toy.onnx")), int(sys.argv[2]))))
