"""Image files for tests, written by libraries that the product does not use."""

import struct
from functools import cache
from pathlib import Path

import tifffile
from PIL import ImageCms

LENS = b"Scanner Nikkor ED\0"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><note/></x:xmpmeta>"
_PLACEHOLDER = 34664  # tifffile does not write EXIF's own 34665
IPTC = b"\x1c\x02\x05\x00\x04Film"


@cache  # it holds the time at which it was made
def srgb_profile() -> bytes:
    """Return an ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def write_scan(
    path: Path, pixels, *, byteorder: str = "<", compression: str | None = None, big=False
) -> Path:
    """Write a TIFF as a film scanner does: profile, 3600 dpi, EXIF, XMP, IPTC, artist, a private tag."""
    grey = pixels.ndim == 2 or pixels.shape[2] < 3
    extra = {"extrasamples": ["unspecified"]} if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else {}
    tifffile.imwrite(
        path,
        pixels,
        photometric="minisblack" if grey else "rgb",
        planarconfig="contig" if pixels.ndim == 3 else None,
        byteorder=byteorder,
        compression=compression,
        bigtiff=big,
        predictor=compression is not None,
        resolution=(3600, 3600),
        resolutionunit="INCH",
        software="Scanner 1.0",
        description="a roll of film",
        metadata=None,
        iccprofile=srgb_profile() if not grey else None,
        extratags=[
            (_PLACEHOLDER, 4, 1, 0, True),
            (315, 2, 4, "Ann\0", True),
            (700, 1, len(XMP), XMP, True),
            (33723, 7, len(IPTC), IPTC, True),
            (65000, 3, 3, (1, 2, 3), True),
        ],
        **extra,
    )
    _point_to_exif(path, byteorder)
    return path


def _point_to_exif(path: Path, order: str) -> None:
    """Append an EXIF directory (exposure 1/250 s, lens) and let tag 34665 point to it."""
    with tifffile.TiffFile(path) as tiff:
        big = tiff.is_bigtiff
    with path.open("r+b") as file:
        start = file.seek(0, 2)
        start += file.write(b"\0" * (start % 2))
        count, offset, room = ("Q", "Q", 8) if big else ("H", "I", 4)
        size = struct.calcsize("=" + count) + 2 * (4 + 2 * room) + room
        lens, exposure = start + size, start + size + len(LENS)
        fraction = struct.pack(order + "II", 1, 250)
        value = fraction if big else struct.pack(order + offset, exposure)
        file.write(struct.pack(order + count, 2))
        file.write(struct.pack(order + "HH" + offset, 33434, 5, 1) + value)
        file.write(struct.pack(order + "HH" + 2 * offset, 42036, 2, len(LENS), lens))
        file.write(struct.pack(order + offset, 0) + LENS + fraction)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tag = tiff.pages[0].tags[_PLACEHOLDER]
        tag.overwrite(start, dtype="I")
    with path.open("r+b") as file:
        file.seek(tag.offset)
        file.write(struct.pack(order + "H", 34665))


def exif_of(path: Path) -> dict:
    """Return a TIFF's EXIF directory as tifffile reads it."""
    with tifffile.TiffFile(path) as tiff:
        return tiff.pages[0].tags["ExifTag"].value
