"""Where the infrared scan of a film is: a fourth channel, a further page, or a file of its own."""

import os
from pathlib import Path

import numpy as np

from dsr_core.errors import DsrError
from dsr_core.infrared_names import AUTO, ENDINGS, OFF
from dsr_core.io.kinds import FORMATS
from dsr_core.io.picture import Picture, Wishes
from dsr_core.io.reader import read_picture
from dsr_core.pixels import Image, full_scale

_UNSPECIFIED = 0  # of ExtraSamples
_NOT_ALPHA = "said to be alpha, and is not"  # the reader's words


def find_infrared_scan(
    choice: str, picture: Picture, source: Path | None, wishes: Wishes
) -> tuple[Image | None, str]:
    """Return the infrared scan ``(H, W)`` of a picture, and a sentence that tells where it comes from.

    Parameters
    ----------
    choice
        ``"off"``; ``"auto"``: a further page, a fourth channel that is not alpha, or a file such as
        ``scan_ir.tif`` beside ``scan.tif``; or a file's name.
    picture, source
        The picture and its file.
    wishes
        As for the picture.

    Raises
    ------
    DsrError
        The file cannot be read, or holds more than one grey channel.
    """
    if choice == OFF:
        return None, ""
    if choice != AUTO:
        return _from_file(Path(choice), wishes), f"Infrared is taken from {choice}."
    for number, page in enumerate(picture.pages, 2):
        if page.pixels.ndim == 2 and not _is_mask(page.pixels):  # noqa: PLR2004
            return _upright(page.pixels, page), f"Infrared is taken from page {number}."
    if _has_channel(picture):
        return picture.pixels[:, :, 3], "Infrared is taken from the fourth channel."
    beside = None if source is None else infrared_beside(source)
    if beside is not None:
        return _from_file(beside, wishes), f"Infrared is taken from {beside}."
    return None, ""


def infrared_beside(source: Path) -> Path | None:
    """Return the file beside a scan that by its name is the infrared of it, if there is one."""
    for ending in ENDINGS:
        for suffix in dict.fromkeys((source.suffix, *FORMATS)):
            path = source.with_name(f"{source.stem}{ending}{suffix}")
            if os.path.isfile(path):  # noqa: PTH113 -- `is_file` raises where a name is too long
                return path
    return None


def infrared_file(choice: str, source: Path) -> Path | None:
    """Return the file that a choice of `find_infrared_scan` may take the infrared scan from."""
    if choice == OFF:
        return None
    return infrared_beside(source) if choice == AUTO else Path(choice)


def _has_channel(picture: Picture) -> bool:
    """Return whether the fourth channel is infrared: not called alpha by its TIFF, and not constant."""
    if picture.format != "tiff" or picture.pixels.ndim != 3 or picture.pixels.shape[2] != 4:  # noqa: PLR2004
        return False
    kinds = picture.saving.get("extra", ())
    called = not kinds or kinds[-1] == _UNSPECIFIED or any(_NOT_ALPHA in note for note in picture.notes)
    channel = picture.pixels[:, :, 3]
    return called and not _is_mask(channel)


def _is_mask(pixels: Image) -> bool:
    """Return whether there are two values at most; a page that is called a mask may well be infrared."""
    return bool(((pixels == pixels.min()) | (pixels == pixels.max())).all())


def _from_file(path: Path, wishes: Wishes) -> Image:
    picture = read_picture(path, wishes)
    pixels = picture.pixels
    if pixels.ndim == 3 and pixels.shape[2] == 4:  # noqa: PLR2004
        return pixels[:, :, 3]
    if pixels.ndim == 3 and (pixels != pixels[:, :, :1]).any():  # noqa: PLR2004
        raise DsrError(f"{path} is in colour; an infrared scan is grey, or a fourth channel.")
    return _upright(pixels if pixels.ndim == 2 else pixels[:, :, 0], picture)  # noqa: PLR2004


def _upright(pixels: Image, picture: Picture) -> Image:
    """Return infrared in which more light is a higher number."""
    if not picture.saving.get("white_is_zero"):
        return pixels
    return np.asarray(pixels.dtype.type(full_scale(pixels.dtype)) - pixels)
