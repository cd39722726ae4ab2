"""Faint scratches along the film: what share is found, by depth, and what is taken for one on clean pictures.

No network runs: this measures `dsr_core.scratches` and `dsr_core.relief` alone.
"""

import argparse
import logging
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.relief import take_off
from dsr_core.scratches import find_scratches
from training.photos import list_photos, read_photo

DEPTHS = (0.04, 0.07, 0.1, 0.15, 0.2, 0.3)
KINDS = ("plain", "coloured", "refracting", "broken", "wandering")
_SCALES = (0.45, 1.0)
_GRAIN = 0.04  # of the range, at most
_FLOOR = 1e-9
_SOME = 0.3  # of a pixel that a scratch covers, from which on it counts
_FOUND = 0.3  # of a scratch's pixels, from which on it counts as found

Picture = NDArray[np.float32]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """One drawn scratch and what became of it: share found, and dB inside it before and after."""

    depth: float
    kind: str
    found: float
    before: float
    after: float


def grainy(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture smaller and with grain: of one pixel or softer, neutral to coloured."""
    scale = float(rng.uniform(*_SCALES))
    small = np.asarray(
        cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32
    )
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


def judge(picture: Picture, depth: float, kind: str, rng: np.random.Generator) -> Case:
    """Draw a scratch, look for it and take it off."""
    scratched, where = scratch(picture, depth, kind, rng)
    scan, wanted = (np.rint(each * 65535).astype(np.uint16) for each in (scratched, picture))
    repaired, nothing = scan.copy(), np.zeros(where.shape, np.uint8)
    found = take_off(find_scratches(scan, linear=False), scan, repaired, nothing, linear=False) > 0
    grown = cv2.dilate(found.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    image = np.where(grown[:, :, None], repaired, scan)

    def decibels(result: NDArray[np.uint16]) -> float:
        error = (result[where].astype(np.float64) - wanted[where]) / 65535
        return float(-10 * np.log10((error**2).mean() + _FLOOR))

    return Case(depth, kind, float(found[where].mean()), decibels(scan), decibels(image))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--first", type=int, default=0, help="the first that is used; default: %(default)s")
    parser.add_argument("--every", type=int, default=1, help="use one of so many; default: %(default)s")
    parser.add_argument("--output", type=Path, required=True, help="the page, Markdown")


def command(args: argparse.Namespace) -> str:
    """Measure and write the page."""
    cases: list[Case] = []
    false: list[str] = []
    paths = list_photos(args.photos)[args.first :: args.every]
    for number, path in enumerate(paths):
        rng = np.random.default_rng(number)
        photo = np.asarray(read_photo(path), np.float32) / np.float32(255)
        picture = grainy(photo, rng)
        lines = find_scratches(picture, linear=False)
        if lines:
            false.append(path.name)
            _log.info("%s: %d lines", path.name, len(lines))
        turned = number % 2 > 0
        if turned:
            picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
        depth = DEPTHS[number % len(DEPTHS)]
        cases.append(judge(picture, depth, KINDS[number // len(DEPTHS) % len(KINDS)], rng))
    args.output.write_text(page(cases, false, len(paths)), encoding="utf-8")
    named = f": {', '.join(false)}" if false else ""
    return f"{args.output} is written: {len(false)} of {len(paths)} clean pictures have false lines{named}"


def page(cases: list[Case], false: list[str], clean: int) -> str:
    """Return the page."""
    rows: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        rows[f"{case.depth:.0%} deep"].append(case)
    for case in sorted(cases, key=lambda case: KINDS.index(case.kind)):
        rows[case.kind].append(case)
    return "\n".join([_HEAD.format(false=len(false), clean=clean), *map(_row, rows, rows.values()), _TAIL])


def _row(name: str, cases: list[Case]) -> str:
    found = [case for case in cases if case.found > _FOUND]
    if not found:
        return f"| {name} | {len(cases)} | 0 % | | | |"
    share, before, after = np.mean([(case.found, case.before, case.after) for case in found], axis=0)
    all_found = len(found) / len(cases)
    return f"| {name} | {len(cases)} | {all_found:.0%} | {share:.0%} | {before:.1f} | {after:.1f} |"


_HEAD = """# Scratches along the film

Beside the network, which sees what a place looks like, `dsr_core/scratches.py` sums along the frame: a
scratch of which no pixel stands out of the grain is plain when its whole length counts. What it finds is
joined with what the network finds, and is repaired by taking the scratch's profile off, so that detail and
grain below it stay (`dsr_core/relief.py`). It looks along rows and columns, and keeps the axis that has
more.

Written by `python -m training scratches --photos PHOTOS --output docs/scratches.md`; no network ran.
Photographs at 0.45 to 1 of their size with grain of up to 4 % of the range, each once as it is and once
with one drawn scratch of 1 to 3.5 pixels, half of them upright, half level.

**False lines: {false} of {clean} clean pictures.**

| scratch | pictures | found | pixels of the found | dB in the found, before | after |
|---|---:|---:|---:|---:|---:|"""

_TAIL = """
Depth is relative to the tone, or half as much of the range; a scratch is found if three tenths of its
pixels are. By itself this finds about half, the busier the picture the fewer, since nothing may be found on
clean ones: a line must run along at least 85 % of the frame, keep its height over whatever is below it, and
have no edge running along beside it. What is deep and plain the network finds. Trunks in fog, folds of
curtains, joints of boards and ropes along the whole frame came closest to being taken; the limits
(`dsr_core/scratch_limits.py`) were chosen on 335 other photographs, of which no clean one has a line within
them.
"""
