"""Cutting an image into equal tiles that overlap; beyond its edges the last row or column is repeated."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tile:
    """One tile of a grid.

    Parameters
    ----------
    core
        Rows and columns of the image that get this tile's results; the cores of a grid cover it exactly once.
    rows, columns
        Indices into the image of every row and column of the tile, margins and repeated pixels included.
    inner
        Where the core lies within the tile.
    """

    core: tuple[slice, slice]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    inner: tuple[slice, slice]

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the tile's pixels ``(h, w, ...)`` of an image ``(H, W, ...)``; a view, if it can be."""
        rows, columns = _as_slice(self.rows), _as_slice(self.columns)
        top = int(self.rows.min())
        part = image[top : int(self.rows.max()) + 1]
        # one axis after the other: six times as fast as both at once
        part = part[:, columns] if columns else part.take(self.columns, axis=1)
        return part if rows else part[self.rows - top]


@dataclass(frozen=True)
class Grid:
    """Equal tiles over an image.

    Parameters
    ----------
    height, width
        Size of the image in pixels.
    size
        Longest side of a tile; only margins that would take more than half of it make it longer.
    margin
        Pixels around a core that the network sees and whose results are thrown away.
    multiple_of
        Sides of a tile are multiples of this.
    """

    height: int
    width: int
    size: int
    margin: int
    multiple_of: int

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width that all tiles share."""
        return self._side(self.height), self._side(self.width)

    def __len__(self) -> int:
        return self._count(self.height) * self._count(self.width)

    def __iter__(self) -> Iterator[Tile]:
        for top, bottom, rows in self._axis(self.height):
            for left, right, columns in self._axis(self.width):
                inner = tuple(slice(self.margin, self.margin + n) for n in (bottom - top, right - left))
                yield Tile((slice(top, bottom), slice(left, right)), rows, columns, (inner[0], inner[1]))

    def _count(self, length: int) -> int:
        largest = self.size // self.multiple_of * self.multiple_of - 2 * self.margin
        return -(-length // max(largest, 2 * self.margin, self.multiple_of))

    def _side(self, length: int) -> int:
        core = -(-length // self._count(length))
        return -(-(core + 2 * self.margin) // self.multiple_of) * self.multiple_of

    def _axis(self, length: int) -> Iterator[tuple[int, int, NDArray[np.intp]]]:
        """Yield start and stop of each core along one axis, and the tile's indices into the image."""
        count, side = self._count(length), self._side(length)
        for number in range(count):
            start, stop = number * length // count, (number + 1) * length // count
            # mirrored, a dark rim of five pixels would be a line of ten with light on both sides: a scratch
            around = np.arange(start - self.margin, start - self.margin + side)
            yield start, stop, around.clip(0, length - 1)


def _as_slice(index: NDArray[np.intp]) -> slice | None:
    """Return the slice that indices stand for if none of them is repeated."""
    first, last = int(index[0]), int(index[-1])
    return slice(first, last + 1) if last - first == len(index) - 1 else None
