"""Photographs with grain and one faint scratch along the film, and what becomes of it.

No network runs: this looks at `dsr_core.scratches` and `dsr_core.relief` alone.
"""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.relief import take_off
from dsr_core.scratches import Place, find_scratches

DEPTHS = (0.04, 0.07, 0.1, 0.15, 0.2, 0.3)
KINDS = ("plain", "coloured", "refracting", "broken", "wandering")
_GRAIN = 0.04  # of the range, at most
_FLOOR = 1e-9
_SOME = 0.3  # of a pixel that a scratch covers, from which on it counts
_FOUND = 0.3  # of a scratch's pixels, from which on it counts as found

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One drawn scratch and what became of it: share found, and dB inside it before and after."""

    depth: float
    kind: str
    share: float
    before: float
    after: float

    @property
    def found(self) -> bool:
        """Whether so much was found that it counts."""
        return self.share > _FOUND


def smaller(picture: Picture, least: float, rng: np.random.Generator) -> Picture:
    """Return the picture at a size of ``least`` to 1 of its own, no smaller than ``least``."""
    scale = float(rng.uniform(least, max(least, 1)))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def grainy(small: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture with grain: of one pixel or softer, neutral to coloured."""
    noise = rng.normal(0, 1, small.shape).astype(np.float32)
    if rng.random() < 0.5:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7), np.float32)
        noise /= noise.std()
    coloured = rng.uniform(0, 1)
    noise = coloured * noise + (1 - coloured) * noise.mean(axis=2, keepdims=True) * 3**0.5
    return np.asarray((small + rng.uniform(0, _GRAIN) * noise).clip(0, 1), np.float32)


def scratch(
    picture: Picture, depth: float, kind: str, rng: np.random.Generator
) -> tuple[Picture, NDArray[np.bool_]]:
    """Return the picture ``(H, W, 3)`` with an upright scratch, and where it is."""
    height, width, _ = picture.shape
    rows, columns = np.arange(height), np.arange(width)
    wide = rng.uniform(1, 3.5)
    place = np.full(height, rng.uniform(0.08, 0.92) * width)
    if kind == "wandering":
        waves = rng.uniform(0.3, 1.5) * rows / height + rng.random()
        place += rng.uniform(1, 5) * np.sin(2 * np.pi * waves) + rng.uniform(-0.008, 0.008) * rows

    def cover(aside: float) -> NDArray[np.float64]:
        return np.asarray((wide / 2 + 0.5 - np.abs(columns - place[:, None] - aside)).clip(0, 1))

    shape = cover(0)
    if kind == "broken":
        for _ in range(int(rng.integers(1, 5))):
            start = int(rng.integers(0, height))
            shape[start : start + int(rng.uniform(0.03, 0.12) * height)] = 0
    where = shape > _SOME
    if kind == "refracting":
        other = cover(wide)
        shape, where = shape - other, where | (other > _SOME)
    tint = np.ones(3)
    if kind == "coloured":
        tint = rng.permutation([1.0, *rng.uniform(0, 0.5, 2)])
    change = depth * rng.choice([-1, 1]) * shape[:, :, None] * tint
    scratched = picture * (1 + change) if rng.random() < 0.6 else picture + change / 2
    return np.asarray(scratched.clip(0, 1), np.float32), where


def judge(
    picture: Picture,
    scratched: Picture,
    where: NDArray[np.bool_],
    depth: float,
    kind: str,
    places: Collection[Place] = (),
) -> Case:
    """Look for a scratch, at the places where its roll has some, too, and take it off."""
    scan, wanted = (np.rint(each * 65535).astype(np.uint16) for each in (scratched, picture))
    repaired, nothing = scan.copy(), np.zeros(where.shape, np.uint8)
    lines = find_scratches(scan, linear=False, places=places)
    found = take_off(lines, scan, repaired, nothing, linear=False) > 0
    grown = cv2.dilate(found.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    image = np.where(grown[:, :, None], repaired, scan)

    def decibels(result: NDArray[np.uint16]) -> float:
        error = (result[where].astype(np.float64) - wanted[where]) / 65535
        return float(-10 * np.log10((error**2).mean() + _FLOOR))

    return Case(depth, kind, float(found[where].mean()), decibels(scan), decibels(image))
