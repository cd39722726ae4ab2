"""A made-up piece of film with dust, seen in colour and in infrared."""

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

LEAKY = (0.2, 0.07, 0.03)
SILVER = (0.33, 0.33, 0.33)


class Film(NamedTuple):
    """Colour with dust, colour without, infrared (all uint16), and where the dust is."""

    image: NDArray[Any]
    clean: NDArray[Any]
    infrared: NDArray[Any]
    dust: NDArray[np.bool_]


@cache
def film(
    *,
    leak: tuple[float, float, float] = (0.12, 0.03, 0.01),
    shift: tuple[float, float] = (0.0, 0.0),
    scale: float = 0.0,
    halo: float = 0.0,
    specks: int = 40,
    lettering: bool = True,
    shape: tuple[int, int] = (400, 480),
    seed: int = 0,
    tones: tuple[float, float] = (0.0, 1.0),
    dirt: float | None = None,
) -> Film:
    """Return film whose dust takes nine tenths of the infrared light, and a third of the visible.

    ``tones`` are the darkest and the brightest of the film; ``dirt`` is the dust's own tone, where it hides
    the picture instead.
    """
    rng = np.random.default_rng(seed)
    height, width = shape
    clouds = [
        cv2.resize(
            rng.standard_normal((height // cell, width // cell, 3)),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for cell in (8, 30, 100)
    ]
    clean = (0.45 + 0.1 * sum(clouds)).clip(0.08, 0.95)
    clean = tones[0] + (tones[1] - tones[0]) * clean
    if lettering:
        letters = np.zeros(shape, np.uint8)
        for row in range(60, height - 40, 90):
            cv2.putText(letters, "Film 24", (30, row), cv2.FONT_HERSHEY_DUPLEX, 1.6, 255, 3)
        clean[letters > 0] = 0.08
    clean += 0.01 * rng.standard_normal(clean.shape)
    clean = clean.clip(0.02, 1)
    dust = np.zeros(shape, np.float32)
    for _ in range(specks):
        at = int(rng.integers(12, width - 12)), int(rng.integers(12, height - 12))
        cv2.circle(dust, at, int(rng.integers(2, 5)), 1.0, -1)
    soft = cv2.GaussianBlur(dust, (0, 0), 0.7)
    image = clean * (1 - 0.33 * soft[:, :, None])
    if dirt is not None:
        image = clean + 0.9 * soft[:, :, None] * (dirt - clean)
    density = -np.log(clean)
    light = -(density @ np.array(leak))
    edges = cv2.morphologyEx(density.mean(axis=2), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    light -= halo * cv2.GaussianBlur(edges, (0, 0), 1.0)
    seen = cv2.GaussianBlur((np.exp(light) * (1 - 0.9 * dust)).astype(np.float32), (0, 0), 1.0)
    matrix = np.array([[1 + scale, 0, shift[0]], [0, 1 + scale, shift[1]]])
    seen = cv2.warpAffine(
        seen, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    seen = 0.8 * seen / seen.max() + 0.005 * rng.standard_normal(shape)
    parts = [np.rint(part.clip(0, 1) * 65535).astype(np.uint16) for part in (image, clean, seen)]
    for part in parts:
        part.flags.writeable = False
    return Film(*parts, dust > 0)
