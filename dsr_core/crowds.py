"""Where implausibly much is taken for damage, as in halftone, paint or stars, it is the picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsr_core.pixels import Image, full_scale

_OF_PICTURE = 0.08  # of the pixels; seven frames outlined by hand have 0.025 at most, paint is taken to 0.09
OF_VIVID = 0.04
"""The same share where most of it is more colourful than what it covers, which neither dirt nor a hole is."""
_OF_LIGHTS = 0.01  # the same where most of that may be lights, as in a starry sky
_MANY_LIGHTS = 24  # from this number on they are more than a few soft specks of dust
_MOSTLY = 0.77  # of what was found; soft dust is 0.73 of it at most, lamps, stars and snow are 0.8 and more
_RISE = 0.15  # of white, of the largest less the least sample; 3 % of the damage of a film, 64 % of paint
_OF_TILE = 0.25  # the same of a tile; on those frames 0.17 at most
_TILE = 256  # pixels, about
_LEAST = 128 * 128  # pixels; a smaller picture is a place that somebody chose


def find_crowds(
    at: NDArray[np.intp],
    label: NDArray[Any],
    firm: NDArray[np.bool_],
    count: int,
    shape: tuple[int, ...],
    *,
    vivid: bool = False,
    everywhere: bool = False,
) -> NDArray[np.bool_]:
    """Return for each component whether it lies where so much was found that it is no damage.

    Parameters
    ----------
    at, label
        Where each pixel lies that is to be replaced, counted row by row, and to which component it belongs.
    firm
        Whether the default sensitivity finds it, too: a high one must not make a picture dense.
    count
        Number of components.
    shape
        Of the picture: height and width.
    vivid
        Whether `is_vivid` says so of what is firm.
    everywhere
        Whether the picture is known to be full of what is no damage, as by `is_starry`.
    """
    height, width = shape
    if height * width < _LEAST:
        return np.zeros(count, np.bool_)
    if everywhere or np.count_nonzero(firm) > (OF_VIVID if vivid else _OF_PICTURE) * height * width:
        return np.ones(count, np.bool_)
    down, right = (max(1, round(side / _TILE)) for side in shape)
    rows, columns = np.divmod(at, width)
    tile = rows * down // height * right + columns * right // width
    taken = np.bincount(tile[firm], minlength=down * right) > _OF_TILE * height * width / (down * right)
    if not taken.any():
        return np.zeros(count, np.bool_)
    inside = np.bincount(label, taken[tile], count)
    return np.asarray(inside > 0.5 * np.bincount(label, minlength=count), np.bool_)


def is_vivid(samples: Image, repaired: Image) -> bool:
    """Return whether most of these pixels ``(N, 1|3)`` are more colourful than their repairs, as paint is."""

    def colourfulness(values: Image) -> NDArray[np.float64]:
        wide = values.astype(np.float64)
        return np.asarray(wide.max(axis=1) - wide.min(axis=1))

    rise = colourfulness(samples) - colourfulness(repaired)
    return bool(np.median(rise) > _RISE * full_scale(samples.dtype))


def is_starry(label: NDArray[Any], judged: NDArray[np.bool_], soft: NDArray[np.bool_], size: int) -> bool:
    """Return whether a picture shows stars, snow or a city at night rather than dirt.

    Parameters
    ----------
    label
        To which component each pixel belongs that the default sensitivity reaches.
    judged, soft
        Which components count, whatever sizes and kinds are wanted; which may be lights (`dsr_core.lights`).
    size
        Pixels of the picture.
    """
    lamps = judged & soft
    lit, found = (np.count_nonzero(each[label]) / size for each in (lamps, judged))
    return bool(np.count_nonzero(lamps) >= _MANY_LIGHTS and found > _OF_LIGHTS and lit > _MOSTLY * found)


def remark(left: int, share: float, *, screened: bool) -> str:
    """Return what to tell about defects that were left alone, that share of a picture, or in a screen."""
    if not left:
        return ""
    if screened:
        return (
            "The picture is made of a regular screen of dots, as print (halftone) and Dufaycolor are;"
            f" what looks like damage in it ({left}) stays; set dense to repair, and it goes."
        )
    return (
        f"{left} places, {share:.0%} of the picture, look like damage; that is implausibly dense, as print,"
        " paint or stars are, so they stay; set dense to repair, and they go."
    )
