"""TIFF in: the samples as they are stored, and every tag."""

import logging
from typing import Any, BinaryIO

import numpy as np
import tifffile

from dsr_core import tifftags
from dsr_core.coding import Coding, guess
from dsr_core.io import jpeg, others
from dsr_core.io.picture import Picture, UnsuitableError, Wishes
from dsr_core.io.tiff_pages import Page, sort_pages
from dsr_core.pixels import Image, colour
from dsr_core.tifftags import Tags

# What tifffile does not like about a file is said in our own words.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR, _LINEAR_RAW = 0, 1, 2, 3, 6, 34892
_SPACES = {5: "CMYK", 8: "CIELAB", 9: "CIELAB", 10: "CIELAB", 32844: "LogL", 32845: "LogLuv"}
_SENSOR = 32803
LOSSLESS = {
    1: "none",
    5: "lzw",
    8: "deflate",
    32946: "deflate",
    32773: "packbits",
    50000: "zstd",
    34925: "lzma",
}
"""Compression -> name for the writer; any other may lose something."""
_NO_CODEC = ("not supported", "requires", "not a known")  # tifffile's words
_SIGNED = {"int8": "char", "int16": "short", "int32": "int", "int64": "long"}
_UNSPECIFIED, _ASSOCIATED = 0, 1
_SMALL = 1 << 20  # pixels that do not matter
_WHITE_LEVEL = 50717
_DNG = frozenset({*range(50706, 51200), *range(52525, 52560)})
_BLACK_SIDE = frozenset({280, 281, 301, 340, 341})  # extremes and curves that go with the samples' numbers


