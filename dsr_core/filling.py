"""Repairs of what the network had not taken for damage: a person marked it, or other evidence shows it."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.composite import check_mask
from dsr_core.detect import FOUND, find_marks
from dsr_core.discovery import EASED, moved
from dsr_core.evidence import Map, check_maps, joined, unseen, with_rim
from dsr_core.grain import add_grain
from dsr_core.options import Options
from dsr_core.pixels import Image
from dsr_core.prediction import NETWORK, Prediction, Progress
from dsr_core.sweep import sweep
from dsr_core.tiles import Tile

_CONVINCED = 0.5  # lowest probability at which a marked pixel counts as repaired by the network
_MISSED = 0.25  # share of a marked defect; where more is missed, it is filled from its surroundings
_WIDE = 9  # pixels; what is narrower is filled as well from its surroundings
_LARGE = 200  # pixels; in a smaller mark no smear is seen
_DOUBTFUL = 0.47  # mean probability below which the network is not sure of a mark
_REACH = 5  # pixels of surroundings that a fill looks at
_UNITS = 65535  # for white, where samples are filled that are floats


def fill(prediction: Prediction, mask: NDArray[np.bool_]) -> Generator[Progress, None, Prediction]:
    """Repair what a person marked and the network had not taken for damage.

    Such pixels are painted as opaque dust, so that the network sees damage there, and only the tiles that
    hold them run again. A defect that even then does not convince it is filled from its surroundings (Telea,
    *An image inpainting technique based on the fast marching method*, 2004), and so is the narrow rest of a
    mark around what it had found, which would become a thin line.

    Parameters
    ----------
    prediction
        The image's prediction.
    mask
        ``(H, W)`` bool: everything the person wants repaired.

    Returns
    -------
    Prediction
        The same with ``repaired`` made good inside the mask.

    Raises
    ------
    DsrError
        The mask is not boolean or not of the image's size.
    """
    check_mask(mask, prediction.probability.shape)
    found = prediction.probability >= FOUND
    rim = with_rim(found)
    marked = mask & ~rim
    return (yield from _filled(prediction, marked, found, marked & ~_rest(marked, rim)))


def add_evidence(prediction: Prediction, maps: Mapping[str, Map]) -> Generator[Progress, None, Prediction]:
    """Join other evidence of damage with the network's probability, and repair what it adds.

    What is wide goes through the network as in `fill`; a speck of a few pixels is filled from its
    surroundings, which is as good, and spares another run over most of the picture.

    Parameters
    ----------
    prediction
        From `predict`.
    maps
        ``(H, W)`` uint8 each: a probability of damage times 255, by the name of what it comes from.

    Returns
    -------
    Prediction
        The same with the joined ``probability``, its ``evidence``, and ``repaired`` made good.

    Raises
    ------
    DsrError
        A map is not uint8 or not of the image's size.
    """
    check_maps(maps, prediction.probability.shape)
    if not maps:
        return prediction
    network = prediction.evidence.get(NETWORK, prediction.probability)
    marked = unseen(network, maps)
    filled = yield from _filled(prediction, marked, network >= FOUND, _wide(marked))
    evidence = {NETWORK: network, **prediction.evidence, **maps}
    others = {name: each for name, each in evidence.items() if name != NETWORK}
    return replace(filled, probability=joined(network, others), evidence=evidence)


def _wide(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return those of the marked regions that hold a square of so many pixels."""
    inner = cv2.erode(marked.view(np.uint8), np.ones((_WIDE, _WIDE), np.uint8))
    labels: NDArray[Any]
    count, labels = cv2.connectedComponents(marked.view(np.uint8), connectivity=8)
    wide = np.zeros(count, np.bool_)
    wide[labels[inner > 0]] = True
    return np.asarray(wide[labels], np.bool_)


