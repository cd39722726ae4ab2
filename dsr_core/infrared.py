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
from dsr_core.bands import BAND, cut
from dsr_core.errors import DsrError
from dsr_core.pixels import DTYPES, Image, colour, full_scale
from dsr_core.prediction import Prediction

Plane = NDArray[np.float32]

SILVER = (
    "The infrared channel shows the picture itself (silver or Kodachrome): only the picture is looked at."
)
_DARK = 0.02  # added before a logarithm: below it, noise outweighs the light
_SMALL = 384  # pixels on the shorter side of what the dyes' share is fitted to
_CARRIED = 0.5  # contrast in infrared, of that in the picture, from which on it carries the picture
_ALIKE = 0.7  # and correlation with it
_SIGMAS = (0.0, 0.6, 1.0, 1.5, 2.2, 3.0)  # pixels by which infrared may be less sharp
_CELL = 4  # pixels that are one in the plane of local medians
_WIDE = 21  # of these, the side of a window: dirt fills less than half of it
_RANGE = 0.5  # of a logarithm: what is darker throughout a window is a border, not dirt
_HALO = 9  # side in pixels of the place whose contrast tells how lively it is
_LEVELS = 32  # of liveliness
_PLACE = 32  # side in pixels of the cells in which noise is measured
_TENTH = 1.2816  # deviations that one in ten values of a normal distribution exceeds
_GROUND = 2.0  # deviations; what is less is not looked at
_EDGE = 0.25  # of the darkest place: the edge of a mark
_STEPS = 3  # for each doubling of a score
_OCTAVES = 10
_SKEW = 2  # steps


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
    if infrared.ndim != 2:  # noqa: PLR2004
        raise DsrError(f"The infrared channel must be grey, (H, W), not {infrared.shape}.")
    if infrared.shape != tuple(shape[:2]):
        own, wanted = (" x ".join(map(str, each[1::-1])) for each in (infrared.shape, shape))
        raise DsrError(
            f"The infrared channel is {own} pixels, the picture {wanted}; give the one scanned with it."
        )


