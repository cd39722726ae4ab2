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

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.alignment import Fit, find_shift, moved
from dsr_core.bands import STRIP, cut, in_bands
from dsr_core.detect import FOUND
from dsr_core.dirt import CONTRAST, Plane, probability, scores
from dsr_core.errors import DsrError
from dsr_core.pixels import DTYPES, Image, colour, full_scale
from dsr_core.prediction import Prediction
from dsr_core.robust import fit_most

SILVER = (
    "The infrared channel shows the picture itself (silver or Kodachrome): only the picture is looked at."
)
BLANK = "The infrared channel is blank; only the picture is looked at."
_DARK = 0.02  # added before a logarithm: below it, noise outweighs the light
_COVERED = 0.05  # of the light: what lets less through is no film, or wholly covered
_MIDDLE = np.float32(np.log(0.2))  # where a picture is neither dark nor bright
_SMALL = 384  # pixels on the shorter side of what the dyes' share is fitted to
_CARRIED = 0.5  # contrast in infrared, of that in the picture, from which on it carries the picture
_ALIKE = 0.7  # and correlation with it
_SIGMAS = (0.0, 0.6, 1.0, 1.5, 2.2, 3.0)  # pixels by which infrared may be less sharp
_PART = 512  # pixels on each side of the middle in which these are tried
_CELL = 4  # pixels that are one in the plane of local medians
_WIDE = 21  # of these, the side of a window: dirt fills less than half of it
_RANGE = 0.5  # of a logarithm: what is darker throughout a window is a border, not dirt
_STEPS = 64  # in which a logarithm is counted, from 0 to -4
_TELLING = (0.5, 99.5)  # per cent of the pixels between whose tones a curve may bend
_SLOW = 4  # numbers that tell a fall-off
_PLAIN = 3.0  # deviations below its surroundings from which on a place does not tell what dyes do, at first
_RIM = 2  # pixels around what was found that may be damage, too
_HALO = 9  # side in pixels of the place whose contrast tells how lively it is


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
    white = full_scale(samples.dtype)
    light = float(infrared[::4, ::4].max()) or 1.0

    def picture(part: tuple[slice, slice]) -> Plane:
        return _brightness(_log(samples[part], white))

    return find_shift(picture, lambda part: _log(infrared[part], light), infrared.shape)


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
    light = max(float(np.percentile(infrared[::4, ::4], 99)), 1e-9)
    film = _Film(prediction)
    dyes = _fit_dyes(film, infrared, light)
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


class _Film:
    """The picture without what the network found on it.

    Elsewhere it is the picture itself, not the network's guess of it: that is a little smoother, and what it
    smooths away the dyes still show in infrared, as dark as faint dirt.
    """

    def __init__(self, prediction: Prediction) -> None:
        self._own, self._repaired = colour(prediction.image), prediction.repaired
        found = (prediction.probability >= FOUND).view(np.uint8)
        self._found = cv2.dilate(found, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)).view(np.bool_)
        self.shape, self.white = self._own.shape, full_scale(self._own.dtype)

    def logs(self, part: tuple[slice, slice]) -> Plane:
        """Return the colours' logarithms in these rows and columns, ``(h, w, channels)``."""
        samples, found = self._own[part].copy(), self._found[part]
        samples[found] = self._repaired[part][found]
        return _log(samples, self.white)


class _Dyes(NamedTuple):
    """How far the dyes darken infrared, and whether that is the picture itself.

    ``weights`` ``(3, channels)`` are those of each colour's logarithm, of its square and of its cube, because
    nobody knows the curves that either scan went through. Beyond the tones that tell, ``low`` and ``high``
    ``(channels,)``, the curve goes on straight: a cube would explain anything there, dirt first.
    """

    weights: Plane
    low: Plane
    high: Plane
    carried: bool

    def share(self, logs: Plane) -> Plane:
        """Return what the dyes darken, ``(h, w)``, where the colours have these logarithms."""
        share = np.zeros(logs.shape[:2], np.float32)
        # one colour after the other: a loop over three numbers at a time would take four times as long
        for plane, weights, low, high in zip(
            cv2.split(logs), self.weights.T, self.low, self.high, strict=True
        ):
            first, second, third = weights
            inner = np.clip(plane, low, high)
            share += inner * (first + inner * (second + inner * third))
            share += (plane - inner) * (first + inner * (2 * second + inner * (3 * third)))
        return share


def _log(samples: Image, white: float) -> Plane:
    values = np.multiply(samples, np.float32(1 / white), dtype=np.float32)
    return np.asarray(cv2.log(np.maximum(values, 0) + np.float32(_DARK)), np.float32).reshape(samples.shape)


def _brightness(logs: Plane) -> Plane:
    """Return the mean of the colours' logarithms, ``(h, w)``."""
    channels = logs.shape[2]
    return np.asarray(cv2.transform(logs, np.full((1, channels), 1 / channels)), np.float32)


