"""Pictures with damage that the toy model finds."""

import numpy as np


def make_scan(height=96, width=128, channels=3, dtype=np.uint8, seed=0):
    """A smooth picture with grain, six bright specks and a scratch that the toy model finds."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    picture = 0.3 + 0.2 * np.sin(4 * x) * np.cos(3 * y) + rng.normal(0, 0.01, (height, width))
    for _ in range(6):
        row, column = rng.integers(8, height - 8), rng.integers(8, width - 8)
        picture[row : row + 2, column : column + 3] = 0.95
    picture[10:-10, width // 2] += 0.4
    if channels > 1:
        picture = picture[..., None] * np.array([1.0, 0.95, 0.9, 1.0])[:channels]
        if channels == 4:
            picture[..., 3] = x
    picture = picture.clip(0, 1)
    if np.issubdtype(dtype, np.integer):
        return (picture * np.iinfo(dtype).max).round().astype(dtype)
    return picture.astype(dtype)
