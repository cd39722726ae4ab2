"""How sure the network has to be, by how much a scan holds beyond what clean pictures would be blamed for.

In clean photographs, too, a network takes some places for damage. How many of them a megapixel holds is
measured once and stands in the model's file. A scan in which far more is found is dirty: most of its faint
marks are real, and are repaired. In a scan with no more than that most of the marks are mistakes, and only
the surest are repaired. Bright and dark marks are counted apart: dust on a negative is bright, on a slide
dark.

Sources: Benjamini and Hochberg, *Controlling the false discovery rate*, 1995 (a threshold that moves with the
expected share of mistakes among what is found); Efron et al., *Empirical Bayes analysis of a microarray
experiment*, 2001 (that share for marks of about one strength).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EASED, RAISED = 2.0, 2.5
"""Logits by which the threshold falls or rises at most."""

KEY = "false_marks"
"""Name of the rates in a model's metadata."""

_WRONG = 0.45  # share of mistakes that is put up with
_ASSUMED = 3  # marks, with that share of mistakes: what is thought of a scan that shows hardly any
_SENSELESS = 1e4  # from which on a rate is no measured one
_STEP = 0.25  # of a logit
_WINDOW = 4  # steps: marks of about one strength


@dataclass(frozen=True)
class Rates:
    """How many marks a megapixel of clean pictures holds.

    Parameters
    ----------
    often
        Marks whose probability somewhere exceeds one half.
    falls
        For each logit more it is ``exp(-falls)`` times as many.
    """

    often: float
    falls: float

    def above(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many marks a megapixel holds that exceed these logits."""
        return self.often * np.exp(-self.falls * logits)


def read_rates(metadata: dict[str, str]) -> tuple[Rates, Rates] | None:
    """Return the rates of bright and of dark marks from metadata, ``None`` if it has no sensible ones."""
    try:
        often, falls, dark_often, dark_falls = numbers = [float(number) for number in metadata[KEY].split()]
    except (KeyError, ValueError):
        return None
    if not all(0 < number < _SENSELESS for number in numbers):
        return None
    return Rates(often, falls), Rates(dark_often, dark_falls)


def write_rates(bright: Rates, dark: Rates) -> dict[str, str]:
    """Return what `read_rates` reads."""
    numbers = (bright.often, bright.falls, dark.often, dark.falls)
    return {KEY: " ".join(f"{number:.4g}" for number in numbers)}


def shift(tops: NDArray[np.uint8], expected: Rates, megapixels: float) -> float:
    """Return by how many logits the threshold has to move.

    Parameters
    ----------
    tops
        ``(N,)``: highest probability of each mark of one polarity, times 255.
    expected
        What clean pictures hold of such marks.
    megapixels
        Size of the scan.

    Notes
    -----
    It falls as long as neither among all that is found nor among the weakest of that are too many mistakes;
    where there are too many at the usual threshold, it rises until there are not.
    """
    levels = np.arange(-EASED, RAISED + _STEP / 2, _STEP)
    found = len(tops) - np.searchsorted(np.sort(logit(tops)), levels, side="right")
    wrong = megapixels * expected.above(levels)
    good = _share(wrong, found) <= _WRONG
    usual = round(EASED / _STEP)
    if not good[usual]:
        return float(levels[usual:][good[usual:]].min(initial=RAISED))
    weakest = _share(wrong[:usual] - wrong[_WINDOW:][:usual], found[:usual] - found[_WINDOW:][:usual])
    fine = good[:usual] & (weakest <= _WRONG)
    return float(levels[usual - np.logical_and.accumulate(fine[::-1]).sum()])


def _share(wrong: Any, found: Any) -> Any:
    """Return the share of mistakes among what is found, between what is assumed and what is counted."""
    return (wrong + _ASSUMED * _WRONG) / (found + _ASSUMED)


def logit(probability: Any) -> Any:
    """Return logits of probabilities ``times 255``, which none of them makes infinite."""
    inside = np.clip(np.asarray(probability, np.float64), 0.5, 254.5)
    return np.log(inside / (255 - inside))


def moved(threshold: float, by: float) -> float:
    """Return a threshold for probabilities times 255 that is higher by so many logits."""
    return float(255 / (1 + np.exp(-(logit(threshold) + by))))