def find_infrared(prediction: Prediction, infrared: Image) -> tuple[NDArray[np.uint8], str]:
    """Return what infrared says: a probability of damage, and a sentence.

    Parameters
    ----------
    prediction
        Of the picture; its repaired samples stand for the picture without dust.
    infrared
        ``(H, W)``, one of the types of an image; a higher number is more light.

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
    fit = _registration(prediction, infrared)
    away = fit.furthest(infrared.shape)
    if away > 0.1:  # noqa: PLR2004 -- less than what interpolation blurs
        infrared = moved(infrared.astype(np.float32), fit)
    light = max(float(np.percentile(infrared[::4, ::4], 99)), 1e-9)
    dyes = _fit_dyes(prediction, infrared, light)
    if dyes.carried:
        return np.zeros(infrared.shape, np.uint8), SILVER
    left, lively = _residual(prediction, infrared, light, dyes)
    outside = _flatten(left)
    score = _scores(left, lively)
    score[outside] = 0
    note = "The infrared channel is used"
    if not fit.blocks:
        note += "; it shares too few marks with the picture to be aligned"
    elif away > 0.1:  # noqa: PLR2004
        note += f", aligned by up to {away:.1f} pixels"
    return _probability(score), f"{note}."


class _Dyes(NamedTuple):
    """How far the dyes darken infrared: a weight of each feature; whether that is the picture itself."""

    weights: Plane
    carried: bool


def _log(samples: Image, white: float) -> Plane:
    values = np.multiply(samples, np.float32(1 / white), dtype=np.float32)
    return np.asarray(cv2.log(np.maximum(values, 0) + np.float32(_DARK)), np.float32).reshape(samples.shape)


def _features(logs: Plane) -> Plane:
    """Return what infrared may depend on, ``(h, w, 3 or 5)``: brightness, its powers, and colours against it.

    Powers, because nobody knows the curves that either scan went through.
    """
    mean = logs.mean(axis=2, keepdims=True)
    from_middle = mean - np.float32(np.log(0.2))
    return np.concatenate(
        [mean, from_middle**2, from_middle**3, (logs - mean)[:, :, : logs.shape[2] - 1]], axis=2
    )


def _registration(prediction: Prediction, infrared: Image) -> Fit:
    samples = colour(prediction.image)
    white = full_scale(samples.dtype)
    light = float(infrared[::4, ::4].max()) or 1.0

    def picture(part: tuple[slice, slice]) -> Plane:
        return np.asarray(_log(samples[part], white).mean(axis=2), np.float32)

    return find_shift(picture, lambda part: _log(infrared[part], light), infrared.shape)


def _fit_dyes(prediction: Prediction, infrared: Image, light: float) -> _Dyes:
    """Fit infrared to the colours' logarithms and a slow fall-off, leaving out what does not follow."""
    samples = prediction.repaired
    height, width = samples.shape[:2]
    step = max(1, min(height, width) // _SMALL)
    known = _features(_log(samples[::step, ::step], full_scale(samples.dtype)))
    known = known.reshape(-1, known.shape[2]).astype(np.float64)
    seen = _log(infrared[::step, ::step], light).ravel().astype(np.float64)
    down, right = np.mgrid[-1 : 1 : len(samples[::step]) * 1j, -1 : 1 : len(samples[0, ::step]) * 1j]
    slow = np.stack([np.ones_like(seen), down.ravel(), right.ravel(), (down**2 + right**2).ravel()], axis=1)
    matrix = np.concatenate([known - known.mean(axis=0), slow], axis=1)
    weight = np.ones_like(seen)
    for _ in range(12):
        weighted = matrix * weight[:, None]
        normal = weighted.T @ matrix + 1e-6 * len(seen) * np.eye(matrix.shape[1])
        solved = np.linalg.solve(normal, weighted.T @ seen)
        rest = seen - matrix @ solved
        spread = 1.4826 * np.median(np.abs(rest)) + 1e-4
        weight = np.maximum(1 - (rest / (4.7 * spread)) ** 2, 0) ** 2  # Tukey's biweight
    count = known.shape[1]
    explained = matrix[:, :count] @ solved[:count]
    flat = seen - slow @ solved[count:]
    inside = weight > 0
    contrast = explained[inside].std() / (known[inside, 0].std() + 1e-6)
    alike = explained[inside].std() / (flat[inside].std() + 1e-6)
    carried = bool(contrast > _CARRIED and alike > _ALIKE)
    return _Dyes(solved[:count].astype(np.float32), carried)


def _residual(
    prediction: Prediction, infrared: Image, light: float, dyes: _Dyes
) -> tuple[Plane, NDArray[np.uint8]]:
    """Return infrared without the dyes' share, as a logarithm, and how lively the picture is, 0 to 255."""
    samples = prediction.repaired
    white = full_scale(samples.dtype)
    left = np.empty(infrared.shape, np.float32)
    share = np.empty(infrared.shape, np.float32)
    brightness = np.empty(infrared.shape, np.uint8)
    black = np.log(_DARK)
    for rows in cut(slice(0, len(left)), BAND):
        logs = _log(samples[rows], white)
        share[rows] = _features(logs) @ dyes.weights
        brightness[rows] = ((logs.mean(axis=2) - black) * (255 / (np.log1p(_DARK) - black))).clip(0, 255)
        left[rows] = _log(infrared[rows], light)
    left -= _softened(left, share)
    cv2.GaussianBlur(left, (5, 5), 1.0, dst=left)  # dirt is never as sharp as noise
    return left, cv2.morphologyEx(brightness, cv2.MORPH_GRADIENT, np.ones((_HALO, _HALO), np.uint8))


def _softened(seen: Plane, share: Plane) -> Plane:
    """Return the dyes' share as unsharp as infrared is: as leaves the least behind."""
    height, width = seen.shape
    middle = (
        slice(height // 2 - 512 if height > 1024 else 0, height // 2 + 512),
        slice(  # noqa: PLR2004
            width // 2 - 512 if width > 1024 else 0,
            width // 2 + 512,  # noqa: PLR2004
        ),
    )

    def behind(sigma: float) -> float:
        rest = seen[middle] - (cv2.GaussianBlur(share[middle], (0, 0), sigma) if sigma else share[middle])
        rest -= cv2.GaussianBlur(rest, (0, 0), 6)
        size = np.abs(rest)
        return float(np.minimum(size, 6 * np.median(size)).mean())

    sigma = min(_SIGMAS, key=behind)
    return np.asarray(cv2.GaussianBlur(share, (0, 0), sigma), np.float32) if sigma else share


def _flatten(left: Plane) -> NDArray[np.bool_]:
    """Take off the local median, in place, and return where the film ends or is covered."""
    height, width = left.shape
    left -= float(np.median(left[::8, ::8]))
    size = max(1, width // _CELL), max(1, height // _CELL)
    small = cv2.resize(left, size, interpolation=cv2.INTER_AREA)
    coded = np.rint((small / _RANGE).clip(-1, 1) * 127 + 128).astype(np.uint8)
    level = cv2.medianBlur(coded, _WIDE)
    ends = cv2.dilate((level <= 1).view(np.uint8), np.ones((5, 5), np.uint8))
    smooth = (level.astype(np.float32) - 128) * (_RANGE / 127)
    left -= cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(ends, (width, height), interpolation=cv2.INTER_NEAREST).view(np.bool_)


def _scores(left: Plane, lively: NDArray[np.uint8]) -> Plane:
    """Return how far each pixel is darker than its surroundings, in deviations of the noise; in place."""
    by_level = _noise_by_level(left, lively)
    noise = np.maximum(_noise_by_place(left), by_level[lively])
    return np.divide(left, -noise, out=left)


def _noise_by_level(left: Plane, lively: NDArray[np.uint8]) -> Plane:
    """Return the noise ``(256,)`` of equally lively places: halos and what was not explained are part of it.

    It is what one pixel in ten is darker by, against what it would be if that were normal: dirt covers less.
    """
    step = max(1, int(np.sqrt(left.size / 4e6)))
    values, levels = left[::step, ::step].ravel(), lively[::step, ::step].ravel() // (256 // _LEVELS)
    order = np.argsort(levels, kind="stable")
    parts = np.split(-values[order], np.cumsum(np.bincount(levels, minlength=_LEVELS))[:-1])
    whole = float(np.percentile(-values, 90)) / _TENTH
    found = [float(np.percentile(part, 90)) / _TENTH if len(part) >= 200 else 0.0 for part in parts]  # noqa: PLR2004
    rising = np.maximum.accumulate(np.maximum(found, 1e-3))
    return (
        np.repeat(rising, 256 // _LEVELS).astype(np.float32)
        if any(found)
        else np.full(256, whole, np.float32)
    )


def _noise_by_place(left: Plane) -> Plane:
    """Return the noise around each pixel: the median of absolute values in a cell, as a deviation."""
    height, width = left.shape
    down, across = max(1, height // _PLACE), max(1, width // _PLACE)
    part = np.abs(left[: down * _PLACE : 2, : across * _PLACE : 2])
    side = min(part.shape[0] // down, part.shape[1] // across)
    cells = part[: down * side, : across * side].reshape(down, side, across, side).swapaxes(1, 2)
    middle = np.median(cells.reshape(down, across, -1), axis=2).astype(np.float32) * np.float32(1.4826)
    middle = cv2.medianBlur(middle, 3)
    return np.asarray(cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _probability(score: Plane) -> NDArray[np.uint8]:
    """Return the probability of dirt, mark by mark: each has that of the darkest place in it.

    A mark ends where it is a quarter as dark as there, which is beyond what shows of it in the picture.
    """
    table = _table(_count(score), _count(-score))
    result = np.zeros(score.shape, np.uint8)
    if not table.any():
        return result
    count, labels = cv2.connectedComponents((score > _GROUND).view(np.uint8), connectivity=8)
    at = np.flatnonzero(labels)
    label, values = labels.ravel().take(at), score.ravel().take(at)
    darkest = np.zeros(count, np.float32)
    np.maximum.at(darkest, label, values)
    chance = np.rint(255 * table[_step(np.maximum(darkest, _GROUND))]).astype(np.uint8)
    inside = values >= _EDGE * darkest[label]
    result.ravel()[at[inside]] = chance[label[inside]]
    return result


def _step(score: Plane) -> NDArray[np.intp]:
    """Return to which step of a logarithmic scale a score belongs."""
    return (_STEPS * np.log2(score)).astype(np.intp).clip(0, _STEPS * _OCTAVES - 1)


def _count(score: Plane) -> NDArray[np.intp]:
    """Count the peaks of each step."""
    peaks = score[(score > _GROUND) & (score == cv2.dilate(score, np.ones((5, 5), np.uint8)))]
    return np.bincount(_step(peaks), minlength=_STEPS * _OCTAVES)


def _table(darker: NDArray[np.intp], brighter: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return for each step how likely a mark so dark is dirt: dirt only darkens, noise brightens as often.

    The share of dark marks that bright ones do not match, a step to either side included. What is left of the
    picture may darken further than it brightens: the bright marks count two steps higher. As many of them are
    assumed as there may be by chance: two deviations of a count, and, where there are none, fewer and fewer
    the further off it is (as the third power of the score), so that a single speck in a clean picture is
    believed if it is far darker than anything is bright.
    """
    steps = np.arange(len(darker))
    brighter = np.concatenate([np.zeros(_SKEW, np.intp), brighter[:-_SKEW]])
    last = int(np.flatnonzero(brighter).max(initial=0))
    unseen = 3 * np.minimum(1, 2.0 ** (3 * (last - steps) / _STEPS))
    dark, bright = (np.convolve(count, np.ones(3), "same") for count in (darker, brighter))
    chance = bright + 2 * np.sqrt(bright) + unseen
    share = 1 - chance / np.maximum(dark, 1e-9)
    share[: int(_STEPS * np.log2(_GROUND)) + _SKEW + 1] = 0  # the bright ones of these were not counted
    return np.maximum.accumulate(np.maximum(share, 0))
