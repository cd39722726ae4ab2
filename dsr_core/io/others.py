"""Formats that are read only: PNM and BMP, which hold pixels and little else, and JPEG 2000."""

import struct
from typing import BinaryIO

import cv2
import imagecodecs
import numpy as np

from dsr_core import tifftags
from dsr_core.coding import Coding, guess, plain
from dsr_core.io import blocks
from dsr_core.io.picture import Picture, UnsuitableError, Wishes
from dsr_core.pixels import Image


def read_pnm(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a PGM or PPM, as text or in bytes; its largest value is white."""
    data = file.read()
    width, height, white = _pnm_header(data)
    wishes.check_size(width, height)
    binary = data[:2] in (b"P5", b"P6")
    channels = 3 if data[:2] in (b"P3", b"P6") else 1
    if binary and len(data) < width * height * channels * (2 if white > 255 else 1):  # noqa: PLR2004
        raise ValueError("its end is missing")
    pixels = _by_opencv(data)
    notes: tuple[str, ...] = ()
    coding = plain(pixels)
    if white != coding.white:
        coding = Coding(white)
        notes = (f"{white} is white in this file; its samples keep these numbers.",)
    return Picture(pixels, "pnm", coding=coding, notes=notes)


def read_bmp(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a BMP with its resolution."""
    data = file.read()
    header, width, height = struct.unpack_from("<Iii", data, 14)
    wishes.check_size(width, abs(height))
    tags: tifftags.Tags = {}
    if header >= 40:  # noqa: PLR2004 -- all but those of OS/2
        bits, horizontal, vertical = struct.unpack_from("<H8xii", data, 28)
        if bits == 1:
            raise UnsuitableError("is black and white with 1 bit a pixel; scan or convert it to grey first")
        if horizontal > 0 and vertical > 0:
            tags = blocks.resolution_tags(horizontal, vertical, unit=3, scale=100)
    return Picture(_by_opencv(data), "bmp", tags)


def read_jp2(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a JPEG 2000 of 8 to 16 bits with its profile."""
    data = file.read()
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0:
        raise ValueError("the picture in it is missing")
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    (channels,) = struct.unpack_from(">H", data, start + 40)
    wishes.check_size(right - left, bottom - top)
    if channels not in (1, 2, 3, 4):
        raise UnsuitableError(f"holds {channels} channels; save it as grey or RGB, with or without alpha")
    pixels: Image = imagecodecs.jpeg2k_decode(data)
    if pixels.dtype.kind != "u":
        raise UnsuitableError(f"holds {pixels.dtype} samples; convert it to 8 or 16 bits")
    tags: tifftags.Tags = {}
    profile = _profile_of(data[:start])
    if profile:
        tags[tifftags.ICC] = blocks.block_tag(profile)
    coding, note = guess(pixels)
    return Picture(pixels, "jp2", tags, coding=coding, notes=(note,) if note else ())


def _pnm_header(data: bytes) -> tuple[int, int, int]:
    """Return width, height and the largest value."""
    words: list[bytes] = []
    for line in data[2 : 1 << 16].splitlines():
        words += line.partition(b"#")[0].split()
        if len(words) >= 3:  # noqa: PLR2004
            break
    width, height, white = (int(word) for word in words[:3])
    if not 0 < white < 1 << 16:
        raise ValueError("its largest value is senseless")
    return width, height, white


def _by_opencv(data: bytes) -> Image:
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ValueError(error.err) from error
    if pixels is None:
        raise ValueError("it cannot be decoded")
    if pixels.ndim == 2:  # noqa: PLR2004
        return pixels
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return np.ascontiguousarray(pixels[:, :, order])


def _profile_of(boxes: bytes) -> bytes:
    """Return the ICC profile among the boxes before a JPEG 2000's pixels."""
    at = boxes.find(b"colr\x02")
    if at < 4:  # noqa: PLR2004
        return b""
    (length,) = struct.unpack_from(">I", boxes, at - 4)
    return boxes[at + 7 : at - 4 + length]
