"""Film damage and fine detail drawn once on large plates, from which the simulator cuts its samples.

A damage plate is a ``(H, W, 2)`` uint8 array at the scale of a 3600 dpi scan (about 7.06 um a pixel):
coverage in channel 0, and in channel 1 the number (0 to 255) of the nearest defect, so that each defect gets
properties of its own. A detail plate is ``(H, W, 1)``: things that look like damage and must survive.

Sources of the counts, sizes and classes: the outlines of Ivanova, Williamson and Henderson, *Simulating
analogue film damage to analyse and improve artefact restoration on high-resolution scans*, Eurographics 2023.
"""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Plate = NDArray[np.uint8]
Rng = np.random.Generator

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
        stamp, scale = cv2.resize(stamp, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), scale * 2
    side = math.ceil(math.hypot(*stamp.shape) * scale) + 4
    matrix = cv2.getRotationMatrix2D(((stamp.shape[1] - 1) / 2, (stamp.shape[0] - 1) / 2), angle, scale)
    matrix[:, 2] += (side - 1) / 2 - np.array([stamp.shape[1] - 1, stamp.shape[0] - 1]) / 2
    return cv2.warpAffine(stamp, matrix, (side, side), flags=cv2.INTER_LINEAR)


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


def _polyline(canvas: Plate, points: NDArray[np.float64], thickness: int, value: int = 255) -> None:
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
            _polyline(coverage, line, int(rng.integers(2, 8)))
    for _ in range(count(0.012)):  # scratches: long, thin, almost straight
        line = place() + fibre(rng, log_normal(242, 0.7), 0.2)
        _polyline(coverage, line, int(rng.integers(1, 5)))
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
    all dust.
    """
    densities = np.geomspace(1, 6, count)
    if folder is None:
        return [procedural_plate(size, density, rng) for density in densities]
    plates = []
    for frame in frames:
        plate = outline_plate(folder / "frames" / f"frame-{frame}.json", rng)
        plates += [plate, mirrored_over(plate, rng)]
    stamps = {
        name: [
            cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            for path in sorted((folder / "cutouts" / name).iterdir())
        ]
        for name in CUTOUT_SHARES
    }
    for i, density in enumerate(densities):
        if i % 3 == 2:
            plates.append(cutout_plate(stamps, size, 0.01 * density, rng))
        else:
            plates.append(procedural_plate(size, density, rng))
    return plates


# Detail that must survive


def _lettering(canvas: Plate, rng: Rng) -> None:
    fonts = [
        cv2.FONT_HERSHEY_SIMPLEX,
        cv2.FONT_HERSHEY_DUPLEX,
        cv2.FONT_HERSHEY_COMPLEX,
        cv2.FONT_HERSHEY_TRIPLEX,
    ]
    alphabet = np.array(
        list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;-+*/()'\"   ")
    )
    y = 0.0
    while y < canvas.shape[0]:
        scale = rng.uniform(0.3, 2.5)
        y += 34 * scale
        text = "".join(rng.choice(alphabet, 90))
        thickness = max(1, round(scale * rng.uniform(0.6, 2.2)))
        cv2.putText(canvas, text, (0, int(y)), int(rng.choice(fonts)), scale, 255, thickness, cv2.LINE_AA)


def _wires(canvas: Plate, rng: Rng) -> None:
    size = canvas.shape[0]
    for _ in range(int(rng.integers(8, 24))):
        middle, angle, sag = rng.uniform(0, size, 2), rng.uniform(0, math.pi), rng.uniform(-0.06, 0.06) * size
        t = np.linspace(-1, 1, 60)[:, None]
        along = np.array([math.cos(angle), math.sin(angle)])
        across = np.array([-math.sin(angle), math.cos(angle)])
        line = middle + t * size * along + sag * t**2 * across
        thickness, value = int(rng.integers(1, 7)), int(rng.integers(120, 256))
        for offset in np.arange(rng.integers(1, 4)) * rng.uniform(8, 40):
            _polyline(canvas, line + offset * across, thickness, value)


def _struts(canvas: Plate, rng: Rng) -> None:
    """Draw frameworks: straight bars from joint to joint, as of cranes, masts, old aeroplanes and chairs."""
    size = canvas.shape[0]
    for _ in range(int(rng.integers(8, 20))):
        spread = rng.uniform(20, 120, 2)
        joints = rng.uniform(0, size, 2) + rng.normal(0, 1, (int(rng.integers(4, 14)), 2)) * spread
        thickness, value = int(rng.integers(1, 10)), int(rng.integers(140, 256))
        for joint in joints:
            near = np.argsort(np.linalg.norm(joints - joint, axis=1))[1 : int(rng.integers(2, 5))]
            for other in joints[near]:
                _polyline(canvas, np.stack([joint, other]), thickness, value)


def _twigs(canvas: Plate, rng: Rng) -> None:
    def grow(start: NDArray[np.float64], angle: float, length: float, thickness: float) -> None:
        if length < 6 or thickness < 0.6:
            return
        bend = angle + np.cumsum(rng.normal(0, 0.12, 8))
        line = start + np.cumsum(np.stack([np.cos(bend), np.sin(bend)], -1) * length / 8, axis=0)
        _polyline(canvas, np.vstack([start, line]), max(1, round(thickness)))
        for _ in range(int(rng.integers(2, 4))):
            at = line[rng.integers(3, 8)]
            grow(at, bend[-1] + rng.normal(0, 0.6), length * rng.uniform(0.5, 0.8), thickness * 0.65)

    for _ in range(7):
        root = rng.uniform(0, canvas.shape[0], 2)
        grow(root, rng.uniform(0, 6.3), rng.uniform(120, 320), rng.uniform(3, 10))


def _lashes(canvas: Plate, rng: Rng) -> None:
    for _ in range(40):
        arc = rng.uniform(0, canvas.shape[0], 2) + fibre(rng, rng.uniform(80, 260), 2.0)
        length, lean, thickness = rng.uniform(12, 60), rng.normal(0, 0.4), int(rng.integers(1, 4))
        for i in range(1, len(arc) - 1, int(rng.integers(1, 4))):
            tangent = arc[i + 1] - arc[i - 1]
            angle = math.atan2(tangent[1], tangent[0]) + math.pi / 2 + lean + rng.normal(0, 0.12)
            t = np.linspace(0, 1, 10)[:, None]
            bow = np.stack([np.cos(angle + t[:, 0] * 0.7), np.sin(angle + t[:, 0] * 0.7)], -1)
            _polyline(canvas, arc[i] + t * length * rng.uniform(0.7, 1.1) * bow, thickness)


def _fence(canvas: Plate, rng: Rng) -> None:
    size, pitch, thickness = canvas.shape[0], rng.uniform(10, 60), int(rng.integers(1, 6))
    axes = (0, 1) if rng.random() < 0.5 else (int(rng.integers(2)),)
    for axis in axes:
        for at in np.arange(0, size, pitch):
            line = np.array([[at, 0.0], [at, size]])
            _polyline(canvas, line[:, ::-1] if axis else line, thickness)


def _halftone(canvas: Plate, rng: Rng) -> None:
    pitch, angle = rng.uniform(4, 12), rng.uniform(0, math.pi)
    y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32)
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    wave = np.cos(2 * math.pi * u / pitch) + np.cos(2 * math.pi * v / pitch)
    coarse = rng.uniform(-1.6, 1.6, (5, 5)).astype(np.float32)
    level = cv2.resize(coarse, canvas.shape[::-1], interpolation=cv2.INTER_CUBIC)
    canvas[:] = np.clip((wave - level) * 160 + 128, 0, 255).astype(np.uint8)


def _rebate(canvas: Plate, rng: Rng) -> None:
    size, pitch = canvas.shape[0], rng.uniform(120, 300)
    for edge in (0.1, 0.6):
        y = int(edge * size)
        band = int(pitch * 0.9)
        canvas[y : y + band] = 255
        for x in np.arange(-pitch, size, pitch):
            corner = (int(x), int(y + band * 0.25))
            opposite = (int(x + pitch * 0.5), int(y + band * 0.75))
            cv2.rectangle(canvas, corner, opposite, 0, -1, cv2.LINE_AA)
        text = f"{rng.integers(1, 37)}A  SAFETY {rng.integers(1000, 9999)}  {rng.integers(1, 37)}"
        start = (int(rng.uniform(0, size / 2)), y + int(band * 0.2))
        cv2.putText(canvas, text, start, 2, 0.8, 60, 2, cv2.LINE_AA)


def _bulbs(canvas: Plate, rng: Rng) -> None:
    """Draw garlands, rivets and beads: equal discs at equal distances."""
    size = canvas.shape[0]
    for _ in range(int(rng.integers(10, 30))):
        distance, angle = rng.uniform(8, 60), rng.uniform(0, 2 * math.pi)
        t = np.arange(rng.integers(5, 40)) * distance
        sag = rng.uniform(-1, 1) / t[-1] * t * (t[-1] - t)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        places = rng.uniform(0, size, 2) + np.stack([t, sag], -1) @ turn
        if rng.random() < 0.4:
            _polyline(canvas, places, 1, 160)
        radius = distance * rng.uniform(0.08, 0.35)
        for at in np.round(places * 16).astype(int):
            cv2.circle(canvas, (int(at[0]), int(at[1])), round(radius * 16), 255, -1, cv2.LINE_AA, shift=4)


def _lights(canvas: Plate, rng: Rng) -> None:
    """Draw stars, lamps and snow: round soft points whose brightness follows a power law."""
    size = canvas.shape[0]
    light = np.zeros((size, size), np.float32)
    sharpest = rng.uniform(0.7, 1.5)
    for _ in range(int(rng.integers(300, 2000))):
        y, x = rng.integers(8, size - 8, 2)
        light[y, x] += min(rng.pareto(1.2) + 0.2, 30.0)
    glow = cv2.GaussianBlur(light, (0, 0), sharpest) * 2 * math.pi * sharpest**2
    glow += 0.05 * cv2.GaussianBlur(light, (0, 0), 5 * sharpest) * 2 * math.pi * (5 * sharpest) ** 2
    canvas[:] = np.clip(glow * 200, 0, 255).astype(np.uint8)


def _glints(canvas: Plate, rng: Rng) -> None:
    """Draw the short, level, crowded flashes of sunlit water and foliage."""
    for _ in range(30):
        centre, spread = rng.uniform(0, canvas.shape[0], 2), rng.uniform(15, 60, 2)
        for at in centre + rng.normal(0, 1, (90, 2)) * spread:
            middle, axes = (int(at[0]), int(at[1])), (int(rng.uniform(1, 9)), int(rng.uniform(1, 3)))
            cv2.ellipse(canvas, middle, axes, rng.normal(0, 8), 0, 360, 255, -1, cv2.LINE_AA)


DETAILS: tuple[Callable[[Plate, Rng], None], ...] = (
    _lettering, _wires, _struts, _struts, _twigs, _lashes, _fence, _halftone, _rebate, _bulbs, _glints,
    _lights, _lights,
)  # fmt: skip
PRINT_DETAILS = 1  # the first ones, which belong on paper, too
BRIGHT_DETAILS, NIGHT_DETAILS = 3, 2  # the last ones: always bright; on a darkened picture


def detail_plates(rng: Rng, size: int = 1024) -> list[Plate]:
    """Draw a ``(size, size, 1)`` plate of each kind of detail, in the order of ``DETAILS``."""
    plates = []
    for draw in DETAILS:
        canvas = np.zeros((size, size), np.uint8)
        draw(canvas, rng)
        plates.append(canvas[..., None])
    return plates
