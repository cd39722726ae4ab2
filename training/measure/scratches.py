"""Faint scratches along the film: what share is found, by depth, and what is taken for one on clean pictures.

Alone, and in a roll whose frames tell of each other. No network runs.
"""

import argparse
import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dsr_core.scratches import find_scratches
from training.measure.faint import DEPTHS, KINDS, Case, grainy, judge, scratch, smaller
from training.measure.scratch_rolls import DRAWN, FRAMES, Rolls, measure_rolls
from training.photos import list_photos, read_photo

_SMALLEST = 0.45  # of a photograph's size
_log = logging.getLogger(__name__)


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
        picture = grainy(smaller(photo, _SMALLEST, rng), rng)
        lines = find_scratches(picture, linear=False)
        if lines:
            false.append(path.name)
            _log.info("%s: %d lines", path.name, len(lines))
        turned = number % 2 > 0
        if turned:
            picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
        depth = DEPTHS[number % len(DEPTHS)]
        kind = KINDS[number // len(DEPTHS) % len(KINDS)]
        cases.append(judge(picture, *scratch(picture, depth, kind, rng), depth, kind))
    rolls = measure_rolls(paths)
    args.output.write_text(page(cases, false, len(paths), rolls), encoding="utf-8")
    named = f": {', '.join(false)}" if false else ""
    return f"{args.output} is written: {len(false)} of {len(paths)} clean pictures have false lines{named}"


def page(cases: list[Case], false: list[str], clean: int, rolls: Rolls) -> str:
    """Return the page."""
    rows: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        rows[f"{case.depth:.0%} deep"].append(case)
    for case in sorted(cases, key=lambda case: KINDS.index(case.kind)):
        rows[case.kind].append(case)
    return "\n".join(
        [
            _HEAD.format(false=len(false), clean=clean),
            *map(_row, rows, rows.values()),
            _MIDDLE.format(frames=FRAMES),
            *_roll_rows(rolls),
            _TAIL.format(drawn=DRAWN, frames=FRAMES, **vars(rolls)),
        ]
    )


def _row(name: str, cases: list[Case]) -> str:
    found = [case for case in cases if case.found]
    if not found:
        return f"| {name} | {len(cases)} | 0 % | | | |"
    share, before, after = np.mean([(case.share, case.before, case.after) for case in found], axis=0)
    all_found = len(found) / len(cases)
    return f"| {name} | {len(cases)} | {all_found:.0%} | {share:.0%} | {before:.1f} | {after:.1f} |"


def _roll_rows(rolls: Rolls) -> Iterator[str]:
    pairs = list(zip(rolls.alone, rolls.together, strict=True))
    for depth in sorted({case.depth for case in rolls.alone}):
        alone, together = zip(*(pair for pair in pairs if pair[0].depth == depth), strict=True)
        shares = [sum(case.found for case in cases) / len(cases) for cases in (alone, together)]
        told = f"| {depth:.0%} deep | {len(alone)} | {shares[0]:.0%} | {shares[1]:.0%} |"
        found = [(case.before, case.after) for case in together if case.found]
        before, after = np.mean(found, axis=0) if found else ("", "")
        yield f"{told} {before:.1f} | {after:.1f} |" if found else f"{told} | |"


_HEAD = """# Scratches along the film

Beside the network, which sees what a place looks like, `dsr_core/scratches.py` sums along the frame: a
scratch of which no pixel stands out of the grain is plain when its whole length counts. What it finds is
joined with what the network finds, and is repaired by taking the scratch's profile off, so that detail and
grain below it stay (`dsr_core/relief.py`). Where its depth varies so that the profile does not fit, and the
network sees it, the network's repair stands. It looks along rows and columns, and keeps the axis that has
more.

Written by `python -m training scratches --photos PHOTOS --output docs/scratches.md`; no network ran.
Photographs at 0.45 to 1 of their size with grain of up to 4 % of the range, each once as it is and once
with one drawn scratch of 1 to 3.5 pixels, half of them upright, half level.

**False lines: {false} of {clean} clean pictures.**

| scratch | pictures | found | pixels of the found | dB in the found, before | after |
|---|---:|---:|---:|---:|---:|"""

_MIDDLE = """
Depth is relative to the tone, or half as much of the range; a scratch is found if three tenths of its
pixels are. By itself this finds about half, the busier the picture the fewer, since nothing may be found on
clean ones: a line must run along at least 85 % of the frame, keep its height over whatever is below it, and
have no edge running along beside it. What is deep and plain the network finds. Trunks in fog, folds of
curtains, joints of boards and ropes along the whole frame came closest to being taken; the limits
(`dsr_core/scratch_limits.py`) were chosen on 335 other photographs, of which no clean one has a line within
them.

## A roll

A picture's own lines do not come back at the same place of other pictures; what the camera or the scanner
scratched does. With `--roll` all files are looked at first, for lines that keep within wider limits. Where at
least three frames of one size, and a third of them, have one within four pixels (of a picture of 3000), and
of the same sign, `dsr_core/returning.py` calls it a place, and there the limits are wider still. Frames that
show the same thing along the line, as a series from a tripod does, count once.

Rolls of {frames} different photographs, cut to 720 x 480, with the same scratch in each, up to 2 pixels
aside; each frame by itself, and with its roll:

| scratch | frames | found alone | with the roll | dB in the found, before | after |
|---|---:|---:|---:|---:|---:|"""

_TAIL = """
**False places: {wrong} of {drawn} clean rolls of {frames}**, drawn from {clean} clean frames, which
have {traces} such lines. At a place that a scratch does have, a wire or a pole of the picture may be taken
for it.
"""
