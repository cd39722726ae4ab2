"""A mask that a person painted, as a file: which pixels of a picture it marks."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import DsrError
from dsr_core.io.orientation import lying, upright
from dsr_core.io.picture import Picture, Wishes
from dsr_core.io.reader import read_picture
from dsr_core.pixels import colour, full_scale

_MARKED = 0.25  # of the lightest pixel; a mask with a value for each kind has 64 of 255 for specks


def read_marks(path: Path, picture: Picture, wishes: Wishes) -> tuple[NDArray[np.bool_], str]:
    """Return the pixels ``(H, W)`` that a mask marks, as the picture stores them, and a sentence.

    A pixel is marked if it is at least a quarter as light as the lightest: white, or any colour, on black or
    on nothing.

    Parameters
    ----------
    path
        A picture of any kind, also with 1 bit a pixel.
    picture
        The picture that it belongs to; both are laid over each other as they are shown.
    wishes
        As for the picture.

    Raises
    ------
    DsrError
        The file cannot be read, or is not as large as the picture.
    """
    mask = read_picture(path, wishes._replace(picture_only=True, bilevel=True))
    pixels = mask.pixels if mask.coding is None else mask.coding.opened(mask.pixels)
    light = colour(pixels).max(axis=2).astype(np.float32)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):  # noqa: PLR2004
        light *= pixels[:, :, -1] / np.float32(full_scale(pixels.dtype))
    shown = upright(light, mask.tags)
    wanted = upright(picture.pixels, picture.tags).shape[:2]
    if shown.shape != wanted:
        own, other = (f"{width} x {height}" for height, width in (shown.shape, wanted))
        raise DsrError(f"{path} is {own} pixels, the picture {other}; give a mask of the same size.")
    lightest = float(shown.max())
    if lightest <= 0:
        return np.zeros(picture.pixels.shape[:2], np.bool_), f"{path} marks nothing; white is repaired."
    return np.ascontiguousarray(lying(shown, picture.tags) >= _MARKED * lightest), ""
