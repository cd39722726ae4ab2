"""Formats that are read only: PNM and BMP, which hold pixels and little else, and JPEG 2000."""

import re
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

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PNM_HEADER = re.compile(rb"P([2356])" + 2 * (_SPACE + rb"(\d{1,9})") + _SPACE + rb"(\d{1,9})\s")
_TEXT, _PPM = (2, 3), (3, 6)


def read_pnm(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a PGM or PPM, as text or in bytes; its largest value is white."""
    data = file.read()
    header = _PNM_HEADER.match(data)
    if header is None:
        raise ValueError("its header is damaged")
    kind, width, height, white = (int(word) for word in header.groups())
    wishes.check_size(width, height)
    if not 0 < white < 1 << 16:
        raise ValueError("its largest value is senseless")
    channels = 3 if kind in _PPM else 1
    count = width * height * channels
    stored = np.dtype(">u2" if white > 255 else "u1")  # noqa: PLR2004
    if kind in _TEXT:
        words = data[header.end() :].split()[:count]
        samples = np.array(words, np.int64).clip(0, white)
    else:
        samples = np.frombuffer(
            data, stored, min(count, (len(data) - header.end()) // stored.itemsize), header.end()
        )
    if len(samples) < count:
        raise ValueError("its end is missing")
    shape = (height, width, channels) if channels > 1 else (height, width)
    pixels = samples.astype(stored.newbyteorder("=")).reshape(shape)
    if white == plain(pixels).white:
        return Picture(pixels, "pnm", coding=plain(pixels))
    note = f"{white} is white in this file; its samples keep these numbers."
    return Picture(pixels, "pnm", coding=Coding(white), notes=(note,))


def read_bmp(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a BMP with its resolution."""
    data = file.read()
    header, width, height = struct.unpack_from("<Iii", data, 14)
    wishes.check_size(width, abs(height))
    tags: tifftags.Tags = {}
    if header >= 40:  # noqa: PLR2004 -- all but those of OS/2
        bits, compression, horizontal, vertical = struct.unpack_from("<HI4xii", data, 28)
        # OpenCV would say this itself, to standard error.
        row = (width * bits + 31) // 32 * 4
        if compression in (0, 3) and len(data) < 54 + row * abs(height):
            raise ValueError("its end is missing")
        if compression > 3:  # noqa: PLR2004
            raise UnsuitableError("is a BMP of a rare kind; save it as TIFF or PNG")
        if bits == 1 and not wishes.bilevel:
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
    (channels,) = struct.unpack_from(">H", data, start + 40)
    wishes.check_size(*jp2_size(data[start:]))
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


def jp2_size(data: bytes) -> tuple[int, int]:
    """Return the width and height that a codestream of JPEG 2000 claims."""
    right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
    return right - left, bottom - top


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
