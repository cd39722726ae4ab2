"""Pictures made of a regular screen of dots: it repeats along two directions, as no grain or dirt does.

Print does so, and colour film with a ruled screen, such as Dufaycolor, where the scan resolves it.
Cloth, honeycombs and tiles do as well where they fill the picture; there, too, dust is doubtful.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.pixels import Image, colour

_TILE = 128  # pixels
_TILES = 4  # along either side; the time does not grow with the picture
_FINEST, _COARSEST = 3, 18  # pixels from dot to dot
_DETAIL = 6.0  # pixels; what is coarser is the printed picture
_RING = np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=1)
_STANDS_OUT = 0.03
"""How much a peak is higher than anything two pixels away: blinds and wires have ridges."""
_DOUBLED = 0.3
"""Share of the rows or columns that equal the one before, as in an enlarged scan of square pixels."""
_ACROSS = 0.5  # sine of the least angle between the two directions
_REPEATS = 0.4
"""Autocorrelation across. Of 40 drawn prints 38 have 0.58 to 0.97, the others less; 0.30 is the
most in 1,012 photographs and film scans, whole, halved and, a quarter of them, as JPEG of quality 5 to 30."""


def is_halftone(image: Image) -> bool:
    """Return whether most of a picture ``(H, W[, C])`` is a regular screen of dots.

    Tiles all over it are looked at, of RGB in the green channel, since each ink has a screen of its own.
    """
    samples = colour(image)
    channel = samples[..., samples.shape[2] // 2]
    if min(channel.shape) < _TILE:
        return False
    rows, columns = (np.linspace(0, side - _TILE, _TILES).astype(int) for side in channel.shape)
    tiles = (channel[row : row + _TILE, column : column + _TILE] for row in rows for column in columns)
    return float(np.median([_repeats(tile.astype(np.float32)) for tile in tiles])) > _REPEATS


def _repeats(tile: NDArray[np.float32]) -> float:
    """Return the autocorrelation of a square tile at the strongest lag across the strongest of all."""
    if any((way[1:] == way[:-1]).all(axis=1).mean() > _DOUBLED for way in (tile, tile.T)):
        return 0.0
    detail = tile - cv2.GaussianBlur(tile, (0, 0), _DETAIL)
    window, its_own = _window()
    alike = _autocorrelation((detail - detail.mean()) * window) / its_own
    if alike[_COARSEST, _COARSEST] <= 0:
        return 0.0
    alike /= alike[_COARSEST, _COARSEST]
    down, right = np.nonzero(alike > cv2.dilate(alike, _RING) + _STANDS_OUT)
    value, down, right = alike[down, right], down - _COARSEST, right - _COARSEST
    length = np.hypot(down, right)
    far = length >= _FINEST
    if not far.any():
        return 0.0
    value, down, right, length = value[far], down[far], right[far], length[far]
    first = value.argmax()
    sine = np.abs(down * right[first] - right * down[first]) / (length * length[first])
    return float(value[sine > _ACROSS].max(initial=0))


@cache
def _window() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a tile fades out by towards its edges, and its autocorrelation."""
    window = np.outer(np.hanning(_TILE), np.hanning(_TILE))
    return window, _autocorrelation(window)


def _autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the autocorrelation for lags up to ``_COARSEST``; the lag of nil is in the middle."""
    spectrum = np.fft.rfft2(values, s=[2 * side for side in values.shape])
    lags = np.fft.irfft2(np.abs(spectrum) ** 2)
    return np.roll(lags, (_COARSEST, _COARSEST), (0, 1))[: 2 * _COARSEST + 1, : 2 * _COARSEST + 1]
