"""From the network's probability to the pixels that are to be repaired."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import crowds, discovery, kinds, lights
from dsr_core.bands import in_bands
from dsr_core.decisions import LEFT, PAINTED, Decided, outranked
from dsr_core.halftone import is_halftone
from dsr_core.options import Options
from dsr_core.pixels import luminance, pick
from dsr_core.prediction import NETWORK, Prediction

SURE = 204  # 0.8 of 255; a component without such a pixel is faint
FAINTER = 4  # the lower threshold of the hysteresis is the upper one divided by this
FOUND = 255 // (2 * FAINTER)
"""Lowest probability, times 255, that is part of a sure mark at the default sensitivity."""
USUAL = 255 * (1 - Options().sensitivity)
"""Threshold of the default sensitivity, times 255."""
LOWEST = discovery.moved(USUAL, -discovery.EASED)
"""The same where a scan is as dirty as can be."""
FAINTEST = int(LOWEST / FAINTER) + 1
"""Lowest probability, times 255, that is part of a mark there."""
_HALF = 128  # of 255
_CAUTIOUS = 0.5  # sensitivity below which only what is ever more certain is found
_NOISE = 2  # of 255; the lower threshold is never below this
_MAJORITY = 0.9  # share of defects of one polarity from which on the other counts as rare
_DILATED = 10  # pixels; up to here dilation is faster than a distance transform


@dataclass(frozen=True, eq=False)
class Marks:
    """What may be damage in a picture: connected regions of what is probable.

    Parameters
    ----------
    at, label, strength, excess
        Where each of their pixels lies, counted row by row; to which of them it belongs; its probability
        times 255; how much brighter it is than its repair.
    labels
        ``(H, W)``: the same labels, 0 elsewhere.
    count
        Number of labels, 0 among them.
    top, bright
        ``(count,)``: the highest probability of each times 255, and whether it is brighter than its repair.
    """

    at: NDArray[np.intp]
    label: NDArray[Any]
    strength: NDArray[np.uint8]
    excess: NDArray[np.float32]
    labels: NDArray[Any]
    count: int
    top: NDArray[np.uint8]
    bright: NDArray[np.bool_]


def find_marks(prediction: Prediction, threshold: float, lowest: float) -> Marks:
    """Return what may be damage.

    Parameters
    ----------
    prediction
        From `predict` or `fill`.
    threshold
        The usual one, times 255: a mark reaches as far as a quarter of it, or of its highest probability if
        that is less.
    lowest
        The lowest that the threshold may fall to: pixels below a quarter of it belong to no mark.
    """
    probability = prediction.probability
    candidates = probability > max(int(lowest / FAINTER), _NOISE)
    labels: NDArray[Any]
    count, labels = cv2.connectedComponents(candidates.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    at = np.flatnonzero(candidates)
    label: NDArray[Any] = labels.ravel().take(at)
    strength = probability.ravel().take(at)
    top = np.zeros(count, np.uint8)
    np.maximum.at(top, label, strength)
    reached = (np.minimum(top, threshold) / FAINTER).astype(np.uint8)
    inside = strength > reached[label]
    labels.ravel()[at[~inside]] = 0
    at, label, strength = at[inside], label[inside], strength[inside]
    excess = luminance(pick(prediction.image, at)) - luminance(pick(prediction.repaired, at))
    return Marks(at, label, strength, excess, labels, count, top, np.bincount(label, excess, count) > 0)


def find_defects(
    prediction: Prediction, options: Options, decided: Decided | None = None
) -> NDArray[np.bool_]:
    """Return the mask ``(H, W)`` of the defects that the options let pass, grown; notes as in `search`."""
    return search(prediction, options, decided)[0]


def search(
    prediction: Prediction, options: Options, decided: Decided | None = None
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return the mask ``(H, W)`` of the defects that the options let pass, grown, and sentences for the user.

    Parameters
    ----------
    prediction
        From `predict` or `fill`.
    options
        What counts as a defect.
    decided
        ``(H, W)``: what a person decided (`dsr_core.decisions`), which outranks the options.

    Notes
    -----
    The threshold for the probability is one minus the sensitivity, and nearer to one where the sensitivity is
    low: what is taken for damage by mistake has a high probability, too. What may be a light is trusted ever
    less there; the network is sure of a quarter of a starry sky. For bright and for dark marks it moves with
    how many of them there are (`dsr_core.discovery`).

    Hysteresis: a component counts if one of its pixels exceeds the threshold, with those of its pixels that
    exceed a quarter of the usual threshold, or of its highest probability if that is less: so that a hair
    that fades along its length stays whole and no speck is repaired by half, while faint specks on their own
    are left alone.
    """
    probability = prediction.probability
    trust = min(1, options.sensitivity / _CAUTIOUS)
    share = options.sensitivity * trust
    threshold = 255 * min(max(1 - share, 0.02), 0.98)
    moved = [_moved(threshold, by, share) for by in prediction.moves]
    marks = find_marks(prediction, threshold, min(threshold, *moved))
    at, label, strength, count, bright = marks.at, marks.label, marks.strength, marks.count, marks.bright
    shown = _shown(prediction, at, label, count)
    found = marks.top > np.where(shown, threshold, np.where(bright, *moved)).astype(np.uint8)
    inside = found[label]
    at, label, strength, excess = at[inside], label[inside], strength[inside], marks.excess[inside]
    keep = found & _of_polarity(options.polarity, bright, label, strength)
    if options.min_size > 1 or options.max_size > 0:
        longer = np.maximum(*lights.extents(at, label, count, probability.shape[1]))
        keep &= (longer >= options.min_size) & (longer <= (options.max_size or np.inf))
    if options.kinds != "all":
        shapes = kinds.measure(at, label, marks.labels, count)
        keep &= kinds.sort(shapes, max(probability.shape)) == 1 + kinds.KINDS.index(options.kinds)
    soft = bright & lights.find_lights(at, label, excess, count, probability.shape[1])
    lamps = keep & soft
    if options.lights == "keep":
        keep &= ~lamps
    elif trust < 1:
        keep &= ~lamps | _any(label, strength * trust > int(threshold), count)
    usual = marks.top > np.where(bright, *(discovery.moved(USUAL, by) for by in prediction.moves))
    certain = usual & ~shown
    reached = strength >= (np.minimum(marks.top, USUAL) / FAINTER)[label]
    # Which stars the options let pass does not make a sky starry or not; none of them is dark.
    judged = certain & found & _of_polarity("auto", bright, label, strength)
    starry = options.polarity != "dark" and crowds.is_starry(label[reached], judged, soft, probability.size)
    firm = reached & (certain & keep)[label]
    note = ""
    if options.dense == "keep" and keep.any():
        screened = is_halftone(prediction.image)
        # What other evidence shows is never one of too many.
        dense = keep & ~shown & _dense(prediction, at, label, firm, count, everywhere=starry or screened)
        keep &= ~dense
        share = np.count_nonzero(dense[label]) / probability.size
        note = crowds.remark(int(dense.sum()), share, screened=screened)
    if decided is not None:
        verdict = decided.ravel().take(marks.at)
        keep |= _any(marks.label, verdict == PAINTED, count)
        keep &= ~_any(marks.label, verdict & LEFT > 0, count)
    mask = np.zeros(probability.shape, np.bool_)
    mask.ravel()[marks.at[keep[marks.label]]] = True
    notes = (
        lights.remark(int((lamps & keep).sum())) if options.lights == "repair" else "",
        note,
    )
    return outranked(_grown(mask, options.grow), decided), tuple(filter(None, notes))


