"""Plates of fine detail that looks like damage and must survive: ``(H, W, 1)`` uint8, drawn once each."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dsr_core.errors import DsrError
from training.damage.plates import Plate, Rng, fibre, polyline

_FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"


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


def _print(canvas: Plate, rng: Rng) -> None:
    """Set labels and signs in real fonts, mostly bold, from small to as tall as a fifth of the plate."""
    fonts = [str(path) for path in sorted(_FONTS.glob("DejaVu*.ttf")) if "Display" not in path.name]
    bold = [path for path in fonts if "Bold" in Path(path).name]
    alphabet = np.array(
        list("AAABCDEEEEFGHIIJKLMNOOPQRSTUVWXYZaabcdeeefghiijklmnoopqrstuvwxyz0123456789 .,:;-+*/&%()   ")
    )
    page = Image.new("L", canvas.shape[::-1], 0)
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(10, 40))):
        size = int(math.exp(rng.uniform(math.log(10), math.log(220))))
        font = ImageFont.truetype(str(rng.choice(bold if rng.random() < 0.7 else fonts)), size)
        text = "".join(rng.choice(alphabet, int(rng.integers(2, 18))))
        x, y = int(rng.integers(-100, canvas.shape[1])), int(rng.integers(-50, canvas.shape[0]))
        stroke, value = int(rng.integers(0, 2) * size / 30), int(rng.integers(150, 256))
        for line in range(int(rng.integers(1, 4))):
            pen.text((x, y + line * int(size * 1.2)), text, fill=value, font=font, stroke_width=stroke)
            text = text[::-1]
        if rng.random() < 0.3:
            box = (x - size // 3, y - size // 4, x + size * 4, y + int(size * 1.5))
            pen.rounded_rectangle(
                box, radius=int(rng.uniform(0, size / 2)), outline=255, width=max(1, size // 12)
            )
    canvas[:] = np.asarray(page)


def _numerals(canvas: Plate, rng: Rng) -> None:
    """Set large words in a light face, mostly round letters and figures: thin strokes, as a hair's are."""
    face = str(_FONTS / "DejaVuSans.ttf")
    round_ones = np.array(list("000OOQCGDSPRBU2356899&eaos"))
    for _ in range(int(rng.integers(8, 20))):
        size = int(math.exp(rng.uniform(math.log(50), math.log(240))))
        font = ImageFont.truetype(face, size)
        word = Image.new("L", (canvas.shape[1], int(1.3 * size)), 0)
        text = "".join(rng.choice(round_ones, int(rng.integers(2, 7))))
        ImageDraw.Draw(word).text((0, 0), text, fill=int(rng.integers(170, 256)), font=font)
        less = max(1, round(size * rng.uniform(0.02, 0.065)))  # of a stem of a tenth of the size
        thin = cv2.erode(np.asarray(word), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (less, less)))
        y, x = int(rng.integers(0, canvas.shape[0])), int(rng.integers(0, canvas.shape[1]))
        part = canvas[y : y + thin.shape[0], x:]
        np.maximum(part, thin[: part.shape[0], : part.shape[1]], out=part)


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
            polyline(canvas, line + offset * across, thickness, value)


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
                polyline(canvas, np.stack([joint, other]), thickness, value)


def _rigging(canvas: Plate, rng: Rng) -> None:
    """Draw masts and their stays: long fine lines a little off the upright, where scratches are, too."""
    size = canvas.shape[0]
    for _ in range(int(rng.integers(6, 14))):
        top, bottom = rng.uniform(-0.6, 0.3) * size, rng.uniform(0.7, 1.5) * size
        x, spread = rng.uniform(0, size), rng.uniform(0.02, 0.4) * size
        value, thickness = int(rng.integers(110, 256)), int(rng.integers(1, 5))
        if rng.random() < 0.5:
            polyline(canvas, np.array([[x, top], [x + rng.normal(0, 20), bottom]]), int(rng.integers(5, 40)))
        for foot in rng.normal(x, spread, int(rng.integers(1, 10))):
            joint = [x + rng.normal(0, 6), top + rng.uniform(0, 0.3) * size]
            polyline(canvas, np.array([joint, [foot, bottom]]), thickness, value)


