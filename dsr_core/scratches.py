"""Scratches along the film: too faint for a pixel, plain when summed along the frame.

A scratch runs along the film and on across whatever is in the picture, with much the same depth; the edge of
a thing does not. So the picture is averaged in pieces along each axis, lines that stand out on both sides are
followed from piece to piece, and a line is judged by what stays the same along it.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.bands import cut
from dsr_core.pixels import Image
from dsr_core.region import Region
from dsr_core.scratch_limits import LIMITS, TRACE, Traits
from dsr_core.scratch_lines import ASIDE, Line, Planes, are_apart, lines_in

_LONG = 3000  # pixels; of longer pictures two or more columns are taken together
_PIECE = 16  # pixels of such a picture that are averaged along the film
_WIDTHS = (1, 2, 4)  # pixels across, as wide as what is looked for


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


@dataclass(frozen=True)
class Place:
    """Where a scratch comes back in the frames of a roll.

    Parameters
    ----------
    axis
        0 where it runs down the rows, 1 where it runs along them.
    sign
        1 where it is brighter than what it covers, -1 where it is darker.
    across
        Its place across it in pixels.
    """

    axis: int
    sign: int
    across: int

    def within(self, region: Region) -> "Place":
        """Return the same place, counted from the corner of a region."""
        return replace(self, across=self.across - (region.x, region.y)[self.axis])


@dataclass(frozen=True, eq=False)
class Trace(Place):
    """A line that would be a scratch if other frames of the roll had it, too.

    Parameters
    ----------
    tones
        ``(n,)``: the tones of the picture along it, from one end of the frame to the other.
    """

    tones: NDArray[np.float32]


def find_scratches(samples: Image, *, linear: bool, places: Collection[Place] = ()) -> list[Scratch]:
    """Return the scratches along one of the axes, the one that has more of them, the plainest first.

    Parameters
    ----------
    samples
        ``(H, W, 1|3)``.
    linear
        Whether they are linear light.
    places
        Where the roll has scratches, from `dsr_core.returning`: there, less is enough.
    """
    step = _step_of(samples.shape)
    wide = samples.shape[1::-1]
    found = []
    for axis, averaged in enumerate(_averaged(samples, step, linear)):
        here = [place for place in places if place.axis == axis]
        known = [(place.sign, place.across // step) for place in here if place.across in range(wide[axis])]
        found.append(_plainest(_each(averaged, LIMITS, known)))
    axis = int(np.argmax([sum(line.strength for line in lines) for lines in found]))
    return [_in_pixels(line, axis, step) for line in found[axis]]


def find_traces(samples: Image, *, linear: bool) -> list[Trace]:
    """Return the lines along both axes that may be scratches, one of a sign for each place.

    Parameters
    ----------
    samples, linear
        As for `find_scratches`.
    """
    step = _step_of(samples.shape)
    traces = []
    for axis, averaged in enumerate(_averaged(samples, step, linear)):
        lines = list(_each(averaged, TRACE))
        for sign in (1, -1):
            for line in _plainest(line for line in lines if line.sign == sign):
                across = round(float(np.median(line.columns) + 0.5) * step)
                traces.append(Trace(axis, sign, across, _tones(averaged[0], line)))
    return traces


def reach(shape: tuple[int, ...]) -> int:
    """Return by how many pixels a scratch may lie elsewhere in frames ``(H, W, ...)`` of this size."""
    return ASIDE * _step_of(shape)


def _step_of(shape: tuple[int, ...]) -> int:
    return -(-max(shape[:2]) // _LONG)


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


def _each(averaged: Planes, limits: Traits, known: Collection[tuple[int, int]] = ()) -> Iterator[Line]:
    """Yield the lines of every plane and width."""
    for plane in averaged:
        for width in _WIDTHS:
            yield from lines_in(plane, width, limits, known)


def _plainest(lines: Iterable[Line]) -> list[Line]:
    """Return the lines, the plainest first, each of them once."""
    found: list[Line] = []
    for line in sorted(lines, key=lambda line: -line.strength):
        if all(are_apart(line, other) for other in found):
            found.append(line)
    return found


def _tones(plane: Planes, line: Line) -> NDArray[np.float32]:
    """Return what a plane holds along a line and on, at both ends, to those of the frame."""
    columns = np.interp(np.arange(len(plane)), line.pieces, line.columns)
    return plane[np.arange(len(plane)), np.rint(columns).astype(np.intp)]


def _in_pixels(line: Line, axis: int, step: int) -> Scratch:
    return Scratch(
        axis=axis,
        along=np.asarray((line.pieces + 0.5) * step * _PIECE - 0.5, np.float64),
        across=np.asarray((line.columns + 0.5) * step - 0.5, np.float64),
        width=line.width * step,
        strength=line.strength,
    )
