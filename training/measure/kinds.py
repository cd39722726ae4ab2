"""How kinds of defects are told apart, on outlines that were drawn and labelled by hand."""

import argparse
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.kinds import KINDS, measure, sort
from training.measure.groups import FRAMES, SCALES

LABELS = {
    "Dust": "specks",
    "Dirt": "specks",
    "Short hair": "hairs",
    "Long hair": "hairs",
    "Scratch": "scratches",
}
"""Label of an outline -> the kind that it should become."""


def drawn(path: Path, scale: float) -> tuple[NDArray[np.int32], list[str]]:
    """Return the outlines of a frame drawn one over the other, numbered from 1 on, and their labels."""
    outlines = json.loads(path.read_text())
    points = [np.rint(np.array(outline["points"]) * scale).astype(np.int32) for outline in outlines]
    width, height = np.max([each.max(axis=0) for each in points], axis=0) + 2
    labels = np.zeros((height, width), np.int32)
    for number, each in enumerate(points, 1):
        cv2.fillPoly(labels, [each], number)
    return labels, [outline["label"] for outline in outlines]


def confusion(paths: list[Path], scales: tuple[float, ...] = SCALES) -> Counter[tuple[str, str]]:
    """Count outlines by label and by the kind that they are taken for; what others cover is left out."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in paths:
        for scale in scales:
            labels, names = drawn(path, scale)
            at = np.flatnonzero(labels)
            label = labels.ravel().take(at)
            kinds = sort(measure(at, label, labels, len(names) + 1), max(labels.shape))
            for number in np.unique(label):
                counts[names[number - 1], KINDS[kinds[number] - 1]] += 1
    return counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--damage-data", type=Path, required=True, help="folder with frames/frame-NN.json")
    parser.add_argument("--output", type=Path, required=True, help="the page, Markdown")


def command(args: argparse.Namespace) -> str:
    """Measure and write the page."""
    paths = sorted((args.damage_data / "frames").glob("frame-*.json"))
    kept = [path for path in paths if path.stem[-2:] in FRAMES]
    used = [path for path in paths if path not in kept]
    tables = _table(confusion(kept)), _table(confusion(used))
    args.output.write_text(_PAGE.format(kept=tables[0], used=tables[1]), encoding="utf-8")
    return f"{args.output} is written"


def _table(counts: Counter[tuple[str, str]]) -> str:
    lines = [f"| label | {' | '.join(KINDS)} | as it should be |", "|---|" + "---:|" * (len(KINDS) + 1)]
    for label, wanted in LABELS.items():
        row = [counts[label, kind] for kind in KINDS]
        right = counts[label, wanted] / max(sum(row), 1)
        lines.append(f"| {label.lower()} | {' | '.join(map(str, row))} | {right:.0%} |")
    return "\n".join(lines)


_PAGE = """# Kinds of defects

`--kinds`, *kinds* in napari and *Kinds* in GIMP choose defects by their shape, and `--mask-kinds` writes a
mask that holds 64 for specks, 128 for hairs and fibres, 192 for scratches and 255 for others. Two numbers
decide, and neither size nor direction (`dsr_core/kinds.py`): how wide a bar with the same moments is,
relative to its length (below 0.1 straight and thin: a scratch; below 0.5: a hair), and half the outline
squared over the area (above 10: a hair that curls up). What is neither, and larger than 2 % of the
picture's longer side, is one of the others: stains, clumps, torn emulsion.

Written by `python -m training kinds --damage-data DATA --output docs/kinds.md` on the hand-drawn outlines
of FilmDamageSimulator at 3600, 1800 and 900 dpi; each counts once at each. On frames 8 and 10, by which
nothing was chosen:

{kept}

On the five frames by which the two numbers were chosen:

{used}

Labels follow what a thing is, kinds follow its shape: crumbs that are twice as long as wide are dirt to the
one and hairs to the other, and a hair of a few pixels is a speck. The outlines hold nothing that is meant
by *others*; what lands there are clumps.
"""
