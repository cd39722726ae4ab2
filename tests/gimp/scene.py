"""A small scan with specks, in every sample type that GIMP knows."""

import numpy as np

HEIGHT, WIDTH = 60, 90
TYPES = {
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "half": np.float16,
    "float": np.float32,
    "double": np.float64,
}


def scene(kind: str, channels: int, seed: int = 0) -> np.ndarray:
    """Return (H, W[, C]): gradients and grain under bright and dark specks; some pixels transparent."""
    rng = np.random.default_rng([seed, channels])
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    colours = 1 if channels < 3 else 3
    picture = np.stack([0.3 + 0.2 * x / WIDTH + 0.1 * c + 0.1 * y / HEIGHT for c in range(colours)], -1)
    picture += rng.normal(0, 0.01, picture.shape)
    for _ in range(25):
        row, column = rng.integers(2, HEIGHT - 3), rng.integers(2, WIDTH - 3)
        picture[row : row + 2, column : column + 2] = rng.choice([0.02, 0.97])
    if channels in (2, 4):
        picture = np.concatenate([picture, rng.choice([0.0, 0.5, 1.0], (HEIGHT, WIDTH, 1))], -1)
    picture = picture.clip(0, 1)
    sample = TYPES[kind]
    if np.issubdtype(sample, np.integer):
        picture = np.rint(picture * np.iinfo(sample).max)
    picture = picture.astype(sample)
    return picture[..., 0] if channels == 1 else picture


def tall_scene() -> np.ndarray:
    """Return (1140, W, 3), 8 bit, clean from row 1020 on: one of the plug-in's bands is empty."""
    parts = [scene("u8", 3, seed) for seed in range(19)]
    for clean in (17, 18):
        parts[clean][:] = 90
    return np.concatenate(parts)