def _rims(canvas: Plate, rng: Rng) -> None:
    """Draw panels, rails and tyres whose edge catches the light: long, smooth, brighter in places."""
    size = canvas.shape[0]
    for _ in range(int(rng.integers(6, 14))):
        x = np.linspace(-50, size + 50, 80)
        bow = rng.uniform(-0.15, 0.15) * size * ((x / size - rng.uniform(0, 1)) ** 2)
        line = np.stack([x, rng.uniform(0, size) + rng.normal(0, 0.03) * x + bow], -1)
        depth = rng.uniform(20, 250)
        polyline(canvas, line + np.array([0, depth / 2]), int(depth), int(rng.integers(0, 110)))
        light = 255 * np.clip(fibre(rng, 4, 3.0, len(x))[:, 0] + rng.uniform(0.3, 1), 0.2, 1)
        thickness = int(rng.integers(2, 15))
        for i in range(len(x) - 1):
            polyline(canvas, line[i : i + 2], thickness, int(light[i]))


def _fence(canvas: Plate, rng: Rng) -> None:
    size, pitch, thickness = canvas.shape[0], rng.uniform(10, 60), int(rng.integers(1, 6))
    axes = (0, 1) if rng.random() < 0.5 else (int(rng.integers(2)),)
    for axis in axes:
        for at in np.arange(0, size, pitch):
            line = np.array([[at, 0.0], [at, size]])
            polyline(canvas, line[:, ::-1] if axis else line, thickness)


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
            polyline(canvas, places, 1, 160)
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


def _disc(
    canvas: Plate,
    middle: NDArray[np.float64],
    axes: NDArray[np.float64],
    turn: float,
    value: int,
    ends: tuple[float, float] = (0, 360),
    thickness: int = -1,
) -> None:
    """Draw an ellipse, filled or, from one angle to another, as a line."""
    x, y, a, b = np.round(np.concatenate([middle, axes]) * 16).astype(int).tolist()
    cv2.ellipse(canvas, (x, y), (a, b), turn, *ends, value, thickness, cv2.LINE_AA, shift=4)


def _gloss(canvas: Plate, rng: Rng) -> None:
    """Draw helmets, paint and glass: round bodies in soft light, with sharp reflections of lamps."""
    size = canvas.shape[0]
    for _ in range(int(rng.integers(16, 36))):
        middle, radius = rng.uniform(0, size, 2), rng.uniform(25, 180)
        axes, turn = radius * np.array([1, rng.uniform(0.5, 1)]), rng.uniform(0, 180)
        light = rng.uniform(-0.45, 0.45, 2)
        for step in np.linspace(0, 1, 24):  # from the rim of the body to its lit place
            _disc(canvas, middle + step * light * radius, axes * (1 - step), turn, int(20 + 120 * step))
        for _ in range(int(rng.integers(1, 4))):
            at = middle + (light + rng.normal(0, 0.12, 2)) * radius
            _disc(canvas, at, axes * rng.uniform(0.02, 0.14, 2), turn + rng.normal(0, 10), 255)
        if rng.random() < 0.4:  # along the rim
            start = rng.uniform(0, 300)
            ends, rim = (start, start + rng.uniform(15, 90)), axes * rng.uniform(0.8, 0.97)
            _disc(canvas, middle, rim, turn, 230, ends, int(rng.integers(1, 6)))


DETAILS: tuple[Callable[[Plate, Rng], None], ...] = (
    _lettering, _print, _print, _print, _print, _wires, _rigging, _rigging, _struts, _fence, _halftone,
    _rebate, _bulbs, _rims, _glints, _gloss, _lights, _numerals, _numerals, _numerals,
)  # fmt: skip
# no twigs, no lashes: adrift in a sky, nobody can tell them from hairs, and a network learns to leave hairs
# new ones go to the end: the plates of those before stay as they are
PRINT_DETAILS = ("lettering", "print", "numerals")  # belong on paper, too
LINE_DETAILS = ("wires", "rigging", "struts")
BRIGHT_DETAILS = ("rims", "glints", "gloss", "lights")
NIGHT_DETAILS = ("gloss", "lights")  # on a darkened picture


def detail_plates(rng: Rng, size: int = 1024) -> list[Plate]:
    """Draw a ``(size, size, 1)`` plate of each kind of detail, in the order of ``DETAILS``."""
    plates = []
    for draw in DETAILS:
        canvas = np.zeros((size, size), np.uint8)
        draw(canvas, rng)
        plates.append(canvas[..., None])
    return plates


def plates_of(kinds: Sequence[str], count: int) -> list[int]:
    """Return which of ``count`` plates, whole sets of all kinds, are of the kinds named.

    Parameters
    ----------
    kinds
        Names of the functions of ``DETAILS`` without their underscore.
    count
        Plates.

    Raises
    ------
    DsrError
        There is no such kind.
    """
    names = [draw.__name__.removeprefix("_") for draw in DETAILS]
    if unknown := set(kinds) - set(names):
        raise DsrError(f"There are no details {', '.join(sorted(unknown))}; there are {', '.join(names)}.")
    return [i for i in range(count) if names[i % len(names)] in kinds]
