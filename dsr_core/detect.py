"""From the network's probability to the pixels that are to be repaired."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.options import Options
from dsr_core.pixels import Image, colour, luminance

SURE = 204  # 0.8 of 255: a component that nowhere reaches this was found weakly
_MAJORITY = 0.9


def find_defects(
    image: Image, repaired: Image, probability: NDArray[np.uint8], options: Options
) -> NDArray[np.bool_]:
    """Return the mask ``(H, W)`` of the defects that the options let pass, grown.

    Parameters
    ----------
    image, repaired
        Input and the network's repair, in one encoding; needed for the polarity of a defect.
    probability
        ``(H, W)``, 255 standing for certain damage.
    options
        What counts as a defect.

    Notes
    -----
    Hysteresis: a component of the pixels above half the threshold counts if one of its pixels exceeds the
    threshold, so that a hair that fades along its length stays whole while faint specks on their own are left
    alone.
    """
    threshold = 255 * min(max(1 - options.sensitivity, 0.02), 0.98)
    candidates = probability > int(threshold / 2)
    labels: NDArray[Any]
    binary = candidates.view(np.uint8)
    limited = options.min_size > 1 or options.max_size > 0
    if limited:  # the sizes cost as much again as the components themselves
        count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=8, ltype=cv2.CV_32S)
    else:
        count, labels = cv2.connectedComponents(binary, connectivity=8, ltype=cv2.CV_32S)
    at = np.flatnonzero(candidates)
    label, strength = labels.ravel()[at], probability.ravel()[at]
    keep = _any(label, strength > int(threshold), count)
    if limited:
        longer = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
        keep &= (longer >= options.min_size) & (longer <= (options.max_size or np.inf))
    if options.polarity != "both" and len(at):
        excess = _brightness(image, at) - _brightness(repaired, at)
        bright = np.bincount(label, excess, count) > 0
        keep &= _of_polarity(options.polarity, bright, label, strength, keep)
    mask: NDArray[Any] = np.zeros(probability.shape, np.uint8)
    mask.ravel()[at] = keep[label]
    if options.grow:
        side = 2 * options.grow + 1
        shape = cv2.MORPH_RECT if options.grow == 1 else cv2.MORPH_ELLIPSE
        mask = cv2.dilate(mask, cv2.getStructuringElement(shape, (side, side)))
    return mask.view(np.bool_)


def _any(label: NDArray[Any], condition: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Return for each component whether the condition holds anywhere in it."""
    found = np.zeros(count, np.bool_)
    found[label[condition]] = True
    return found


def _brightness(image: Image, at: NDArray[np.intp]) -> NDArray[np.float32]:
    samples = colour(image)
    row, column = np.divmod(at, samples.shape[1])
    return luminance(samples[row, column])


def _of_polarity(
    wanted: str,
    bright: NDArray[np.bool_],
    label: NDArray[Any],
    strength: NDArray[np.uint8],
    keep: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return for each component whether its polarity is the wanted one."""
    if wanted != "auto":
        return np.equal(bright, wanted == "bright")
    sure = _any(label, strength >= SURE, len(keep))
    confident = label[(sure & keep)[label]]
    share = bright[confident].mean() if len(confident) else 0.5
    if 1 - _MAJORITY < share < _MAJORITY:
        return np.ones_like(keep)
    return sure | np.equal(bright, share >= _MAJORITY)
