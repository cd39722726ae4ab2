"""How far the dyes of a film darken an infrared scan, by the colours of its picture.

Infrared follows the logarithm of red, little on negatives, considerably on slides (Rickmann, ``sanei_ir`` of
SANE, 2011). Nobody knows the curves that either scan went through: so a curve for each colour is fitted.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.alignment import Plane
from dsr_core.detect import FOUND
from dsr_core.pixels import Image, colour, full_scale
from dsr_core.prediction import Prediction
from dsr_core.robust import deviation, fit_most

DARK = 0.02
"""Of the light, added before a logarithm: below it, noise outweighs the light."""
_COVERED = 0.05  # of the light: what lets less through is no film, or wholly covered
_MIDDLE = np.float32(np.log(0.2))  # where a picture is neither dark nor bright
_SMALL = 384  # pixels on the shorter side of what the dyes' share is fitted to
_CARRIED = 0.5  # contrast in infrared, of that in the picture, from which on it carries the picture
_ALIKE = 0.7  # and correlation with it
_WIDE = 21  # of these pixels, the side of a window: dirt fills less than half of it
_STEPS = 64  # in which a logarithm is counted, from 0 to -4
_TELLING = (0.5, 99.5)  # per cent of the pixels between whose tones a curve may bend
_SLOW = 4  # numbers that tell a fall-off
_PLAIN = 3.0  # deviations below its surroundings from which on a place does not tell what dyes do, at first
_RIM = 2  # pixels around what was found that may be damage, too


def logarithm(samples: Image, white: float) -> Plane:
    """Return how much light samples stand for, as a logarithm."""
    values = np.multiply(samples, np.float32(1 / white), dtype=np.float32)
    return np.asarray(cv2.log(np.maximum(values, 0) + np.float32(DARK)), np.float32).reshape(samples.shape)


def by_value(curve: Callable[[Image], Plane], dtype: np.dtype[Any]) -> Callable[[Image], Plane]:
    """Return a curve of samples ``(h, w)``, from a table where the type has few values: twice as fast.

    ``curve`` may give several numbers for each sample, along one more axis.
    """
    if dtype.kind == "f" or dtype.itemsize > 2:  # noqa: PLR2004
        return curve
    table = curve(np.arange(np.iinfo(dtype).max + 1, dtype=dtype))
    return lambda samples: table.take(samples, axis=0)


def brightness_of(samples: Image) -> Callable[[tuple[slice, slice]], Plane]:
    """Return what gives the mean of the colours' logarithms in some rows and columns of samples."""
    white, channels = full_scale(samples.dtype), samples.shape[2]
    look = by_value(lambda values: logarithm(values, white) / np.float32(channels), samples.dtype)

    def brightness(part: tuple[slice, slice]) -> Plane:
        planes = [look(samples[part][:, :, channel]) for channel in range(channels)]
        return np.asarray(np.sum(planes, axis=0), np.float32)

    return brightness


class Film:
    """The picture without what the network found on it.

    Elsewhere it is the picture itself, not the network's guess of it: that is a little smoother, and what it
    smooths away the dyes still show in infrared, as dark as faint dirt.
    """

    def __init__(self, prediction: Prediction) -> None:
        self._own, self._repaired = colour(prediction.image), prediction.repaired
        found = (prediction.probability >= FOUND).view(np.uint8)
        self._found = cv2.dilate(found, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)).view(np.bool_)
        self.shape, self.dtype = self._own.shape, self._own.dtype
        self.white = full_scale(self.dtype)

    def samples(self, part: tuple[slice, slice]) -> Image:
        """Return a copy of the colours in these rows and columns, ``(h, w, channels)``."""
        samples, found = self._own[part].copy(), self._found[part]
        samples[found] = self._repaired[part][found]
        return samples


class Dyes(NamedTuple):
    """How far the dyes darken infrared, and whether that is the picture itself.

    ``weights`` ``(3, channels)`` are those of each colour's logarithm, of its square and of its cube. Beyond
    the tones that tell, ``low`` and ``high`` ``(channels,)``, the curve goes on straight: a cube would
    explain anything there, dirt first.
    """

    weights: Plane
    low: Plane
    high: Plane
    carried: bool

    def share(self, logs: Plane, channel: int) -> Plane:
        """Return what the dye of one colour darkens where that has these logarithms."""
        first, second, third = self.weights[:, channel]
        logs = logs - _MIDDLE
        inner = np.clip(logs, self.low[channel], self.high[channel])
        share = inner * (first + inner * (second + inner * third))
        share += (logs - inner) * (first + inner * (2 * second + inner * (3 * third)))
        return np.asarray(share, np.float32)


def fit_dyes(film: Film, infrared: Image, light: float) -> Dyes:
    """Fit infrared to the colours' logarithms and a slow fall-off, leaving out what does not follow.

    Parameters
    ----------
    film
        With ``shape`` ``(H, W, channels)``.
    infrared
        ``(H, W)``, as it lies on the film.
    light
        The number in ``infrared`` of film that is clear.
    """
    height, width, channels = film.shape
    step = max(1, min(height, width) // _SMALL)
    logs = logarithm(film.samples((slice(None, None, step), slice(None, None, step))), film.white)
    bright = logs.mean(axis=2).ravel().astype(np.float64)
    known = (logs - _MIDDLE).reshape(bright.size, -1).astype(np.float64)
    small = logarithm(infrared[::step, ::step], light)
    seen = small.ravel().astype(np.float64)
    lit = seen > np.log(_COVERED + DARK)
    # Dirt may be the darkest or the brightest that there is: a fit that begins with it may go through it.
    plain = lit & ~_dark_marks(small).ravel()
    if plain.sum() < 3 * known.shape[1] + _SLOW:
        nothing = np.zeros((3, channels), np.float32)
        return Dyes(nothing, nothing[0], nothing[0], carried=False)
    low, high = np.percentile(known[plain], _TELLING, axis=0)
    inner = known.clip(low, high)
    beyond = known - inner
    known = np.hstack([known, inner * (inner + 2 * beyond), inner**2 * (inner + 3 * beyond)])
    down, right = np.mgrid[-1 : 1 : logs.shape[0] * 1j, -1 : 1 : logs.shape[1] * 1j]
    slow = np.stack([np.ones_like(seen), down.ravel(), right.ravel(), (down**2 + right**2).ravel()], axis=1)
    matrix = np.concatenate([known - known.mean(axis=0), slow], axis=1)[lit]
    solved, weight, _ = fit_most(matrix, seen[lit], (np.ones(len(matrix)), plain[lit].astype(np.float64)))
    inside, count = weight > 0, known.shape[1]
    explained = (matrix[:, :count] @ solved[:count])[inside].std()
    flat = (seen[lit] - matrix[:, count:] @ solved[count:])[inside].std()
    contrast = explained / (bright[lit][inside].std() + 1e-6)
    carried = bool(contrast > _CARRIED and explained / (flat + 1e-6) > _ALIKE)
    weights = solved[:count].reshape(3, -1).astype(np.float32)
    return Dyes(weights, low.astype(np.float32), high.astype(np.float32), carried)


def _dark_marks(logs: Plane) -> NDArray[np.bool_]:
    """Return which pixels are far darker than most around them."""
    coded = np.rint(logs * -_STEPS).clip(0, 255).astype(np.uint8)
    below = -logs - cv2.medianBlur(coded, _WIDE) / np.float32(_STEPS)
    dark = below > _PLAIN * deviation(below) + 1 / _STEPS
    return cv2.dilate(dark.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
