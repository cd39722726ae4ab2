"""What the numbers of a picture stand for: another white than usual, white as zero, colours times alpha.

The filter knows integers of full range and floats of 0 to 1. A picture that counts otherwise is shown to it
as such a picture; what it repairs is put back in the picture's own numbers, and all else is left alone.
"""

from dataclasses import dataclass

import numpy as np

from dsr_core.errors import DsrError
from dsr_core.pixels import Image, colour, encode, full_scale, pick

_WHITES = (255, 1023, 4095, 16383, 65535, 2**32 - 1)  # 8, 10, 12, 14, 16 and 32 bits
_DIM = 0.25  # of the next usual white: floats that reach no further were written with another one
_ROWS = 256  # converted in one go, so that doubles take little memory


@dataclass(frozen=True)
class Coding:
    """Which numbers mean black and white, and whether the colours were multiplied by alpha.

    Raises
    ------
    DsrError
        Black and white are the same or no numbers.
    """

    white: float
    black: float = 0.0
    premultiplied: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.white) and np.isfinite(self.black)) or self.white == self.black:
            raise DsrError(f"White must be a number other than black ({self.black:g}), not {self.white:g}.")

    def is_plain(self, image: Image) -> bool:
        """Return whether the filter takes this image as it is."""
        plain = (self.black, self.white) == (0, full_scale(image.dtype))
        return plain and not self.premultiplied and image.dtype.kind != "i"

    def opened(self, image: Image) -> Image:
        """Return the image as the filter knows it: of the same shape, plain, alpha as it was.

        Its type is the same, or that of unsigned numbers of as many bits.
        """
        if self.is_plain(image):
            return image
        signed = image.dtype.kind == "i"
        result = image.astype(f"u{image.dtype.itemsize}" if signed else image.dtype)
        for top in range(0, len(image), _ROWS):
            rows = slice(top, top + _ROWS)
            values = (colour(image[rows]).astype(np.float64) - self.black) / (self.white - self.black)
            if self.premultiplied:
                alpha = image[rows, :, -1:] / self.white
                values = np.divide(values, alpha, out=np.zeros_like(values), where=alpha > 0)
            if image.dtype.kind in "iu":
                values = values.clip(0, 1)
            colour(result[rows])[...] = encode(values, result.dtype)
        return result

    def closed(self, image: Image, restored: Image, mask: Image) -> Image:
        """Return ``image`` with the repairs of ``restored`` inside the mask, in its own numbers."""
        if self.is_plain(image):
            return restored
        at = np.flatnonzero(mask)
        values = pick(restored, at).astype(np.float64) / full_scale(restored.dtype)
        if self.premultiplied:
            values *= image.reshape(mask.size, -1)[at, -1:] / self.white
        values = values * (self.white - self.black) + self.black
        if image.dtype.kind in "iu":
            values = np.rint(values.clip(np.iinfo(image.dtype).min, np.iinfo(image.dtype).max))
        result = np.array(image, order="C")
        colour(result.reshape(1, mask.size, -1))[0][at] = values.astype(image.dtype)
        return result


def plain(image: Image) -> Coding:
    """Return how the filter itself counts samples of this type."""
    return Coding(full_scale(image.dtype))


def guess(image: Image) -> tuple[Coding, str]:
    """Return which number is likely to be white, and a sentence if that is not the usual one.

    Integers count to the smallest of 8, 10, 12, 14, 16 or 32 bits that holds the largest sample. Floats count
    to 1 unless half of them lie beyond it: highlights of a float picture may. Numbers below 0 are black.
    """
    top = _white(colour(image))
    if Coding(top).is_plain(image):
        return plain(image), ""
    return Coding(top), f"The samples look as if {top:g} were white; --white (or Coding) sets another value."


def _white(samples: Image) -> float:
    full = float(np.iinfo(samples.dtype).max) if samples.dtype.kind == "i" else full_scale(samples.dtype)
    if samples.size == 0 or samples.dtype == np.uint8:
        return full
    top = float(samples.max())
    if not np.isfinite(top) or top <= 0:
        return full
    whole = samples.dtype.kind in "iu"
    if not whole:
        lit = samples[samples > 0]
        if top <= 1 or (lit > 1).mean() < 0.5:  # noqa: PLR2004
            return 1.0
    usual = min(next((white for white in _WHITES if top <= white), top), full if whole else np.inf)
    return top if not whole and top < _DIM * usual else float(usual)
