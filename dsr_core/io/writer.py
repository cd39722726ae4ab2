"""An image file out, in the format that its name ends with, or in another that was asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsr_core import tifftags
from dsr_core.errors import DsrError
from dsr_core.io.blocks import names_of
from dsr_core.io.jpeg import write_jpeg
from dsr_core.io.kinds import FORMATS, check_depth
from dsr_core.io.picture import Picture
from dsr_core.io.png import write_png
from dsr_core.io.tiff_writer import write_tiff
from dsr_core.io.webp import write_webp
from dsr_core.pixels import Image

_ENCODERS: dict[str, Callable[[Image, Picture], bytes]] = {
    "png": write_png,
    "jpeg": write_jpeg,
    "webp": write_webp,
}
_PLACEMENT = (tifftags.ORIENTATION, tifftags.X_RESOLUTION, tifftags.Y_RESOLUTION, tifftags.RESOLUTION_UNIT)
_EVERYWHERE = tifftags.EXIF_IFD0 | tifftags.STORAGE | {254, 255, tifftags.ICC, tifftags.XMP}
_IN_JPEG = {tifftags.IPTC, tifftags.PHOTOSHOP}
_IN_TAGS = {"iCCP", "pHYs", "eXIf", "ICCP", "EXIF", "XMP ", "sRGB"}  # blocks that the tags repeat


def check_target(path: Path, pixels: Image, form: str | None = None) -> str:
    """Return the format to write: ``form``, or what the file's name stands for.

    Raises
    ------
    DsrError
        The format is not supported, or cannot hold these pixels without loss.
    """
    form = form or FORMATS.get(path.suffix.lower())
    if form is None:
        raise DsrError(f"{path} has no suffix that says which format to write; use {', '.join(FORMATS)}.")
    reason = check_depth(form, pixels)
    if reason:
        raise DsrError(f"{path}: {reason}")
    return form


def losses(like: Picture, form: str) -> list[str]:
    """Return sentences about what a file of this format cannot carry, or not exactly."""
    said = []
    numbers: set[int] = set()
    if form != "tiff":
        numbers = like.tags.keys() - _EVERYWHERE - (_IN_JPEG if form == "jpeg" else set())
        if like.coding is not None and like.coding.premultiplied:
            said.append(f"{form.upper()} knows no premultiplied alpha: all colours are divided by it.")
        if like.pages:
            said.append(
                f"{form.upper()} holds one picture: its {len(like.pages)} further pages are left out."
            )
    lost = [names_of(numbers)] if numbers else []
    if form != like.format:
        lost += sorted(
            {
                "the comment" if block.name == "fe" else block.name
                for block in like.blocks
                if block.name not in _IN_TAGS and (like.format != "jpeg" or block.name == "fe")
            }
        )
    if lost:
        said.append(f"{form.upper()} has no place for {', '.join(lost)}: left out.")
    if form == "jpeg" and like.format != "jpeg":
        said.append("JPEG is not exact: every sample changes a little; write to a .tif or .png file instead.")
    return said


def write_picture(path: Path, pixels: Image, like: Picture, form: str | None = None) -> None:
    """Write ``pixels`` with everything that ``like`` carries.

    ``form`` is the format, by default the one that ``path`` ends with.

    Raises
    ------
    DsrError
        As `check_target`, or the pixels are more than the format can hold.
    OSError
        The file cannot be written.
    """
    form = check_target(path, pixels, form)
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
    if form == "tiff":
        write_tiff(path, pixels, like)
        return
    if (
        like.coding is not None and like.coding.black > like.coding.white
    ):  # only TIFF knows that white is zero
        pixels = pixels.copy()
        shades = pixels[..., : 1 if pixels.ndim > 2 else None]  # noqa: PLR2004
        np.subtract(pixels.dtype.type(like.coding.black), shades, out=shades)
    elif like.coding is not None and like.coding.premultiplied:
        pixels = like.coding.opened(pixels)
    try:
        data = _ENCODERS[form](pixels, like)
    except (ValueError, RuntimeError) as error:
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise DsrError(
            f"{path}: {form.upper()} cannot hold {size} pixels ({error}); write a .tif file."
        ) from error
    path.write_bytes(data)


def check_mask_target(path: Path) -> None:
    """Refuse a name for a mask that stands for no format, or for one that would change it."""
    if check_target(path, np.empty((1, 1), np.uint8)) == "jpeg":
        raise DsrError(f"{path}: JPEG would blur the mask; write a .png or .tif file instead.")


def write_mask(path: Path, mask: NDArray[np.uint8], like: Picture) -> None:
    """Write a mask ``(H, W)`` as 8-bit grey, with resolution and orientation of its picture."""
    check_mask_target(path)
    write_plain(path, mask, like)


def write_plain(path: Path, pixels: Image, like: Picture) -> None:
    """Write 8-bit pixels with no more than profile, resolution and orientation of their picture."""
    numbers = _PLACEMENT if pixels.ndim == 2 else (*_PLACEMENT, tifftags.ICC)  # noqa: PLR2004
    tags = {number: like.tags[number] for number in numbers if number in like.tags}
    write_picture(path, pixels, replace(like, format="", tags=tags, pages=(), coding=None))
