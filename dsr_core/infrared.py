"""What an infrared scan of the same film tells of dust, hairs and scratches.

Dyes let infrared through, dirt does not. In practice the two scans lie apart by parts of a pixel, infrared is
less sharp, dyes absorb some of it, and edges and lettering leave halos. So both are laid over each other,
what the colours explain is taken out, and what remains is judged by its own noise: that of the place, and
that of equally lively places of the picture. Dirt only darkens. How often something so far from the mean
brightens instead is how often the noise darkens, and the probability follows from the two counts: nothing
here knows a scanner.

Sources: Edgar, US patent 5,266,805 (dirt blocks infrared, which shows its place and its density); Rick,
*Dust removal using infrared channel*, 1999, and Rickmann, ``sanei_ir`` of SANE, 2011 (infrared follows the
logarithm of red; little on negatives, considerably on slides).
"""

from functools import partial
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.alignment import Fit, Plane, find_shift, moved
from dsr_core.bands import STRIP, around, cut, in_bands, side_by_side
from dsr_core.dirt import CONTRAST, probability, scores
from dsr_core.dyes import DARK, Dyes, Film, brightness_of, by_value, fit_dyes, logarithm
from dsr_core.errors import DsrError
from dsr_core.pixels import DTYPES, Image, colour
from dsr_core.prediction import Prediction
from dsr_core.robust import quantile

SILVER = (
    "The infrared channel shows the picture itself (silver or Kodachrome): only the picture is looked at."
)
BLANK = "The infrared channel is blank; only the picture is looked at."
_SIGMAS = (0.0, 0.6, 1.0, 1.5, 2.2, 3.0)  # pixels by which infrared may be less sharp
_PART = 512  # pixels on each side of the middle in which these are tried
_CELL = 4  # pixels that are one in the plane of local medians
_WIDE = 21  # of these, the side of a window: dirt fills less than half of it
_RANGE = 0.5  # of a logarithm: what is darker throughout a window is a border, not dirt
_SURROUNDINGS = 6.0  # sigma in pixels of what is not told apart by sharpness
_HALO = 9  # side in pixels of the place whose contrast tells how lively it is
_PLACE = np.ones((_HALO, _HALO), np.uint8)


def check_infrared(infrared: Image, shape: tuple[int, ...]) -> None:
    """Refuse what is no infrared scan of an image of this height and width.

    Raises
    ------
    DsrError
        Its size, its number of channels or its type does not fit.
    """
    if not isinstance(infrared, np.ndarray) or infrared.dtype.name not in DTYPES:
        kind = getattr(infrared, "dtype", type(infrared).__name__)
        raise DsrError(f"The infrared channel must hold numbers like the picture's, not {kind}.")
    if infrared.dtype.kind == "f" and not np.isfinite(infrared).all():
        raise DsrError(
            "The infrared channel holds NaN or infinity; replace these values first (numpy.nan_to_num)."
        )
    if infrared.ndim != 2:  # noqa: PLR2004
        raise DsrError(f"The infrared channel must be grey, (H, W), not {infrared.shape}.")
    if infrared.shape != tuple(shape[:2]):
        own, wanted = (" x ".join(map(str, each[1::-1])) for each in (infrared.shape, shape))
        raise DsrError(
            f"The infrared channel is {own} pixels, the picture {wanted}; give the one scanned with it."
        )


def register(image: Image, infrared: Image) -> Fit:
    """Return how an infrared scan ``(H, W)`` lies against the image that was scanned with it.

    Parameters
    ----------
    image, infrared
        As for `dsr_core.predict`.
    """
    samples = colour(image)
    light = float(infrared[::4, ::4].max()) or 1.0
    return find_shift(brightness_of(samples), lambda part: logarithm(infrared[part], light), infrared.shape)


