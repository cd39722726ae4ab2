"""WebP in and out, with profile, EXIF and XMP."""

import struct
from typing import BinaryIO

import imagecodecs
import numpy as np

from dsr_core import tifftags
from dsr_core.io import blocks
from dsr_core.io.jpeg import QUALITY
from dsr_core.io.picture import Block, Picture, UnsuitableError, Wishes
from dsr_core.pixels import Image, colour
from dsr_core.tifftags import Tags

_OURS = {"VP8X", "VP8 ", "VP8L", "ALPH"}
_FLAGS = {"ICCP": 0x20, "EXIF": 0x08, "XMP ": 0x04}
_ALPHA = 0x10


def read_webp(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a WebP.

    Raises
    ------
    UnsuitableError
        An animation.
    ValueError, RuntimeError
        It is damaged.
    """
    data = file.read()
    chunks = _chunks(data)
    names = {chunk.name for chunk in chunks}
    if "ANMF" in names or "ANIM" in names:
        raise UnsuitableError("holds several pages or frames; save each as a file of its own first")
    width, height = _size(chunks)
    wishes.check_size(width, height)
    pixels: Image = imagecodecs.webp_decode(data)
    kept = tuple(
        Block(name, tifftags.without_thumbnail(content) if name == "EXIF" else content, late)
        for name, content, late in chunks
        if name not in _OURS
    )
    bad: list[str] = []
    tags: Tags = {}
    for name, content, _ in kept:
        if name == "EXIF":
            tags |= tifftags.from_exif(content, bad)
        elif name == "ICCP":
            tags[tifftags.ICC] = blocks.block_tag(content)
        elif name == "XMP ":
            tags[tifftags.XMP] = blocks.block_tag(content)
    notes = [f"Damaged, and carried along as it is: {', '.join(dict.fromkeys(bad))}."] if bad else []
    return Picture(pixels, "webp", tags, kept, {"lossless": "VP8L" in names}, notes=tuple(notes))


def write_webp(pixels: Image, like: Picture) -> bytes:
    """Return pixels as a WebP with what ``like`` carries: without loss unless ``like`` is a lossy WebP."""
    lossless = like.format != "webp" or like.saving["lossless"]
    shown = pixels if pixels.ndim > 2 else pixels[:, :, None]  # noqa: PLR2004
    if colour(shown).shape[2] == 1:  # WebP knows no grey
        shown = np.concatenate([np.repeat(shown[:, :, :1], 3, axis=2), shown[:, :, 1:]], axis=2)
    shown = np.ascontiguousarray(shown)
    encoded = bytes(imagecodecs.webp_encode(shown, None if lossless else QUALITY, lossless=lossless))
    own = [chunk for chunk in _chunks(encoded) if chunk.name != "VP8X"]
    carried = list(like.blocks) if like.format == "webp" else _from_tags(like.tags)
    flags = sum({_FLAGS.get(block.name, 0) for block in carried})
    if not flags and len(own) == 1:
        return encoded
    flags |= _ALPHA if shown.shape[2] == 4 else 0  # noqa: PLR2004
    height, width = shown.shape[:2]
    size = struct.pack("<II", width - 1, height - 1)
    head = Block("VP8X", struct.pack("<I", flags) + size[:3] + size[4:7])
    front = [block for block in carried if block.name == "ICCP"]
    back = [block for block in carried if block.name != "ICCP"]
    body = b"WEBP" + b"".join(map(_packed, [head, *front, *own, *back]))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> list[Block]:
    found, at = [], 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4].decode("latin-1"), struct.unpack_from("<I", data, at + 4)[0]
        found.append(Block(name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def _packed(chunk: Block) -> bytes:
    head = chunk.name.encode("latin-1") + struct.pack("<I", len(chunk.data))
    return head + chunk.data + b"\0" * (len(chunk.data) % 2)


def _size(chunks: list[Block]) -> tuple[int, int]:
    """Return width and height as the picture's own header has them."""
    for name, data, _ in chunks:
        if name == "VP8L" and len(data) >= 5:  # noqa: PLR2004
            bits = int.from_bytes(data[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if name == "VP8 " and len(data) >= 10:  # noqa: PLR2004
            width, height = struct.unpack("<HH", data[6:10])
            return width & 0x3FFF, height & 0x3FFF
    raise ValueError("the picture in it is missing")


def _from_tags(tags: Tags) -> list[Block]:
    """Return chunks that say what the tags of another format do."""
    made = []
    if tifftags.ICC in tags:
        made.append(Block("ICCP", tags[tifftags.ICC].data))
    exif = tifftags.to_exif(tags)
    if exif:
        made.append(Block("EXIF", exif))
    if tifftags.XMP in tags:
        made.append(Block("XMP ", tags[tifftags.XMP].data))
    return made
