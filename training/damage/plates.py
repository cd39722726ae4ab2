"""Film damage drawn once on large plates, from which the simulator cuts its samples.

A damage plate is a ``(H, W, 2)`` uint8 array at the scale of a 3600 dpi scan (about 7.06 um a pixel):
coverage in channel 0, and in channel 1 the number (0 to 255) of the nearest defect, so that each defect gets
properties of its own.

Sources of the counts, sizes and classes: the outlines of Ivanova, Williamson and Henderson, *Simulating
analogue film damage to analyse and improve artefact restoration on high-resolution scans*, Eurographics 2023.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Plate = NDArray[np.uint8]
Rng = np.random.Generator

HAIRS = (60, 120, 240)  # on each plate of hairs alone
THIN = 0.6  # largest scale of these, where a frame is to have one: strokes of three pixels
FRAME_DUST_PER_PIXEL = 763 / (4960 * 3390)  # dust outlines a pixel, mean of ten frames


def number_defects(coverage: Plate, rng: Rng) -> Plate:
    """Return ``(H, W, 2)``: the coverage, and everywhere the shuffled number of the nearest defect."""
    if not coverage.any():
        return np.stack([coverage, np.zeros_like(coverage)], axis=-1)
    _, nearest = cv2.distanceTransformWithLabels(
        (coverage < 24).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    shuffled = rng.integers(0, 256, nearest.max() + 1).astype(np.uint8)
    return np.stack([coverage, shuffled[nearest]], axis=-1)


def defect_spots(plate: Plate, rng: Rng, count: int) -> NDArray[np.int64]:
    """Draw ``(count, 3)`` places on defects: row, column and the defect's number.

    A defect's chance grows with the square root of its area: counted each for one, small dust would be all
    there is; counted in pixels, large stains would.
    """
    coverage = plate[..., 0]
    _, labels, stats, _ = cv2.connectedComponentsWithStats((coverage > 64).astype(np.uint8), connectivity=8)
    y, x = np.nonzero(labels)
    weight = stats[labels[y, x], cv2.CC_STAT_AREA] ** -0.5
    chosen = rng.choice(len(y), count, p=weight / weight.sum())
    y, x = y[chosen], x[chosen]
    return np.stack([y, x, plate[y, x, 1]], axis=-1).astype(np.int64)


def outline_plate(path: Path, rng: Rng) -> Plate:
    """Fill the hand-drawn outlines of one real frame (``frames/*.json``: ``label`` and ``points``)."""
    outlines = json.loads(path.read_text())
    points = [np.asarray(outline["points"], np.float64) for outline in outlines]
    width, height = (np.max([p.max(0) for p in points], axis=0) + 40).astype(int)
    coverage = np.zeros((height, width), np.uint8)
    for polygon in points:
        cv2.fillPoly(coverage, [np.round(polygon * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return number_defects(coverage, rng)


def mirrored_over(plate: Plate, rng: Rng) -> Plate:
    """Lay a damage plate over its three mirror images: four times as dirty."""
    coverage = plate[..., 0]
    images = (coverage, coverage[::-1], coverage[:, ::-1], coverage[::-1, ::-1])
    return number_defects(np.maximum.reduce(images), rng)


def _paste(coverage: Plate, stamp: Plate, rng: Rng) -> None:
    """Lay a stamp at a random place, the darker value winning, wrapped by clipping at the border."""
    height, width = coverage.shape
    h, w = stamp.shape
    y, x = int(rng.integers(-h // 2, height - h // 2)), int(rng.integers(-w // 2, width - w // 2))
    target = coverage[max(y, 0) : y + h, max(x, 0) : x + w]
    source = stamp[max(-y, 0) : max(-y, 0) + target.shape[0], max(-x, 0) : max(-x, 0) + target.shape[1]]
    np.maximum(target, source, out=target)


def _turned(stamp: Plate, scale: float, angle: float) -> Plate:
    """Rotate by ``angle`` degrees and scale a stamp into a canvas that holds it whole."""
    while scale < 0.5:  # halve by area first: a single bilinear step would lose thin hairs
        half = cv2.resize(stamp, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        stamp, scale = np.asarray(half, np.uint8), scale * 2
    side = math.ceil(math.hypot(*stamp.shape) * scale) + 4
    middle = (stamp.shape[1] - 1) / 2, (stamp.shape[0] - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, angle, scale), np.float64)
    matrix[:, 2] += (side - 1) / 2 - np.array([stamp.shape[1] - 1, stamp.shape[0] - 1]) / 2
    return np.asarray(cv2.warpAffine(stamp, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


# For each folder of cut-outs: share of the stamps, and the range of scales that brings them to 3600 dpi.
CUTOUT_SHARES = {
    "dirt": (0.03, 0.3, 0.7),
    "dots": (0.38, 0.04, 0.16),
    "hair": (0.12, 0.25, 1.0),
    "hair-short": (0.24, 0.15, 0.7),
    "lint": (0.08, 0.12, 0.5),
    "scratches": (0.04, 0.4, 1.2),
    "smut": (0.04, 0.04, 0.14),
    "spots": (0.03, 0.3, 0.6),
    "sprinkles": (0.03, 0.3, 0.8),
    "stain": (0.01, 0.06, 0.2),
}


def cutout_plate(stamps: dict[str, list[Plate]], size: int, coverage_share: float, rng: Rng) -> Plate:
    """Scatter cut-outs of real dirt (``{folder: opacity maps}``) until a share of the plate is covered."""
    coverage = np.zeros((size, size), np.uint8)
    names = [name for name in CUTOUT_SHARES if stamps.get(name)]
    shares = np.array([CUTOUT_SHARES[name][0] for name in names])
    while np.count_nonzero(coverage > 64) < coverage_share * coverage.size:
        for name in rng.choice(names, 64, p=shares / shares.sum()):
            _, low, high = CUTOUT_SHARES[name]
            stamp = stamps[name][rng.integers(len(stamps[name]))]
            scale = math.exp(rng.uniform(math.log(low), math.log(high)))
            _paste(coverage, _turned(stamp, scale, rng.uniform(0, 360)), rng)
    return number_defects(coverage, rng)


def polyline(canvas: Plate, points: NDArray[np.float64], thickness: int, value: int = 255) -> None:
    """Draw a line through ``points``, ``(K, 2)`` of x and y, into a canvas."""
    rounded = np.round(points * 16).astype(np.int32)
    cv2.polylines(canvas, [rounded], False, value, thickness, cv2.LINE_AA, shift=4)


def fibre(rng: Rng, length: float, curl: float, steps: int = 40) -> NDArray[np.float64]:
    """Walk ``(steps, 2)`` points of a smooth fibre; its direction drifts by ``curl`` radians in all."""
    bend = np.convolve(rng.normal(0, 1, steps + 8), np.hanning(9) / np.hanning(9).sum(), "valid")
    direction = rng.uniform(0, 2 * math.pi) + np.cumsum(bend) * curl / math.sqrt(steps)
    return np.cumsum(np.stack([np.cos(direction), np.sin(direction)], -1) * length / steps, axis=0)


def speck(rng: Rng, diameter: float) -> NDArray[np.float64]:
    """Outline ``(24, 2)`` of an irregular speck around the origin."""
    angle = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    wobble = sum(rng.normal(0, 0.22 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 5))
    stretch = rng.uniform(0.6, 1.0)
    radius = diameter / 2 * (1 + wobble)
    return np.stack([radius * np.cos(angle), stretch * radius * np.sin(angle)], -1)


def procedural_plate(size: int, density: float, rng: Rng) -> Plate:
    """Draw specks, fibres, hairs and scratches; ``density`` 1 is the mean of the ten measured frames."""
    coverage = np.zeros((size, size), np.uint8)
    area = size * size * density

    def count(share: float) -> int:
        return int(rng.poisson(share * FRAME_DUST_PER_PIXEL * area))

    def place() -> NDArray[np.float64]:
        return rng.uniform(0, size, 2)

    def log_normal(median: float, spread: float) -> float:
        return float(median * math.exp(rng.normal(0, spread)))

    for median, spread, share in ((9, 0.35, 1.0), (14, 0.5, 0.35)):  # dust, dirt
        for _ in range(count(share)):
            outline = place() + speck(rng, log_normal(median, spread))
            cv2.fillPoly(coverage, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    for median, curl, share in ((35, 2.0, 0.18), (102, 5.0, 0.05)):  # short and long hairs
        for _ in range(count(share)):
            line = place() + fibre(rng, log_normal(median, 0.5), curl)
            polyline(coverage, line, int(rng.integers(2, 8)))
    for _ in range(count(0.012)):  # scratches: long, thin, almost straight
        line = place() + fibre(rng, log_normal(242, 0.7), 0.2)
        polyline(coverage, line, int(rng.integers(1, 5)))
    return number_defects(coverage, rng)


def hair_plate(size: int, count: int, rng: Rng) -> Plate:
    """Draw hairs and fibres alone: thin, opaque, from nearly straight to curled, single and in tangles."""
    coverage = np.zeros((size, size), np.uint8)
    for _ in range(count):
        middle, strands = rng.uniform(0, size, 2), int(rng.integers(1, 5)) if rng.random() < 0.2 else 1
        for _ in range(strands):
            length = math.exp(rng.uniform(math.log(40), math.log(700)))
            start = middle + rng.normal(0, 25, 2) * (strands > 1)
            line = start + fibre(rng, length, math.exp(rng.uniform(math.log(0.5), math.log(9))))
            polyline(coverage, line, int(rng.integers(2, 6)))
    return number_defects(coverage, rng)


def damage_plates(
    folder: Path | None, rng: Rng, *, frames: Iterable[str] = (), size: int = 2048, count: int = 12
) -> list[Plate]:
    """Make the plates a simulator draws from.

    Parameters
    ----------
    folder
        Damage data: ``frames/frame-NN.json`` and ``cutouts/CLASS/*.png``. None: procedural plates only.
    rng
        Source of every choice.
    frames
        Which frames to use, as the names' numbers (``"01"``): training and validation keep theirs apart.
    size, count
        Side in pixels of the drawn plates and their number (with a folder, a third of them is of cut-outs).

    Notes
    -----
    Most of a real frame is empty, and a network learns little from an empty crop: each frame is there a
    second time, laid over its own mirror images. Large stains are rare: counted in pixels they would outweigh
    all dust. A few plates more hold hairs alone, which a sky shows best and a network overlooks first.
    """
    densities = np.geomspace(1, 6, count)
    plates = []
    if folder is None:
        plates = [procedural_plate(size, density, rng) for density in densities]
        return plates + [hair_plate(size, hairs, rng) for hairs in HAIRS]
    for frame in frames:
        plate = outline_plate(folder / "frames" / f"frame-{frame}.json", rng)
        plates += [plate, mirrored_over(plate, rng)]
    stamps = {
        name: [
            np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
            for path in sorted((folder / "cutouts" / name).iterdir())
        ]
        for name in CUTOUT_SHARES
    }
    for i, density in enumerate(densities):
        if i % 3 == 2:
            plates.append(cutout_plate(stamps, size, 0.01 * density, rng))
        else:
            plates.append(procedural_plate(size, density, rng))
    return plates + [hair_plate(size, hairs, rng) for hairs in HAIRS]