def distance_within(mask: NDArray[np.bool_], rows: slice, reach: float) -> NDArray[np.float32]:
    """Return how many pixels the nearest zero is away from each pixel of ``rows``.

    It is a chamfer distance of 5 x 5 pixels, at most 2 % off the Euclidean. Only zeros up to ``reach`` pixels
    above and below the rows are looked at, so a value above ``reach`` says no more than that.
    """
    top = max(rows.start - int(reach) - 1, 0)
    part = mask[top : rows.stop + int(reach) + 1].view(np.uint8)
    distance = cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance[rows.start - top : rows.stop - top], np.float32)


def _grown(mask: NDArray[np.bool_], grow: int) -> NDArray[np.bool_]:
    """Return the mask with every pixel that lies within ``grow`` and a half pixels of it."""
    if grow == 0:
        return mask
    result = np.empty_like(mask)
    if grow > _DILATED:
        undamaged = ~mask

        def widen(rows: slice) -> None:
            np.less_equal(distance_within(undamaged, rows, grow + 0.5), grow + 0.5, out=result[rows])

    else:
        point = np.ones((2 * grow + 1, 2 * grow + 1), np.bool_)
        point[grow, grow] = False
        disc = distance_within(point, slice(0, len(point)), grow + 0.5) <= grow + 0.5

        def widen(rows: slice) -> None:
            top = max(rows.start - grow, 0)
            wide = cv2.dilate(mask[top : rows.stop + grow].view(np.uint8), disc.view(np.uint8))
            result[rows] = wide[rows.start - top : rows.stop - top]

    in_bands(widen, len(mask), grow)
    return result


