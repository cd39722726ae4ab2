"""Made pictures with grain, things in them, and a faint scratch along the film."""

import numpy as np

HEIGHT, WIDTH, PLACE = 448, 320, 200


def scene(seed=1):
    """Return a picture ``(H, W, 3)`` in [0, 1] with soft tones, things with edges, and no grain."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = 0.45 + 0.12 * np.sin(rows / 50 + seed) + 0.08 * np.cos(columns / 70)
    for _ in range(12):
        down, right, size = random.uniform(0, HEIGHT), random.uniform(0, WIDTH), random.uniform(10, 50)
        picture[np.hypot(rows - down, columns - right) < size] += random.uniform(-0.15, 0.15)
    return np.repeat(picture[:, :, None], 3, axis=2) * [1, 0.9, 0.8]


def grainy(picture, seed=2, depth=0.02):
    """Return a scan of 16 bits with grain."""
    noise = np.random.default_rng(seed).normal(0, depth, picture.shape)
    return np.rint((picture + noise).clip(0, 1) * 65535).astype(np.uint16)


def busy(number):
    """Return a picture like `scene`, another for each number, with boxes whose edges are upright."""
    random, picture = np.random.default_rng(number), scene(number)
    for _ in range(25):
        top, left = random.integers(0, HEIGHT - 60), random.integers(0, WIDTH - 60)
        height, width = random.integers(8, 120, 2)
        picture[top : top + height, left : left + width] += random.uniform(-0.2, 0.2)
    return picture.clip(0.05, 0.95)


def frames(depth, count=8, first=1):
    """Return scans of different pictures, with a scratch of this depth at about `PLACE` in each."""
    scans = []
    for number in range(first, first + count):
        picture = busy(number)
        left = PLACE + number % 5 - 2
        picture[:, left : left + 2] *= 1 + depth
        scans.append(grainy(picture, number, depth=0.03))
    return scans
