"""What would be gained by a first look at half the size that skips tiles it finds clean."""

from pathlib import Path

import cv2
import numpy as np

from dsr_core import predict, run
from dsr_core.models import ModelInfo
from training.measure.pairs import load_pairs

SIDE = 256
"""Of the squares that are skipped or not, in pixels; in smaller ones, margins would cost too much."""

SUSPECT = 64
"""Probability times 255 from which on the first look calls a square damaged."""


def look(model: ModelInfo, pairs: Path) -> dict[str, float]:
    """Return how many squares are clean, how many a first look would skip, and what it would miss.

    Returns
    -------
    dict
        Number of ``squares``; shares of them that are ``clean`` and ``skipped``; share of the damaged pixels
        that is ``missed`` because it lies in skipped squares.

    Raises
    ------
    DsrError
        There are no pairs.
    """
    true: list[int] = []
    seen: list[bool] = []
    for pair in load_pairs(pairs):
        half = cv2.resize(pair.damaged, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        probability = run(predict(half, model=model.path, provider="cpu")).probability
        height, width = pair.true.shape
        for top in range(0, height, SIDE):
            for left in range(0, width, SIDE):
                true.append(int(pair.true[top : top + SIDE, left : left + SIDE].sum()))
                small = probability[top // 2 : (top + SIDE) // 2, left // 2 : (left + SIDE) // 2]
                seen.append(bool((small >= SUSPECT).any()))
    damage, suspected = np.array(true), np.array(seen)
    return {
        "squares": len(damage),
        "clean": float((damage == 0).mean()),
        "skipped": float((~suspected).mean()),
        "missed": float(damage[~suspected].sum() / max(1, damage.sum())),
    }
