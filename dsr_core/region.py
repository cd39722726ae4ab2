"""A rectangle of a picture, in pixels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import DsrError


class Region(NamedTuple):
    """A rectangle: ``x, y`` is its first column and its first row."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse a region that does not lie in an image of this height and width.

        Raises
        ------
        DsrError
            It holds no pixel, or reaches beyond the image.
        """
        height, width = shape[:2]
        inside = min(self.x, self.y) >= 0 and self.x + self.width <= width and self.y + self.height <= height
        if not inside or min(self.width, self.height) < 1:
            raise DsrError(
                f"The region {','.join(map(str, self))} does not lie in the picture of {width} x {height} "
                "pixels; give X,Y,WIDTH,HEIGHT within it."
            )

    def remarks(self, mask: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return what to tell about the pixels that a mask marks outside."""
        marked = np.count_nonzero(mask)
        outside = marked - np.count_nonzero(mask[self.slices])
        if not outside:
            return ()
        return (f"{outside} of {marked} marked pixels lie outside of the region that may change, and stay.",)

    def widened(self, reach: int, shape: tuple[int, ...], multiple_of: int) -> "Region":
        """Return the region with so many pixels around it, as far as an image of this shape has them.

        Its corner is a multiple, so that a network sees it in the same steps as the whole image.
        """
        left, top = (max(first - reach, 0) // multiple_of * multiple_of for first in (self.x, self.y))
        right = min(self.x + self.width + reach, shape[1])
        bottom = min(self.y + self.height + reach, shape[0])
        return Region(left, top, right - left, bottom - top)

    def within(self, other: "Region") -> "Region":
        """Return the same place, counted from the corner of another region."""
        return self._replace(x=self.x - other.x, y=self.y - other.y)
