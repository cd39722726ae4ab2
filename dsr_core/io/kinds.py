"""What kind of file this is, by its first bytes and by its name."""

from pathlib import Path

from dsr_core.pixels import Image

FORMATS = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".webp": "webp",
}
"""Suffix -> format that is written."""

DEPTHS = {
    "tiff": ("uint8", "uint16", "uint32", "float16", "float32", "float64"),
    "png": ("uint8", "uint16"),
    "jpeg": ("uint8",),
    "webp": ("uint8",),
}
"""Format -> types of samples that it holds without loss."""

APPLE_DOUBLE = b"\x00\x05\x16\x07"
"""How the shadow files begin that a Mac leaves on foreign disks."""

_STARTS = {
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"BM": "bmp",
    b"\0\0\0\x0cjP  \r\n\x87\n": "jp2",
    b"\xff\x4f\xff\x51": "jp2",
    b"P2": "pnm",
    b"P3": "pnm",
    b"P5": "pnm",
    b"P6": "pnm",
}
_OTHERS = {
    b"GIF8": "a GIF",
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop document",
    b"8BPB": "a Photoshop document",
    b"gimp xcf": "a GIMP document",
    b"\xff\x0a": "a JPEG XL",
    b"\0\0\0\x0cJXL ": "a JPEG XL",
    b"v/1\x01": "an OpenEXR",
    b"SIMPLE": "a FITS",
    b"P1": "a bitmap of 1 bit a pixel",
    b"P4": "a bitmap of 1 bit a pixel",
    b"P7": "a PAM",
    b"IIRO": "raw camera data",
    b"IIU\0": "raw camera data",
    b"FUJIFILMCCD-RAW": "raw camera data",
    b"PF": "a PFM",
}
_BRANDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"crx ": "raw camera data"}


def kind_of(start: bytes) -> str:
    """Return the format that a file's first bytes tell, ``""`` if it is none that is read."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return next((kind for mark, kind in _STARTS.items() if start.startswith(mark)), "")


def other_kind(start: bytes) -> str:
    """Return what a file is that is not read, with its article; ``""`` if that is not known."""
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], "an HEIF")
    return next((kind for mark, kind in _OTHERS.items() if start.startswith(mark)), "")


def suffix_for(source: Path, form: str) -> str:
    """Return the suffix of a result: the source's own if it stands for the format that is to be written."""
    own = source.suffix
    if FORMATS.get(own.lower()) == form:
        return own
    return next((suffix for suffix, known in FORMATS.items() if known == form), ".tif")


def check_depth(form: str, pixels: Image) -> str:
    """Return why a format cannot hold these pixels without loss, ``""`` if it can."""
    if pixels.dtype.name not in DEPTHS[form]:
        return f"{form.upper()} cannot hold {pixels.dtype} samples; write a .tif file instead."
    if form == "jpeg" and pixels.ndim == 3 and pixels.shape[2] in (2, 4):  # noqa: PLR2004
        return "JPEG cannot hold an alpha channel; write a .tif or .png file instead."
    return ""