def _any(label: NDArray[Any], condition: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Return for each component whether the condition holds anywhere in it."""
    found = np.zeros(count, np.bool_)
    found[label[condition]] = True
    return found


def _shown(
    prediction: Prediction, at: NDArray[np.intp], label: NDArray[Any], count: int
) -> NDArray[np.bool_]:
    """Return for each component whether other evidence than the network's shows it."""
    shown = np.zeros(count, np.bool_)
    for name, each in prediction.evidence.items():
        if name != NETWORK:
            shown |= _any(label, each.ravel().take(at) >= _HALF, count)
    return shown


def moves(
    marks: Marks, rates: tuple[discovery.Rates, discovery.Rates] | None, megapixels: float
) -> tuple[float, float]:
    """Return by how many logits the threshold moves for bright and for dark marks.

    Parameters
    ----------
    marks
        From `find_marks` at the default sensitivity, down to the lowest threshold.
    rates
        How many of either kind the model sees in clean pictures; ``None``: nobody knows.
    megapixels
        Size of the picture.
    """
    if rates is None:
        return 0.0, 0.0
    bright, dark = (marks.top[marks.bright == is_bright] for is_bright in (True, False))
    return discovery.shift(bright, rates[0], megapixels), discovery.shift(dark, rates[1], megapixels)


def _moved(threshold: float, by: float, share: float) -> float:
    """Return the threshold by so many logits higher.

    At the low end of the slider it does not fall, at the high end it does not rise. It never falls below what
    a mark reaches down to.
    """
    there = discovery.moved(threshold, by * min(1, 2 * (share if by < 0 else 1 - share)))
    return max(there, threshold / FAINTER)


def _dense(
    prediction: Prediction,
    at: NDArray[np.intp],
    label: NDArray[Any],
    firm: NDArray[np.bool_],
    count: int,
    *,
    everywhere: bool,
) -> NDArray[np.bool_]:
    """Return for each component whether it is one of too many.

    ``firm`` are the pixels that the default sensitivity reaches, of what is kept.
    """
    shape, size = prediction.probability.shape, prediction.probability.size
    vivid = bool(np.count_nonzero(firm) > crowds.OF_VIVID * size) and crowds.is_vivid(
        pick(prediction.image, at[firm]), pick(prediction.repaired, at[firm])
    )
    return crowds.find_crowds(at, label, firm, count, shape, vivid=vivid, everywhere=everywhere)


def _of_polarity(
    wanted: str, bright: NDArray[np.bool_], label: NDArray[Any], strength: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Return for each component whether its polarity is the wanted one."""
    if wanted == "both":
        return np.ones_like(bright)
    if wanted != "auto":
        return np.equal(bright, wanted == "bright")
    sure = _any(label, strength >= SURE, len(bright))
    confident = label[sure[label]]
    share = bright[confident].mean() if len(confident) else 0.5
    if 1 - _MAJORITY < share < _MAJORITY:
        return np.ones_like(bright)
    return sure | np.equal(bright, share >= _MAJORITY)