def _rest(marked: NDArray[np.bool_], rim: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the narrow ones of the marked regions that lie along what was found with its rim."""
    labels: NDArray[Any]
    count, labels = cv2.connectedComponents(marked.view(np.uint8), connectivity=8)
    beside = np.zeros(count, np.bool_)
    beside[labels[cv2.dilate(rim.view(np.uint8), np.ones((3, 3), np.uint8)) > 0]] = True
    return np.asarray(beside[labels] & marked & ~_wide(marked), np.bool_)


def _filled(
    prediction: Prediction,
    marked: NDArray[np.bool_],
    found: NDArray[np.bool_],
    by_network: NDArray[np.bool_],
) -> Generator[Progress, None, Prediction]:
    """Return the prediction with what is marked repaired; ``found`` was repaired before.

    ``by_network`` is the part of the marked that the network is shown; what it misses, and the other part,
    is filled from its surroundings.
    """
    samples = pixels.colour(prediction.image)
    repaired = prediction.repaired.copy()
    missed = marked & ~by_network

    def read(tile: Tile) -> Image:
        painted, hole = tile.cut(samples).copy(), tile.cut(marked)
        around = painted[~hole]
        bright = around.size > 0 and pixels.luminance(around).mean() > 0.5  # noqa: PLR2004 -- middle grey
        painted[hole] = 0 if bright else pixels.full_scale(samples.dtype)
        return painted

    def write(tile: Tile, planes: NDArray[np.float32], damage: NDArray[np.float32]) -> None:
        hole = by_network[tile.core]
        new = np.empty_like(repaired[tile.core])
        planes = pixels.as_neutral_as(samples[tile.core], planes)
        pixels.from_network(planes, new, linear=prediction.linear)
        repaired[tile.core][hole] = new[hole]
        missed[tile.core] = marked[tile.core] & (~hole | (damage < _CONVINCED))

    ran, notes = yield from sweep(
        prediction.model,
        prediction.wanted if prediction.provider != "cpu" else "cpu",
        marked.shape,
        read,
        write,
        linear=prediction.linear,
        stretch=prediction.stretch,
        wanted=lambda tile: bool(by_network[tile.core].any()),
    )
    _inpaint(repaired, samples, found | marked, marked, missed)
    add_grain(repaired, samples, found | marked, marked, linear=prediction.linear)
    return replace(prediction, repaired=repaired, provider=ran, notes=prediction.notes + notes)


def fill_doubtful(prediction: Prediction) -> None:
    """Fill large marks of which the network is not sure from their surroundings, in place.

    Where it half believes in damage its repair is half of the damage: of a tangle of hair a smear stays. On
    small marks that is not seen, and its repair is as good as any.
    """
    usual = 255 * (1 - Options().sensitivity)
    lowest = moved(usual, -EASED)
    marks = find_marks(prediction, usual, lowest)
    area = np.bincount(marks.label, minlength=marks.count)
    total = np.bincount(marks.label, marks.strength, marks.count)
    doubtful = (marks.top > lowest) & (area >= _LARGE) & (total < _DOUBTFUL * 255 * area)
    if doubtful.any():
        inside = (doubtful & (np.arange(marks.count) > 0))[marks.labels]
        marked = cv2.dilate(inside.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
        damaged = marked | (prediction.probability >= FOUND)
        _inpaint(prediction.repaired, pixels.colour(prediction.image), damaged, marked, marked)


def _inpaint(
    repaired: Image,
    samples: Image,
    damaged: NDArray[np.bool_],
    marked: NDArray[np.bool_],
    missed: NDArray[np.bool_],
) -> None:
    """Fill each marked defect that the network missed in large part, whole, from what surrounds it.

    Of what is ``damaged`` around it, the repair counts.
    """
    # OpenCV fills floats up to one or two units wrong, which must not be one or two times white
    unit = np.float32(_UNITS if np.issubdtype(samples.dtype, np.floating) else 1)
    labels: NDArray[Any]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(marked.view(np.uint8), connectivity=8)
    shares = np.bincount(labels[missed], minlength=count) / stats[:, cv2.CC_STAT_AREA]
    for number in np.flatnonzero(shares > _MISSED):
        left, top, width, height, _ = stats[number]
        part = (
            slice(max(0, top - _REACH), top + height + _REACH),
            slice(max(0, left - _REACH), left + width + _REACH),
        )
        gap, others = labels[part] == number, damaged[part]
        around = np.where(others[:, :, None], repaired[part], samples[part]).astype(np.float32) * unit
        for channel in range(around.shape[2]):
            plane = np.ascontiguousarray(around[:, :, channel])
            filled = cv2.inpaint(plane, gap.view(np.uint8), _REACH, cv2.INPAINT_TELEA)
            repaired[part][:, :, channel][gap] = (filled[gap] / unit).astype(repaired.dtype)