def _fit_dyes(film: _Film, infrared: Image, light: float) -> _Dyes:
    """Fit infrared to the colours' logarithms and a slow fall-off, leaving out what does not follow."""
    height, width, channels = film.shape
    step = max(1, min(height, width) // _SMALL)
    logs = film.logs((slice(None, None, step), slice(None, None, step)))
    bright = (_brightness(logs) - _MIDDLE).ravel().astype(np.float64)
    known = (logs - _MIDDLE).reshape(bright.size, -1).astype(np.float64)
    small = _log(infrared[::step, ::step], light)
    seen = small.ravel().astype(np.float64)
    lit = (seen > np.log(_COVERED + _DARK)).astype(np.float64)
    # Dirt may be the darkest or the brightest that there is: a fit that begins with it may go through it.
    plain = lit * ~_dark_marks(small).ravel()
    if plain.sum() < 3 * known.shape[1] + _SLOW:
        nothing = np.zeros((3, channels), np.float32)
        return _Dyes(nothing, nothing[0], nothing[0], carried=False)
    low, high = np.percentile(known[plain > 0], _TELLING, axis=0)
    inner = known.clip(low, high)
    beyond = known - inner
    known = np.hstack([known, inner * (inner + 2 * beyond), inner**2 * (inner + 3 * beyond)])
    down, right = np.mgrid[-1 : 1 : logs.shape[0] * 1j, -1 : 1 : logs.shape[1] * 1j]
    slow = np.stack([np.ones_like(seen), down.ravel(), right.ravel(), (down**2 + right**2).ravel()], axis=1)
    matrix = np.concatenate([known - known.mean(axis=0), slow], axis=1)
    fits = [fit_most(matrix, seen, lit, start) for start in (lit, plain)]
    solved, weight, _ = min(fits, key=lambda fit: fit[2])
    count = known.shape[1]
    explained = matrix[:, :count] @ solved[:count]
    flat = seen - slow @ solved[count:]
    inside = weight > 0
    contrast = explained[inside].std() / (bright[inside].std() + 1e-6)
    alike = explained[inside].std() / (flat[inside].std() + 1e-6)
    carried = bool(contrast > _CARRIED and alike > _ALIKE)
    weights = solved[:count].reshape(3, -1).astype(np.float32)
    return _Dyes(weights, low.astype(np.float32), high.astype(np.float32), carried)


def _dark_marks(logs: Plane) -> NDArray[np.bool_]:
    """Return which pixels are far darker than most around them."""
    coded = np.rint(logs * -_STEPS).clip(0, 255).astype(np.uint8)
    below = -logs - cv2.medianBlur(coded, _WIDE) / np.float32(_STEPS)
    dark = below > _PLAIN * 1.4826 * np.median(np.abs(below)) + 1 / _STEPS
    return cv2.dilate(dark.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)


def _residual(film: _Film, infrared: Image, light: float, dyes: _Dyes) -> tuple[Plane, NDArray[np.uint8]]:
    """Return infrared without the dyes' share, as a logarithm, and how lively the picture is, 0 to 255."""
    left = np.empty(infrared.shape, np.float32)
    share = np.empty(infrared.shape, np.float32)
    brightness = np.empty(infrared.shape, np.uint8)
    black = np.float32(np.log(_DARK))

    def fill(band: slice) -> None:
        for rows in cut(band, STRIP):
            logs = film.logs((rows, slice(None)))
            bright = _brightness(logs)
            brightness[rows] = ((bright - black) / CONTRAST).clip(0, 255)
            share[rows] = dyes.share(logs - _MIDDLE)
            left[rows] = _log(infrared[rows], light)

    in_bands(fill, len(left), 0)
    left -= _softened(left, share)
    cv2.GaussianBlur(left, (5, 5), 1.0, dst=left)  # dirt is never as sharp as noise
    lively = cv2.morphologyEx(brightness, cv2.MORPH_GRADIENT, np.ones((_HALO, _HALO), np.uint8))
    return left, np.asarray(lively, np.uint8)


def _softened(seen: Plane, share: Plane) -> Plane:
    """Return the dyes' share as unsharp as infrared is: as leaves the least behind."""
    height, width = seen.shape
    middle = tuple(slice(max(length // 2 - _PART, 0), length // 2 + _PART) for length in (height, width))

    def behind(sigma: float) -> float:
        rest = seen[middle] - (cv2.GaussianBlur(share[middle], (0, 0), sigma) if sigma else share[middle])
        rest -= cv2.GaussianBlur(rest, (0, 0), 6)
        size = np.abs(rest)
        return float(np.minimum(size, 6 * np.median(size)).mean())

    sigma = min(_SIGMAS, key=behind)
    return np.asarray(cv2.GaussianBlur(share, (0, 0), sigma), np.float32) if sigma else share


def _flatten(left: Plane) -> None:
    """Take off the local median, in place; where the film ends or is covered, nothing is left."""
    height, width = left.shape
    left -= float(np.median(left[::8, ::8]))
    size = max(1, width // _CELL), max(1, height // _CELL)
    small = cv2.resize(left, size, interpolation=cv2.INTER_AREA)
    coded = np.rint((small / _RANGE).clip(-1, 1) * 127 + 128).astype(np.uint8)
    level = cv2.medianBlur(coded, _WIDE)
    ends = cv2.dilate((level <= 1).view(np.uint8), np.ones((5, 5), np.uint8))
    smooth = (level.astype(np.float32) - 128) * (_RANGE / 127)
    left -= cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    left[cv2.resize(ends, (width, height), interpolation=cv2.INTER_NEAREST) > 0] = 0
