"""Small damaged images for tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPECKS = ((12, 20, 3), (40, 10, 2), (55, 70, 4))  # row, column, side


def dusty(height: int = 80, width: int = 96, channels: int = 3, dtype: str = "uint16") -> NDArray[Any]:
    """Return a smooth image with three white specks; 0 channels is ``(H, W)``, 2 and 4 have alpha, a ramp."""
    colours = {0: 1, 2: 1, 4: 3}.get(channels, channels)
    rows, columns = np.mgrid[:height, :width]
    smooth = 0.3 + 0.1 * np.sin(rows / 40) + 0.1 * np.cos(columns / 50)
    values = np.repeat(smooth[:, :, None], colours, axis=2) * np.linspace(0.8, 1, colours)
    for row, column, side in SPECKS:
        values[row : row + side, column : column + side] = 1
    if channels in (2, 4):
        values = np.concatenate([values, (columns / width)[:, :, None]], axis=2)
    if channels == 0:
        values = values[:, :, 0]
    return encoded(values, dtype)


def encoded(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Return values in [0, 1] as samples of a type."""
    kind = np.dtype(dtype)
    return (np.rint(values * np.iinfo(kind).max) if kind.kind == "u" else values).astype(kind)
