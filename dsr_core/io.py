"""Image files in and out, with everything that they carry beside their pixels.

The EXIF orientation is kept, not applied: the stored rows stay where they are, the tag goes along, and masks
get it too, so that every viewer shows picture and mask the same way up.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from dsr_core.errors import DsrError
from dsr_core.pixels import Image, colour
from dsr_core.tifftags import COMPRESSION, Tags, add_tags, from_exif, number_of, read_tags, to_exif

FORMATS = {".tif": "tiff", ".tiff": "tiff", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_LOADERS = {form + "load": form for form in FORMATS.values()} | {"uhdrload": "jpeg"}
_BYTES = {"uchar": 1, "ushort": 2, "uint": 4, "float": 4}  # libvips' names
_DEPTHS = {
    "tiff": ("uint8", "uint16", "uint32", "float32"),
    "png": ("uint8", "uint16"),
    "jpeg": ("uint8",),
    "webp": ("uint8",),
}
_COLOURS = {"b-w", "grey16", "srgb", "rgb", "rgb16", "scrgb", "multiband"}
_SPACES = {"cmyk": "CMYK", "lab": "CIELAB", "labs": "CIELAB", "labq": "CIELAB", "xyz": "CIE XYZ"}
_TIFF_COMPRESSION = {1: "none", 5: "lzw", 7: "jpeg", 32773: "packbits", 50000: "zstd"}
_QUALITY = 95  # for formats that lose something: little enough that a second generation does not show
_NOT_CARRIED = {"width", "height", "bands", "format", "coding", "interpretation", "xoffset", "yoffset"}
_NOT_CARRIED |= {"xres", "yres", "filename", "vips-loader", "vips-sequential", "n-pages"}
_NOT_CARRIED |= {"bits-per-sample", "palette"}
_PLACEMENT = ("orientation", "resolution-unit")
_CLASSIC_TIFF_BYTES = 3_900_000_000  # offsets have 32 bits; the rest is for tags


@dataclass(frozen=True, eq=False)
class Picture:
    """What a file holds.

    Parameters
    ----------
    pixels
        ``(H, W[, C])`` as stored, alpha included.
    format
        ``"tiff"``, ``"png"``, ``"jpeg"`` or ``"webp"``.
    saving
        How the file is compressed, as arguments for libvips' writer of that format.
    fields
        What libvips keeps beside the pixels: name -> (type, value).
    resolution
        Pixels per millimetre, horizontal and vertical.
    tags
        TIFF and EXIF tags.
    """

    pixels: Image
    format: str
    saving: dict[str, Any]
    fields: dict[str, tuple[int, Any]]
    resolution: tuple[float, float]
    tags: Tags


def read_picture(path: Path) -> Picture:
    """Read an image file.

    Palettes become RGB and half floats become single floats, both without loss.

    Raises
    ------
    DsrError
        There is no such file, it is damaged, or it holds what this filter cannot treat without changing its
        meaning.
    """
    start = _first_bytes(path)
    try:
        image = pyvips.Image.new_from_file(str(path), access="sequential", fail_on="error", revalidate=True)
        loader = image.get("vips-loader")
        if loader == "uhdrload":  # a JPEG with a gain map is read as the JPEG that it is
            image = pyvips.Image.jpegload(str(path), access="sequential", fail_on="error", revalidate=True)
        form = _LOADERS.get(loader, "")
        _refuse(path, image, form, start)
        pixels = image.numpy()
        fields = {name: (image.get_typeof(name), image.get(name)) for name in image.get_fields()}
        tags = _tags(path, form, image)
    except (pyvips.Error, ValueError) as error:
        reason = _last_line(error)
        raise DsrError(
            f"{path} is damaged or not an image that can be read ({reason}); scan or export it again."
        ) from error
    carried = {name: field for name, field in fields.items() if name not in _NOT_CARRIED}
    resolution = (image.xres, image.yres)
    return Picture(pixels, form, _saving(form, image, tags, start), carried, resolution, tags)


def check_target(path: Path, pixels: Image) -> str:
    """Return the format that a file name stands for.

    Raises
    ------
    DsrError
        The format is not supported, or cannot hold these pixels without loss.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise DsrError(f"{path} has no suffix that says which format to write; use {', '.join(FORMATS)}.")
    if pixels.dtype.name not in _DEPTHS[form]:
        raise DsrError(
            f"{path}: {form.upper()} cannot hold {pixels.dtype} samples; write a .tif file instead."
        )
    if form == "jpeg" and pixels.ndim == 3 and pixels.shape[2] in (2, 4):  # noqa: PLR2004
        raise DsrError(f"{path}: JPEG cannot hold an alpha channel; write a .tif or .png file instead.")
    return form


def write_picture(path: Path, pixels: Image, like: Picture) -> None:
    """Write ``pixels`` with everything that ``like`` carries, in the format that ``path`` ends with.

    Raises
    ------
    DsrError
        As `check_target`, or the file cannot be written.
    """
    form = check_target(path, pixels)
    saving = like.saving if form == like.format else _DEFAULT_SAVING[form]
    image = _to_vips(pixels, like.resolution)
    between_tiffs = like.format == form == "tiff"  # then the tags say it all, and libvips would rewrite some
    for name, (kind, value) in like.fields.items():
        if name in _PLACEMENT or not between_tiffs:
            image.set_type(kind, name, value)
    exif = to_exif(like.tags) if like.format == "tiff" and form != "tiff" else b""
    if exif:
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    _save(path, image, form, saving)
    if form == "tiff":
        with path.open("r+b") as file:
            add_tags(file, like.tags)


