"""Repairs of what the network had not taken for damage: a person marked it, or other evidence shows it.

It is filled from its surroundings (Telea, *An image inpainting technique based on the fast marching method*,
2004), not by the network. Shown such a place painted over as opaque dust, that repairs it worse at every
width, and takes what is wider than some 30 pixels for a part of the picture (figures: docs/infrared.md).
"""

import itertools
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.bands import side_by_side
from dsr_core.composite import check_mask
from dsr_core.detect import FOUND, LOWEST, Marks
from dsr_core.evidence import Map, check_maps, joined, unseen, with_rim
from dsr_core.grain import add_grain
from dsr_core.pixels import Image
from dsr_core.prediction import NETWORK, Prediction, Progress

_LARGE = 200  # pixels; in a smaller mark no smear is seen
_DOUBTFUL = 0.47  # mean probability below which the network is not sure of a mark
_REACH = 5  # pixels of surroundings that a fill looks at
_COARSE = 4  # pixels that are one where surroundings are told apart
_AT_ONCE = 64  # groups of places; after them, progress is told
_CROWD = 8  # places; more are no group
_UNITS = 65535  # for white: OpenCV fills wrong by one or two, deep in a hole by more


def fill(prediction: Prediction, mask: NDArray[np.bool_]) -> Generator[Progress, None, Prediction]:
    """Repair what a person marked and the network had not taken for damage.

    What it had found, and a rim around that, keeps the network's repair.

    Parameters
    ----------
    prediction
        The image's prediction.
    mask
        ``(H, W)`` bool: everything the person wants repaired.

    Yields
    ------
    Progress
        Before the first and after every place; its ``total`` counts places.

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
    return (yield from _filled(prediction, mask & ~with_rim(found), found))


def add_evidence(prediction: Prediction, maps: Mapping[str, Map]) -> Generator[Progress, None, Prediction]:
    """Join other evidence of damage with the network's probability, and repair what it adds, as `fill` does.

    Parameters
    ----------
    prediction
        From `predict`.
    maps
        ``(H, W)`` uint8 each: a probability of damage times 255, by the name of what it comes from.

    Yields
    ------
    Progress
        As `fill`.

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
    filled = yield from _filled(prediction, unseen(network, maps), network >= FOUND)
    evidence = {NETWORK: network, **prediction.evidence, **maps}
    others = {name: each for name, each in evidence.items() if name != NETWORK}
    return replace(filled, probability=joined(network, others), evidence=evidence)


def fill_doubtful(prediction: Prediction, marks: Marks) -> None:
    """Fill large marks of which the network is not sure from their surroundings, in place.

    Where it half believes in damage its repair is half of the damage: of a tangle of hair a smear stays. On
    small marks that is not seen, and its repair is as good as any.

    Parameters
    ----------
    prediction
        Its ``repaired`` is written to.
    marks
        Its marks at the default sensitivity.
    """
    area = np.bincount(marks.label, minlength=marks.count)
    total = np.bincount(marks.label, marks.strength, marks.count)
    doubtful = (marks.top > LOWEST) & (area >= _LARGE) & (total < _DOUBTFUL * 255 * area)
    if doubtful.any():
        inside = doubtful[marks.labels].view(np.uint8)
        marked = cv2.dilate(inside, np.ones((3, 3), np.uint8)).view(np.bool_)
        damaged = marked | (prediction.probability >= FOUND)
        for _ in _inpaint(prediction.repaired, pixels.colour(prediction.image), damaged, marked):
            pass


def _filled(
    prediction: Prediction, marked: NDArray[np.bool_], found: NDArray[np.bool_]
) -> Generator[Progress, None, Prediction]:
    """Return the prediction with each marked place filled; what was ``found`` was repaired before."""
    samples = pixels.colour(prediction.image)
    repaired, damaged = prediction.repaired.copy(), found | marked
    yield from _inpaint(repaired, samples, damaged, marked)
    add_grain(repaired, samples, damaged, marked, linear=prediction.linear)
    return replace(prediction, repaired=repaired)


def _inpaint(
    repaired: Image, samples: Image, damaged: NDArray[np.bool_], marked: NDArray[np.bool_]
) -> Iterator[Progress]:
    """Fill each marked place from what surrounds it, in place.

    Of what is ``damaged`` around it the repair counts.
    """
    unit = np.float32(_UNITS / pixels.full_scale(samples.dtype))
    lightest = np.inf if samples.dtype.kind == "f" else 1.0  # whole numbers would begin again at black
    labels: NDArray[Any]
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(marked.view(np.uint8), connectivity=8)
    parts = [
        (
            slice(max(0, top - _REACH), top + height + _REACH),
            slice(max(0, left - _REACH), left + width + _REACH),
        )
        for left, top, width, height, _ in boxes[1:].tolist()
    ]

    def work(numbers: list[int]) -> None:
        for number in numbers:
            part = parts[number]
            gap, others = labels[part] == number + 1, damaged[part]
            seen = np.where(others[:, :, None], repaired[part], samples[part]).astype(np.float32) * unit
            filled = np.stack([_telea(plane, gap)[gap] for plane in np.moveaxis(seen, 2, 0)], axis=1)
            repaired[part][gap] = pixels.encode((filled / _UNITS).clip(0, lightest), repaired.dtype)

    done = itertools.count()
    yield Progress(next(done), len(parts))
    for batch in _batches(parts, marked.shape):
        side_by_side(work, batch)
        for _ in itertools.chain(*batch):
            yield Progress(next(done), len(parts))


def _batches(parts: list[tuple[slice, slice]], shape: tuple[int, ...]) -> Iterator[list[list[int]]]:
    """Yield the numbers of the parts in groups, so many as are filled before progress is told.

    A fill depends on what was filled beside it before. So parts that meet are in one group, one after the
    other, and the groups of a batch have no pixel in common. A crowd is told part by part.
    """
    height, width = (-(-length // _COARSE) for length in shape)
    covered = np.zeros((height, width), np.uint8)
    corners = []
    for rows, columns in parts:
        top, left = rows.start // _COARSE, columns.start // _COARSE
        covered[top : -(-rows.stop // _COARSE), left : -(-columns.stop // _COARSE)] = 1
        corners.append((top, left))
    _, labels = cv2.connectedComponents(covered, connectivity=8)
    groups: dict[int, list[int]] = {}
    for number, corner in enumerate(corners):
        groups.setdefault(int(labels[corner]), []).append(number)
    few = [group for group in groups.values() if len(group) <= _CROWD]
    for first in range(0, len(few), _AT_ONCE):
        yield few[first : first + _AT_ONCE]
    for group in groups.values():
        if len(group) > _CROWD:
            yield from ([[number]] for number in group)


def _telea(plane: NDArray[np.float32], gap: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a plane with the gap filled."""
    twice = 2 if len(plane) == 1 else 1  # beside a single row OpenCV reads what is not there
    rows, mask = np.tile(plane, (twice, 1)), np.tile(gap.view(np.uint8), (twice, 1))
    return np.asarray(cv2.inpaint(rows, mask, _REACH, cv2.INPAINT_TELEA)[: len(gap)], np.float32)
