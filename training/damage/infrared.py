"""Infrared scans of simulated film: what dirt blocks, what dyes and silver absorb, how the scanner sees it.

Real pairs are hardly to be had. What is drawn follows what is published of scanners: infrared follows the
logarithm of red, hardly on negatives, considerably on slides (Rickmann, ``sanei_ir`` of SANE, 2011), silver
and Kodachrome absorb it as they do light, film moves between the passes, and infrared is out of focus.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from training.damage.simulator import FilmDamage, Triplet


@dataclass(frozen=True)
class InfraredScan:
    """How an infrared scan comes about.

    Parameters
    ----------
    leak
        Share of the density of red, green and blue that infrared sees; negative where the picture was
        inverted. Silver: a third of each.
    blur
        Sigma in pixels by which it is less sharp than the picture.
    shift, scale
        How it lies: pixels to the right and down, and how much larger, about the middle.
    noise
        Standard deviation where the film is clear, of white.
    halo
        How much of the contrast of edges it shows as dark seams.
    block
        Share of the infrared light that opaque dirt takes.
    falloff
        How much darker its corners are.
    """

    leak: tuple[float, float, float] = (0.12, 0.03, 0.01)
    blur: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 0.0
    noise: float = 0.008
    halo: float = 0.0
    block: float = 0.85
    falloff: float = 0.1


def infrared_of(
    clean: NDArray[np.uint8], opacity: NDArray[np.float32], scan: InfraredScan, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return the infrared scan ``(H, W)`` of a picture ``(H, W, 3)`` under dirt of an opacity ``(H, W)``."""
    height, width = opacity.shape
    light = (clean.astype(np.float32) / 255) ** 2.2 + 1e-3
    density = -np.log(light) / 2.2
    film = np.exp(-(density @ np.array(scan.leak, np.float32)))
    if scan.halo:
        edges = cv2.morphologyEx(density.mean(axis=2), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        film *= np.exp(-scan.halo * cv2.GaussianBlur(edges, (0, 0), 1.0))
    film = np.asarray(film * (1 - scan.block * opacity), np.float32)
    if scan.blur:
        film = np.asarray(cv2.GaussianBlur(film, (0, 0), scan.blur), np.float32)
    down, right = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    film *= (1 - scan.falloff * (down**2 + right**2) / 2).astype(np.float32)
    middle = np.array([width, height]) / 2
    move = np.array(scan.shift) - scan.scale * middle
    matrix = np.array([[1 + scan.scale, 0, move[0]], [0, 1 + scan.scale, move[1]]])
    film = cv2.warpAffine(
        film, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    noisy = 0.85 * film / np.percentile(film, 99)
    noisy += scan.noise * np.sqrt(noisy.clip(0.02)) * rng.standard_normal(noisy.shape, np.float32)
    return np.asarray(np.rint(noisy.clip(0, 1) * 65535), np.uint16)


def with_opacity(
    simulator: FilmDamage, photo: torch.Tensor, seed: int
) -> tuple[Triplet, NDArray[np.float32]]:
    """Return a damaged photograph, and how opaque the dirt on it is, ``(H, W)`` from 0 to 1.

    The same damage is laid over plain grey, where all of it shows: over a picture, dirt of the picture's own
    tone does not, but infrared sees it.
    """
    triplet = simulator(photo, torch.Generator().manual_seed(seed))
    grey = simulator.with_conditions(sharpening=0.0)
    shown = grey(torch.full_like(photo, 0.5), torch.Generator().manual_seed(seed))
    return triplet, (shown.alteration[0, 0] / 0.4).clamp(0, 1).numpy()
