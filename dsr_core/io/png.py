"""PNG in and out, with every chunk that still fits."""

import struct
import zlib
from typing import BinaryIO

import imagecodecs
import numpy as np

from dsr_core import tifftags
from dsr_core.io import blocks
from dsr_core.io.picture import Block, Picture, UnsuitableError, Wishes
from dsr_core.pixels import Image
from dsr_core.tifftags import Tags

_START = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp"
_OURS = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS"}
_OF_THE_SAMPLES = {"bKGD", "sBIT", "hIST"}  # they count as the samples are stored
_GREY, _COLOUR, _PALETTE = 0, 2, 3
_METRE = 1
_LINEAR_TRANSFER, _GAMMA_ONE = 8, 100_000
_SHOWN_BYTES = 1 << 24  # a profile or a note that is larger when unpacked is a trap


def read_png(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a PNG; palettes become RGB, a transparent colour becomes alpha, 2 and 4 bits become 8.

    Raises
    ------
    UnsuitableError
        An animation, or a picture of 1 bit.
    ValueError, RuntimeError
        It is damaged.
    """
    data = file.read()
    chunks = _chunks(data)
    if not chunks or chunks[0].name != "IHDR" or len(chunks[0].data) != 13:  # noqa: PLR2004
        raise ValueError("it does not begin as a PNG does")
    width, height, bits, kind = struct.unpack(">IIBB", chunks[0].data[:10])
    names = {chunk.name for chunk in chunks}
    wishes.check_size(width, height)
    if "acTL" in names:
        raise UnsuitableError("holds several pages or frames; save each as a file of its own first")
    if bits == 1 and kind == _GREY and not wishes.bilevel:
        raise UnsuitableError("is black and white with 1 bit a pixel; scan or convert it to grey first")
    pixels: Image = imagecodecs.png_decode(data)
    pixels = pixels.reshape(height, width, -1)
    pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    changed = kind == _PALETTE or bits < 8 or "tRNS" in names  # noqa: PLR2004
    gone = _OURS | (_OF_THE_SAMPLES if changed else set())
    kept = tuple(chunk for chunk in chunks if chunk.name not in gone)
    lost = sorted((names & gone) - _OURS)
    bad: list[str] = []
    tags = _tags(kept, bad)
    notes = [f"Its {', '.join(lost)} went with the kind of its pixels."] if lost else []
    if bad:
        notes.append(f"Damaged, and carried along as it is: {', '.join(dict.fromkeys(bad))}.")
    return Picture(
        np.ascontiguousarray(pixels), "png", tags, kept, linear=_is_linear(kept), notes=tuple(notes)
    )


def write_png(pixels: Image, like: Picture) -> bytes:
    """Return pixels as a PNG with what ``like`` carries."""
    encoded = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    own = [chunk for chunk in _chunks(encoded) if chunk.name in ("IHDR", "IDAT", "IEND")]
    carried = like.blocks if like.format == "png" else _from_tags(like.tags)
    result = [own[0], *(block for block in carried if not block.late), *own[1:-1]]
    result += [*(block for block in carried if block.late), own[-1]]
    return _START + b"".join(map(_packed, result))


def _chunks(data: bytes) -> list[Block]:
    found, at, late = [], len(_START), False
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8].decode("latin-1")
        late |= name == "IDAT"
        found.append(Block(name, data[at + 8 : at + 8 + length], late))
        at += 12 + length
        if name == "IEND":
            break
    return found


def _packed(chunk: Block) -> bytes:
    body = chunk.name.encode("latin-1") + chunk.data
    return struct.pack(">I", len(chunk.data)) + body + struct.pack(">I", zlib.crc32(body))


def _tags(chunks: tuple[Block, ...], bad: list[str]) -> Tags:
    """Return what chunks say, as tags."""
    tags: Tags = {}
    for name, data, _ in chunks:
        if name == "pHYs" and len(data) == 9 and data[8] == _METRE:  # noqa: PLR2004
            horizontal, vertical = struct.unpack(">II", data[:8])
            tags |= blocks.resolution_tags(horizontal, vertical, unit=3, scale=100)
        elif name == "eXIf":
            tags = tags | tifftags.from_exif(data, bad)
        elif name == "iCCP":
            profile = _unpacked(data.partition(b"\0")[2][1:])
            if profile:
                tags[tifftags.ICC] = blocks.block_tag(profile)
            else:
                bad.append("the profile")
        elif name == "iTXt" and data.startswith(_XMP + b"\0"):
            flag, text = data[len(_XMP) + 1 :][:1], data[len(_XMP) + 3 :].split(b"\0", 2)[-1]
            text = _unpacked(text) if flag == b"\1" else text
            if text:
                tags[tifftags.XMP] = blocks.block_tag(text)
    return tags


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _SHOWN_BYTES)
    except zlib.error:
        return b""


def _is_linear(chunks: tuple[Block, ...]) -> bool:
    """Return whether the chunk that counts most says that the samples are linear light."""
    said = {chunk.name: chunk.data for chunk in chunks}
    if "cICP" in said:
        return said["cICP"][1:2] == bytes([_LINEAR_TRANSFER])
    if "iCCP" in said or "sRGB" in said:
        return False
    return said.get("gAMA") == struct.pack(">I", _GAMMA_ONE)


def _from_tags(tags: Tags) -> list[Block]:
    """Return chunks that say what the tags of another format do."""
    made = []
    if tifftags.ICC in tags:
        made.append(Block("iCCP", b"icc\0\0" + zlib.compress(tags[tifftags.ICC].data)))
    resolution = blocks.resolution_of(tags)
    if resolution is not None:
        per_metre = [round(per_inch / 0.0254) for per_inch in resolution]
        made.append(Block("pHYs", struct.pack(">IIB", *per_metre, _METRE)))
    exif = tifftags.to_exif(tags)
    if exif:
        made.append(Block("eXIf", exif))
    if tifftags.XMP in tags:
        made.append(Block("iTXt", _XMP + b"\0\0\0\0\0" + tags[tifftags.XMP].data))
    return made