def read_tiff(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read the scan of a TIFF.

    Palettes become RGB, half floats single floats, and 2, 4 or 12 bits 8 or 16, all without loss.

    Raises
    ------
    UnsuitableError
        A good file that holds something else than one picture in grey or RGB.
    Exception
        Whatever tifffile makes of a damaged one.
    """
    size = file.seek(0, 2)
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        pages = sort_pages(tiff, wishes)
        first = tiff.pages[0].offset
        pixels, exact = _pixels(pages.scan, size, wishes)
        bad: list[str] = []
        tags = tifftags.read_tags(file, pages.scan.offset, bad)
        if pages.scan.offset != first:  # the camera and the time are told of the first page, the thumbnail
            tags = tifftags.read_tags(file, first, bad) | tags
        saving = _saving(pages.scan, tiff)
        kept = tuple(_kept(file, page, tiff, size, wishes) for page in pages.kept)
    notes = list(pages.notes)
    if bad:
        notes.append(f"Damaged and left out: {', '.join(dict.fromkeys(bad))}.")
    if saving["was"]:
        notes.append(
            f"The {saving['was']} compression inside the TIFF is replaced by one without loss, "
            "so that the samples outside the mask stay exact."
        )
    linear = pages.scan.photometric == _LINEAR_RAW
    dng = _DNG & tags.keys()
    if dng:
        notes.append(
            "The result is a plain TIFF: the DNG tags (version, colour matrices) do not fit and are left out."
        )
    coding, note = _coding(pages.scan, pixels, tags if linear else {})
    drop = dng | (set() if exact else _BLACK_SIDE)
    tags = {number: tag for number, tag in tags.items() if number not in drop}
    return Picture(
        pixels,
        "tiff",
        tags,
        saving=saving,
        coding=coding,
        linear=linear,
        pages=kept,
        notes=(*notes, *([note] if note else [])),
    )


def _kept(file: BinaryIO, page: Page, tiff: tifffile.TiffFile, size: int, wishes: Wishes) -> Picture:
    pixels, _ = _pixels(page, size, wishes)
    tags = tifftags.read_tags(file, page.offset, [])
    return Picture(pixels, "tiff", tags, saving=_saving(page, tiff))


def _pixels(page: Page, size: int, wishes: Wishes) -> tuple[Image, bool]:
    """Return the samples ``(H, W[, C])``, and whether they are exactly those that the file stores."""
    wishes.check_size(page.imagewidth, page.imagelength)
    _refuse(page, wishes)
    _check_parts(page, size)
    _check_claims(page)
    try:
        stored = page.asarray()
    except (ValueError, RuntimeError, KeyError) as error:
        if isinstance(error, KeyError) or any(words in str(error) for words in _NO_CODEC):
            raise _unreadable(page) from error
        raise
    height, width, channels = page.imagelength, page.imagewidth, page.samplesperpixel
    if page.planarconfig == 2 and channels > 1:  # noqa: PLR2004 -- one plane after the other
        stored = np.moveaxis(stored.reshape(channels, height, width), 0, 2)
    else:
        stored = stored.reshape((height, width, channels) if channels > 1 else (height, width))
    if page.photometric == _PALETTE:
        return _from_palette(stored, page.colormap), False
    if stored.dtype == np.float16:
        return stored.astype(np.float32), True
    if stored.dtype.kind == "b":
        stored = stored.astype(np.uint8)
    bits = page.bitspersample
    full = stored.dtype.itemsize * 8
    if stored.dtype.kind == "u" and bits < full:
        scale = (2**full - 1) / (2**bits - 1)
        return np.rint(stored * scale).astype(stored.dtype), False
    return np.ascontiguousarray(stored), True


def _refuse(page: Page, wishes: Wishes) -> None:
    """Refuse what would be changed beyond repair by being treated as one grey or RGB image."""
    space, bits, channels = int(page.photometric), page.bitspersample, page.samplesperpixel
    if space == _SENSOR:
        raise UnsuitableError(
            "holds raw data of a sensor; develop it in a raw converter and restore the result"
        )
    if space in _SPACES or (space == _YCBCR and page.compression != tifffile.COMPRESSION.JPEG):
        raise UnsuitableError(f"is {_SPACES.get(space, 'YCbCr')}; convert it to RGB or grey first")
    if space not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR, _LINEAR_RAW):
        raise UnsuitableError(f"has colours of kind {space}; convert it to RGB or grey first")
    if not 1 <= channels <= 4:  # noqa: PLR2004
        raise UnsuitableError(f"holds {channels} channels; save it as grey or RGB, with or without alpha")
    if bits == 1 and space != _PALETTE:
        if wishes.bilevel:
            return
        raise UnsuitableError("is black and white with 1 bit a pixel; scan or convert it to grey first")
    if page.dtype is None:
        raise UnsuitableError(f"holds samples of {bits} bits of a rare kind; convert it to 8 or 16 bits")
    name = page.dtype.name
    if page.dtype.kind not in "uf" or page.dtype.itemsize > (4 if page.dtype.kind == "u" else 8):
        kind = f"signed {_SIGNED[name]}" if name in _SIGNED else name
        raise UnsuitableError(f"holds {kind} samples; convert it to 8 or 16 bits, or 32-bit float")
    if page.imagedepth > 1:
        raise UnsuitableError("is a volume; save each slice as a file of its own first")


def _unreadable(page: Page) -> UnsuitableError:
    try:
        name = tifffile.COMPRESSION(page.compression).name.replace("_", " ")
    except ValueError:
        name = f"a method of number {page.compression}"
    return UnsuitableError(
        f"is compressed with {name}, which cannot be read here; save it uncompressed, with LZW or ZIP"
    )


def _check_parts(page: Page, size: int) -> None:
    """Refuse a file that lacks parts of the picture, which tifffile would fill with zeros."""
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    wanted = int(np.prod(page.chunked)) if page.chunked else 1
    if len(parts) < wanted or any(count == 0 or start + count > size for start, count in parts):
        raise ValueError("parts of the picture are missing")
    if page.compression == 1:
        depth = page.imagewidth * page.samplesperpixel * page.bitspersample
        if sum(count for _, count in parts) * 8 < depth * page.imagelength:
            raise ValueError("parts of the picture are missing")


def _check_claims(page: Page) -> None:
    """Refuse a picture within the picture that claims to be far larger than its place.

    A decoder would take memory for it, 13 GB for a strip of JPEG, before it sees that it does not fit.
    """
    sizes = {b"\xff\xd8": jpeg.frame_size, b"\xff\x4f": others.jp2_size}
    place = page.tilewidth * page.tilelength if page.is_tiled else page.imagewidth * page.rowsperstrip
    file = page.parent.filehandle
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(start)
        size_of = sizes.get(file.read(2)) if page.compression not in LOSSLESS else None
        if size_of is not None:
            file.seek(start)
            width, height = size_of(file.read(count))
            if width * height > 4 * place + _SMALL:
                raise ValueError(f"a part of it claims to be {width} x {height} pixels")


def _from_palette(stored: Image, colours: Image | None) -> Image:
    if colours is None:
        raise ValueError("its palette is missing")
    wide = (colours % 257 != 0).any() and (colours % 256 != 0).any()
    table = colours if wide else (colours >> 8).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(table[:, stored], 0, 2))


def _saving(page: Page, tiff: tifffile.TiffFile) -> dict[str, Any]:
    """Return how the writer makes the file as it was."""
    number = int(page.compression)
    try:
        was = "" if number in LOSSLESS else tifffile.COMPRESSION(number).name.replace("_", " ")
    except ValueError:
        was = str(number)
    space = int(page.photometric)
    tile = (page.tilelength, page.tilewidth) if page.is_tiled else None
    # what a DNG does not name is no alpha: infrared, as a rule
    unnamed = (_UNSPECIFIED,) * (page.samplesperpixel in (2, 4))
    extra = tuple(int(kind) for kind in page.extrasamples) or unnamed
    return {
        "compression": LOSSLESS.get(number, "deflate"),
        "was": was,
        "predictor": int(page.predictor) > 1 or number not in LOSSLESS,
        "tile": tile if tile and not (tile[0] % 16 or tile[1] % 16) else None,
        "byteorder": tiff.byteorder,
        "bigtiff": tiff.is_bigtiff,
        "white_is_zero": space == _WHITE_IS_ZERO,
        "rgb": space not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO),
        "extra": extra,
    }


def _coding(page: Page, pixels: Image, levels: Tags) -> tuple[Coding, str]:
    """Return what the samples stand for, and a sentence where that is not plain."""
    coding, note = guess(pixels)
    white = tifftags.number_of(levels, _WHITE_LEVEL, 0)
    if white:
        coding, note = Coding(white), ""
    if page.photometric == _WHITE_IS_ZERO:
        coding = Coding(white=0.0, black=coding.white)
    elif page.extrasamples and page.extrasamples[-1] == _ASSOCIATED and pixels.ndim > 2:  # noqa: PLR2004
        # A channel under this tag that is darker than the colours is none that they were multiplied by.
        if (colour(pixels) <= pixels[:, :, -1:]).mean() > 0.99:  # noqa: PLR2004
            return Coding(coding.white, premultiplied=True), note
        note = "Its fourth channel is said to be alpha, and is not; it comes back as it is. " + note
    return coding, note.strip()