def find_infrared(
    prediction: Prediction, infrared: Image, fit: Fit | None = None
) -> tuple[NDArray[np.uint8], str]:
    """Return what infrared says: a probability of damage, and a sentence.

    Parameters
    ----------
    prediction
        Of the picture; where the network found damage, its repair stands for the picture without dust.
    infrared
        ``(H, W)``, one of the types of an image; a higher number is more light.
    fit
        What `register` returned for both; by default that is asked here.

    Returns
    -------
    probability
        ``(H, W)`` uint8, times 255; zero where the channel carries the picture.
    note
        What was done, or why nothing was.

    Raises
    ------
    DsrError
        As `check_infrared`.
    """
    check_infrared(infrared, prediction.image.shape)
    if infrared.min() == infrared.max():
        return np.zeros(infrared.shape, np.uint8), BLANK
    fit = fit or register(prediction.image, infrared)
    away = fit.furthest(infrared.shape)
    if away > 0.1:  # noqa: PLR2004 -- less than what interpolation blurs
        infrared = moved(infrared.astype(np.float32), fit)
    light = max(quantile(infrared[::4, ::4], 0.99), 1e-9)
    film = Film(prediction)
    dyes = fit_dyes(film, infrared, light)
    if dyes.carried:
        return np.zeros(infrared.shape, np.uint8), SILVER
    left, lively = _residual(film, infrared, light, dyes)
    _flatten(left)
    note = "The infrared channel is used"
    if not fit.blocks:
        note += "; it shares too few marks with the picture to be aligned"
    elif away > 0.1:  # noqa: PLR2004
        note += f", aligned by up to {away:.1f} pixels"
    return probability(left, scores(left, lively)), f"{note}."


def _residual(film: Film, infrared: Image, light: float, dyes: Dyes) -> tuple[Plane, NDArray[np.uint8]]:
    """Return infrared without the dyes' share, as a logarithm, and how lively the picture is, 0 to 255."""
    left, share, rest = (np.empty(infrared.shape, np.float32) for _ in range(3))
    brightness, lively = (np.empty(infrared.shape, np.uint8) for _ in range(2))
    channels = film.shape[2]

    def both(samples: Image, channel: int) -> Plane:
        logs = logarithm(samples, film.white)
        steps = (logs - np.float32(np.log(DARK))) / np.float32(CONTRAST * channels)
        return np.stack([dyes.share(logs, channel), steps], axis=-1)

    looks = [by_value(partial(both, channel=channel), film.dtype) for channel in range(channels)]

    def explain(band: slice) -> None:
        for rows in cut(band, STRIP):
            samples = film.samples((rows, slice(None)))
            total = looks[0](samples[:, :, 0])
            for channel in range(1, channels):
                total += looks[channel](samples[:, :, channel])
            share[rows], steps = cv2.split(total)
            brightness[rows] = np.minimum(steps, 255)
            left[rows] = logarithm(infrared[rows], light)

    in_bands(explain, len(left), 0)
    sigma = _unsharp(left, share)
    reach = ceil(4 * sigma) + _HALO

    def take_off(band: slice) -> None:
        outer, inner = around(band, reach, len(left))
        part = left[outer] - _soft(share[outer], sigma)
        rest[band] = cv2.GaussianBlur(part, (5, 5), 1.0)[inner]  # dirt is never as sharp as noise
        lively[band] = cv2.morphologyEx(brightness[outer], cv2.MORPH_GRADIENT, _PLACE)[inner]

    in_bands(take_off, len(left), reach)
    return rest, lively


def _unsharp(seen: Plane, share: Plane) -> float:
    """Return the sigma in pixels that makes the dyes' share as unsharp as infrared: it leaves the least."""
    height, width = seen.shape
    middle = tuple(slice(max(length // 2 - _PART, 0), length // 2 + _PART) for length in (height, width))

    def behind(sigma: float) -> float:
        rest = seen[middle] - _soft(share[middle], sigma)
        size = np.abs(rest - _soft(rest, _SURROUNDINGS))
        return float(np.minimum(size, 6 * quantile(size, 0.5)).mean())

    return min(zip(side_by_side(behind, _SIGMAS), _SIGMAS, strict=True))[1]


def _soft(plane: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32) if sigma else plane


def _flatten(left: Plane) -> None:
    """Take off the local median, in place; where the film ends or is covered, nothing is left."""
    height, width = left.shape
    left -= quantile(left[::8, ::8], 0.5)
    size = max(1, width // _CELL), max(1, height // _CELL)
    small = cv2.resize(left, size, interpolation=cv2.INTER_AREA)
    coded = np.rint((small / _RANGE).clip(-1, 1) * 127 + 128).astype(np.uint8)
    level = cv2.medianBlur(coded, _WIDE)
    ends = cv2.dilate((level <= 1).view(np.uint8), np.ones((5, 5), np.uint8))
    smooth = (level.astype(np.float32) - 128) * (_RANGE / 127)
    left -= cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    left[cv2.resize(ends, (width, height), interpolation=cv2.INTER_NEAREST) > 0] = 0
