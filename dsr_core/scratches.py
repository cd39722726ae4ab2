"""Scratches along the film: too faint for a pixel, plain when summed along the frame.

A scratch runs along the film and on across whatever is in the picture, with much the same depth; the edge of
a thing does not. So the picture is averaged in pieces along each axis, lines that stand out on both sides are
followed from piece to piece, and a line is judged by what stays the same along it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.bands import cut
from dsr_core.pixels import Image
from dsr_core.scratch_limits import LIMITS, Course, is_scratch, measure

Planes = NDArray[np.float32]
_LONG = 3000  # pixels; of longer pictures two or more columns are taken together
_PIECE = 16  # pixels of such a picture that are averaged along the film
_WIDTHS = (1, 2, 4)  # pixels across, as wide as what is looked for
_AROUND = 65  # pixels to both sides in which the usual height of ridges is measured
_USUAL = 1.6  # times the smaller of two differences with neighbours is their deviation, if they are noise
_FINEST = 0.0015  # of the range; no ridge counts as more even than this
_CLIPPED = (-1.0, 2.5)  # deviations that one piece adds at most: neither dust nor an edge decides
_EXPECTED = 0.4  # deviations that a piece has to bring for a line to go on
_TURN = 1.0  # deviations that a step to the side costs
_ENOUGH = 5.0  # deviations, all told, from which on a line is judged
_MOST = 3  # lines that are judged, of each width, sign and plane
_FEWEST = 12  # pieces
_BESIDE = 3  # widths away from a line that edges beside it begin
_NEAR = 24  # columns in which they are looked for


@dataclass(frozen=True, eq=False)
class Scratch:
    """A scratch as it was found.

    Parameters
    ----------
    axis
        0 where it runs down the rows, 1 where it runs along them.
    along, across
        ``(n,)``: the middle of each piece in pixels along the film, and the scratch's place across it.
    width
        About how many pixels wide it is.
    strength
        Its mean height over its deviation, times the root of the number of pieces.
    """

    axis: int
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    width: int
    strength: float


def find_scratches(samples: Image, *, linear: bool) -> list[Scratch]:
    """Return the scratches along one of the axes, the one that has more of them, the plainest first.

    Parameters
    ----------
    samples
        ``(H, W, 1|3)``.
    linear
        Whether they are linear light.
    """
    step = -(-max(samples.shape[:2]) // _LONG)
    found: list[list[_Line]] = [[], []]
    for apart, averaged in zip(found, _averaged(samples, step, linear), strict=True):
        lines = [line for plane in averaged for width in _WIDTHS for line in _lines(plane, width)]
        for line in sorted(lines, key=lambda line: -line.strength):
            if all(_apart(line, other) for other in apart):
                apart.append(line)
    axis = int(np.argmax([sum(line.strength for line in lines) for lines in found]))
    return [_in_pixels(line, axis, step) for line in found[axis]]


def _averaged(samples: Image, step: int, linear: bool) -> tuple[Planes, Planes]:
    """Return the picture averaged in pieces along each axis: ``(planes, pieces, columns)`` twice.

    The planes are the mean of the colours and, where they differ, each of them.
    """
    height, width, colours = samples.shape
    piece = step * _PIECE
    down = np.empty((3, height // piece, width // step), np.float32)
    right = np.empty((3, width // piece, height // step), np.float32)
    for number, rows in enumerate(cut(slice(0, height // step * step), piece)):
        planes = np.empty((3, rows.stop - rows.start, width), np.float32)
        pixels.to_network(samples[rows], planes, linear=linear)
        for channel, plane in enumerate(planes[:colours]):
            if number < down.shape[1]:
                down[channel, number] = _reduced(plane, len(plane), step)[0]
            level = slice(rows.start // step, rows.stop // step)
            right[channel, :, level] = _reduced(plane, step, piece).T
    both = down[:colours], right[:colours]
    if colours == 1 or (samples[::piece] == samples[::piece, :, :1]).all():
        return both[0][:1], both[1][:1]
    return (
        np.concatenate([both[0].mean(0, keepdims=True), both[0]]),
        np.concatenate([both[1].mean(0, keepdims=True), both[1]]),
    )


def _reduced(plane: Planes, high: int, wide: int) -> Planes:
    """Return the means of boxes of pixels; what is left over to the right is left out."""
    size = plane.shape[1] // wide, plane.shape[0] // high
    if 0 in size:
        return np.empty(size[::-1], np.float32)
    return np.asarray(cv2.resize(plane[:, : size[0] * wide], size, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, eq=False)
class _Line:
    """A line through the averaged picture: pieces and columns, and what is known of it."""

    pieces: NDArray[np.intp]
    columns: NDArray[np.intp]
    width: int
    strength: float


def _lines(plane: Planes, width: int) -> Iterator[_Line]:
    """Yield the lines of this width in a plane ``(pieces, columns)`` that are scratches."""
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
        for pieces, columns in _paths(gain, beside // 2):
            if len(pieces) < max(_FEWEST, LIMITS.share * len(plane)):
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
            if is_scratch(traits):
                yield _Line(pieces, columns, width, traits.strength)


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


def _apart(line: _Line, other: _Line) -> bool:
    """Return whether two lines are not one and the same."""
    beside = max(line.width, other.width) * 2 + 2
    common = np.intersect1d(line.pieces, other.pieces)
    here, there = (each.columns[np.isin(each.pieces, common)] for each in (line, other))
    return not len(common) or float(np.median(np.abs(here - there))) > beside


def _in_pixels(line: _Line, axis: int, step: int) -> Scratch:
    return Scratch(
        axis=axis,
        along=np.asarray((line.pieces + 0.5) * step * _PIECE - 0.5, np.float64),
        across=np.asarray((line.columns + 0.5) * step - 0.5, np.float64),
        width=line.width * step,
        strength=line.strength,
    )