def write_mask(path: Path, mask: NDArray[np.bool_], like: Picture) -> None:
    """Write a mask ``(H, W)`` as 8-bit grey, 0 and 255, with resolution and orientation of its picture."""
    if check_target(path, mask.view(np.uint8)) == "jpeg":
        raise DsrError(f"{path}: JPEG would blur the mask; write a .png or .tif file instead.")
    write_plain(path, mask.view(np.uint8) * np.uint8(255), like)


def write_plain(path: Path, pixels: Image, like: Picture) -> None:
    """Write 8-bit pixels with no more than profile, resolution and orientation of their picture."""
    form = check_target(path, pixels)
    image = _to_vips(pixels, like.resolution)
    names = _PLACEMENT if pixels.ndim == 2 else (*_PLACEMENT, "icc-profile-data")  # noqa: PLR2004
    for name in names:
        if name in like.fields:
            image.set_type(like.fields[name][0], name, like.fields[name][1])
    _save(path, image, form, _DEFAULT_SAVING[form])


_DEFAULT_SAVING: dict[str, dict[str, Any]] = {
    "tiff": {"compression": "deflate", "predictor": "horizontal"},
    "png": {},
    "jpeg": {"Q": _QUALITY, "subsample_mode": "off"},
    "webp": {"lossless": True},
}


def _first_bytes(path: Path) -> bytes:
    """Return the start of a file, or refuse what is no file with something in it."""
    if path.is_dir():
        raise DsrError(f"{path} is a folder; give the files in it, for instance {path}/*.tif.")
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except FileNotFoundError as error:
        raise DsrError(f"There is no file {path}; check the name.") from error
    except OSError as error:
        raise DsrError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    if not start:
        raise DsrError(f"{path} is empty; scan or export it again.")
    return start


def _refuse(path: Path, image: pyvips.Image, form: str, start: bytes) -> None:
    """Refuse what would be changed beyond repair by being treated as one grey or RGB image."""
    if not form:
        raise DsrError(f"{path} is neither TIFF, PNG, JPEG nor WebP; convert it to one of these first.")
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if pages > 1 or (form == "png" and b"acTL" in start.split(b"IDAT")[0]):
        raise DsrError(f"{path} holds several pages or frames; save each as a file of its own first.")
    space = image.interpretation
    if space not in _COLOURS or image.coding != "none":
        raise DsrError(f"{path} is {_SPACES.get(space, space)}; convert it to RGB or grey first.")
    if image.bands not in (1, 2, 3, 4):
        raise DsrError(f"{path} holds {image.bands} channels; save it as grey or RGB, with or without alpha.")
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 8
    if bits == 1 and image.bands == 1:
        raise DsrError(f"{path} is black and white with 1 bit a pixel; scan or convert it to grey first.")
    if image.format not in ("uchar", "ushort", "uint", "float"):
        raise DsrError(f"{path} holds {image.format} samples; convert it to 8 or 16 bits, or 32-bit float.")


def _tags(path: Path, form: str, image: pyvips.Image) -> Tags:
    if form == "tiff":
        with path.open("rb") as file:
            return read_tags(file)
    return from_exif(image.get("exif-data")) if image.get_typeof("exif-data") else {}


def _saving(form: str, image: pyvips.Image, tags: Tags, start: bytes) -> dict[str, Any]:
    """Return the arguments that make libvips write as the file was written."""
    if form == "tiff":
        compression = _TIFF_COMPRESSION.get(number_of(tags, COMPRESSION, 1), "deflate")
        saving: dict[str, Any] = {"compression": compression, "predictor": "horizontal"}
        return saving | ({"Q": _QUALITY} if compression == "jpeg" else {})
    if form == "jpeg":
        chroma = image.get("jpeg-chroma-subsample") if image.get_typeof("jpeg-chroma-subsample") else ""
        progressive = bool(image.get_typeof("jpeg-multiscan") and image.get("jpeg-multiscan"))
        return {
            "Q": _QUALITY,
            "subsample_mode": "on" if chroma == "4:2:0" else "off",
            "interlace": progressive,
        }
    if form == "webp" and b"VP8L" not in start:
        return {"Q": _QUALITY}
    return _DEFAULT_SAVING[form]


def _to_vips(pixels: Image, resolution: tuple[float, float]) -> pyvips.Image:
    """Wrap an array, without copying it, as an image whose kind libvips does not convert when it writes."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    grey, rgb = {"ushort": ("grey16", "rgb16"), "float": ("b-w", "scrgb")}.get(image.format, ("b-w", "srgb"))
    kind = rgb if colour(pixels).shape[2] > 1 else grey
    return image.copy(interpretation=kind, xres=resolution[0], yres=resolution[1])


def _save(path: Path, image: pyvips.Image, form: str, saving: dict[str, Any]) -> None:
    raw = image.width * image.height * image.bands * _BYTES[image.format]
    extra = {"bigtiff": raw > _CLASSIC_TIFF_BYTES} if form == "tiff" else {}
    try:
        getattr(image, f"{form}save")(str(path), **saving, **extra)
    except pyvips.Error as error:
        raise OSError(_last_line(error)) from error


def _last_line(error: Exception) -> str:
    """Return what libvips says last, which is where it names the cause."""
    return str(error).strip().splitlines()[-1].strip()
