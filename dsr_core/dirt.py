"""Which dark marks in a flat scan are dirt: by the noise of the place, and because dirt only darkens.

How often something so far from the mean brightens instead is how often the noise darkens; the probability
follows from the two counts. Nothing here depends on the scanner.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.bands import STRIP, around, cut, in_bands, side_by_side
from dsr_core.robust import quantile

Plane = NDArray[np.float32]

_LEAST = 1e-3  # of a logarithm: noise that any scan has
_ENOUGH = 200  # pixels that tell what noise is
CONTRAST = 4.0 / 255
"""Contrast, as a difference of logarithms, for each step of liveliness."""
_SHARE = 0.1  # of the contrast around that edges may leave in infrared, as a deviation
_LEVELS = 32  # of liveliness
_PLACE = 32  # side in pixels of the cells in which noise is measured
_TWENTIETH = 1.645  # deviations that one in twenty values of a normal distribution exceeds
_GROUND = 2.0  # deviations; what is less is not looked at
_EDGE = 0.25  # of the darkest place: the edge of a mark
_STEPS = 3  # for each doubling of a score
_OCTAVES = 10
_SKEW = 2  # steps
_NEAR = 2  # pixels on each side that a peak exceeds


def scores(left: Plane, lively: NDArray[np.uint8]) -> Plane:
    """Return how far each pixel is darker than its surroundings, in deviations of the noise."""
    by_level, result = _noise_by_level(left, lively), _noise_by_place(left)

    def work(band: slice) -> None:
        for rows in cut(band, STRIP):
            noise = np.maximum(result[rows], cv2.LUT(lively[rows], by_level))
            np.divide(left[rows], np.negative(noise, out=noise), out=result[rows])

    in_bands(work, len(left), 0)
    return result


def _noise_by_level(left: Plane, lively: NDArray[np.uint8]) -> Plane:
    """Return the noise ``(256,)`` of equally lively places: halos and what was not explained are part of it.

    One pixel in twenty is darker by so much, against what it would be if that were normal: dirt covers less.
    Where it does not, because few places are as lively as dirt itself, a share of the contrast is the limit:
    an edge leaves no more in infrared, dirt does.
    """
    step = max(1, int(np.sqrt(left.size / 4e6)))
    values, levels = left[::step, ::step].ravel(), lively[::step, ::step].ravel() // (256 // _LEVELS)
    order = np.argsort(levels, kind="stable")
    parts = np.split(-values[order], np.cumsum(np.bincount(levels, minlength=_LEVELS))[:-1])
    found = side_by_side(
        lambda part: quantile(part, 0.95) / _TWENTIETH if len(part) >= _ENOUGH else 0.0, parts
    )
    rising = np.maximum.accumulate(np.maximum(found, _LEAST))
    most = np.maximum(_SHARE * CONTRAST * np.arange(256), _LEAST)
    return np.asarray(np.minimum(np.repeat(rising, 256 // _LEVELS), most), np.float32)


def _noise_by_place(left: Plane) -> Plane:
    """Return the noise around each pixel: the median of absolute values in a cell, as a deviation."""
    height, width = left.shape
    down, across = max(1, height // _PLACE), max(1, width // _PLACE)
    part = left[: down * _PLACE : 2, : across * _PLACE : 2]
    side = min(part.shape[0] // down, part.shape[1] // across)
    middle = slice((side**2 - 1) // 2, side**2 // 2 + 1)  # one number, or two

    def medians(row: int) -> Plane:
        cells = np.abs(part[row * side : (row + 1) * side, : across * side])
        cells = np.sort(cells.reshape(side, across, side).swapaxes(0, 1).reshape(across, -1), axis=1)
        return np.asarray(cells[:, middle].mean(axis=1), np.float32)

    noise = np.stack(side_by_side(medians, range(down))) * np.float32(1.4826)
    smooth = cv2.medianBlur(noise, 3)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def probability(left: Plane, score: Plane) -> NDArray[np.uint8]:
    """Return the probability of dirt, mark by mark: each has that of the clearest place in it.

    ``left`` is the flat scan as a logarithm, ``score`` what `scores` returns.
    A mark ends where it is a quarter as dark as there, which is beyond what shows of it in the picture.
    """
    table = _table(*_count(score))
    result = np.zeros(score.shape, np.uint8)
    if not table.any():
        return result
    labels: NDArray[Any]
    dark = score > _GROUND
    count, labels = cv2.connectedComponents(dark.view(np.uint8), connectivity=8)
    at = np.flatnonzero(dark)
    label: NDArray[Any] = labels.ravel().take(at)
    depth = -left.ravel().take(at)
    clearest, deepest = np.zeros((2, count), np.float32)
    np.maximum.at(clearest, label, score.ravel().take(at))
    np.maximum.at(deepest, label, depth)
    chance = np.rint(255 * table[_step(np.maximum(clearest, _GROUND))]).astype(np.uint8)
    inside = depth >= _EDGE * deepest[label]
    result.ravel()[at[inside]] = chance[label[inside]]
    return result


def _step(score: Plane) -> NDArray[np.intp]:
    """Return to which step of a logarithmic scale a score belongs."""
    return (_STEPS * np.log2(score)).astype(np.intp).clip(0, _STEPS * _OCTAVES - 1)


def _count(score: Plane) -> NDArray[np.intp]:
    """Count the peaks of each step, ``(2, steps)``: the dark ones and the bright ones."""
    counts = []

    def work(band: slice) -> None:
        for rows in cut(band, 4 * STRIP):
            outer, inner = around(rows, _NEAR, len(score))
            counts.append([_peaks(part, inner) for part in (score[outer], -score[outer])])

    in_bands(work, len(score), _NEAR)
    return np.asarray(np.sum(counts, axis=0), np.intp)


def _peaks(score: Plane, rows: slice) -> NDArray[np.intp]:
    """Count the peaks of each step in these rows."""
    own, highest = score[rows], cv2.dilate(score, np.ones((2 * _NEAR + 1, 2 * _NEAR + 1), np.uint8))[rows]
    return np.bincount(_step(own[(own > _GROUND) & (own == highest)]), minlength=_STEPS * _OCTAVES)


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
