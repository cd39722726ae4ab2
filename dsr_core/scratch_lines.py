"""Lines in a picture that was averaged in pieces: followed from piece to piece, and judged."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.scratch_limits import RETURNING, Course, Traits, keeps, measure

Planes = NDArray[np.float32]
_AROUND = 65  # pixels to both sides in which the usual height of ridges is measured
_USUAL = 1.6  # times the smaller of two differences with neighbours is their deviation, if they are noise
_FINEST = 0.0015  # of the range; no ridge counts as more even than this
_CLIPPED = (-1.0, 2.5)  # deviations that one piece adds at most: neither dust nor an edge decides
_EXPECTED = 0.4  # deviations that a piece has to bring for a line to go on
_TURN = 1.0  # deviations that a step to the side costs
_ENOUGH = 5.0  # deviations, all told, from which on a line is judged
_MOST = 3  # lines that are judged, of each width, sign and plane
_FEWEST = 12  # pieces
ASIDE = 4  # columns that a line may lie away from where the roll has one
_BESIDE = 3  # widths away from a line that edges beside it begin
_NEAR = 24  # columns in which they are looked for


@dataclass(frozen=True, eq=False)
class Line:
    """A line through the averaged picture: pieces and columns, and what is known of it."""

    pieces: NDArray[np.intp]
    columns: NDArray[np.intp]
    width: int
    sign: int
    strength: float


def lines_in(plane: Planes, width: int, limits: Traits, known: Collection[tuple[int, int]]) -> Iterator[Line]:
    """Yield the lines of this width in a plane ``(pieces, columns)`` that keep within the limits.

    Where lines of a sign are known to be, in a column or near it, the limits are those of `RETURNING`.
    """
    beside = max(8, 4 * width)
    if len(plane) < _FEWEST or plane.shape[1] <= 2 * beside + 1:
        return
    middle = np.asarray(cv2.blur(plane, (width, 1)), np.float32)
    flank = np.asarray(cv2.blur(plane, (2 * width + 1, 1)), np.float32)
    away = width // 2 + max(width // 2, 1) + width + 1
    left, right = np.zeros_like(plane), np.zeros_like(plane)
    left[:, away:] = middle[:, away:] - flank[:, :-away]
    right[:, :-away] = middle[:, :-away] - flank[:, away:]
    smaller = np.minimum(np.abs(left), np.abs(right))
    usual = _USUAL * np.asarray(cv2.blur(smaller, (_AROUND, 3)), np.float32) + np.float32(_FINEST)
    height = np.minimum(left, right).clip(0) + np.maximum(left, right).clip(None, 0)  # 0 where they disagree
    height /= usual
    for sign in (1, -1):
        gain = np.clip(sign * height, *_CLIPPED)
        gain -= np.float32(_EXPECTED)
        gain[:, :beside] = gain[:, -beside:] = -np.inf
        paths = [(limits, *path) for path in _paths(gain, beside // 2)]
        for column in (column for which, column in known if which == sign):
            first = max(0, column - ASIDE)
            near = _paths(gain[:, first : column + ASIDE + 1], beside // 2)
            paths += [(RETURNING, pieces, columns + first) for pieces, columns in near]
        for wanted, pieces, columns in paths:
            if len(pieces) < max(_FEWEST, wanted.share * len(plane)):
                continue  # too short, whatever else it is
            there = pieces, columns
            course = Course(
                share=len(pieces) / len(plane),
                columns=columns,
                left=sign * left[there],
                right=sign * right[there],
                middle=sign * middle[there],
                usual=usual[there],
                company=_company(plane, there, usual[there], width),
            )
            traits = measure(course)
            if keeps(traits, wanted):
                yield Line(pieces, columns, width, sign, traits.strength)


def _paths(gain: Planes, beside: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield pieces and columns of the paths that gain most, a few (dynamic programming).

    A path goes from piece to piece, at most one column aside each time, which costs; where it would have lost
    more than it gained, another begins.
    """
    total = np.empty_like(gain)
    before = np.zeros(gain.shape[1] + 2, np.float32)
    for row, ending in zip(gain, total, strict=True):
        aside = before - np.float32(_TURN)
        np.maximum(aside[:-2], aside[2:], out=ending)
        np.maximum(ending, before[1:-1], out=ending)
        np.add(ending, row, out=ending)
        np.maximum(ending, 0, out=before[1:-1])
    left = total.copy()  # what no path has taken yet
    for _ in range(_MOST):
        piece, column = divmod(int(left.argmax()), left.shape[1])
        if left[piece, column] < _ENOUGH:
            return
        path = list(_back(total, piece, column))
        pieces, columns = np.array(path[::-1]).T
        yield pieces, columns
        for at, column in path:
            left[at, max(0, column - beside) : column + beside + 1] = 0
        left[pieces[-1] :, max(0, columns[-1] - beside) : columns[-1] + beside + 1] = 0


def _back(total: Planes, piece: int, column: int) -> Iterator[tuple[int, int]]:
    """Yield pieces and columns of the path that ends here, from its end to its beginning."""
    yield piece, column
    for earlier in range(piece - 1, -1, -1):
        ahead, left, right = (
            float(total[earlier, at]) - abs(at - column) * _TURN if 0 <= at < total.shape[1] else 0.0
            for at in (column, column - 1, column + 1)
        )
        best = max(ahead, left, right)
        if best <= 0:
            return
        column += 0 if ahead == best else -1 if left == best else 1
        yield earlier, column


def _company(
    plane: Planes, there: tuple[NDArray[np.intp], NDArray[np.intp]], usual: Planes, width: int
) -> float:
    """Return the mean rise, in deviations, of the plainest edge that runs along beside a line."""
    pieces, columns = there
    offsets = np.arange(_BESIDE * width + 3, _BESIDE * width + 3 + _NEAR)
    offsets = np.concatenate([-offsets[::-1], offsets])
    at = columns[:, None] + offsets
    inside = (at >= width) & (at < plane.shape[1] - width)
    at = at.clip(width, plane.shape[1] - 1 - width)
    rise = (plane[pieces[:, None], at + width] - plane[pieces[:, None], at - width]) / usual[:, None]
    return float(np.abs((rise.clip(-3, 3) * inside).mean(axis=0)).max())


def are_apart(line: Line, other: Line) -> bool:
    """Return whether two lines are not one and the same."""
    beside = max(line.width, other.width) * 2 + 2
    common = np.intersect1d(line.pieces, other.pieces)
    here, there = (each.columns[np.isin(each.pieces, common)] for each in (line, other))
    return not len(common) or float(np.median(np.abs(here - there))) > beside
