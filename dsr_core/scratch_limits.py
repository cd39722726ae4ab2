"""What tells a scratch from an edge, a wire or a mast: what stays the same along it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Course:
    """A line from piece to piece, ``(n,)`` each where nothing else is said.

    Parameters
    ----------
    share
        Of the frame's length, a number.
    columns
        Where it is.
    left, right
        How much it stands out against what is to its left and to its right.
    middle
        Its tone.
    usual
        The deviation of such differences around it.
    company
        The mean rise, in deviations, of the plainest edge that runs along beside it, a number.
    """

    share: float
    columns: NDArray[np.intp]
    left: Values
    right: Values
    middle: Values
    usual: Values
    company: float


@dataclass(frozen=True)
class Traits:
    """What is measured of a line.

    Parameters
    ----------
    share
        Of the frame's length.
    strength
        Mean height over its deviation, times the root of the number of pieces.
    weakest
        Its strength on the quarter of its way where it is weakest, relative to the whole: a wire ends.
    height
        How much it stands out, as a share of the range.
    own
        How much the height varies along the line, relative to how much the tone beside it varies: a thing
        keeps its own tone, so that it stands out as the tone beside it has it, and a scratch follows that.
    parted
        How much the difference of the tones on both sides varies, relative to the same: a scratch does not
        part the picture.
    aside
        The difference of the tones on both sides, relative to the height.
    company
        How plain the plainest edge beside it is that runs along with it, relative to the line: things have
        several.
    turns, bent
        Steps aside for each piece, and columns off a parabola.
    """

    share: float
    strength: float
    weakest: float
    height: float
    own: float
    parted: float
    aside: float
    company: float
    turns: float
    bent: float


LIMITS = Traits(
    share=0.85,
    strength=7.5,
    weakest=0.55,
    height=0.25,
    own=0.22,
    parted=0.5,
    aside=0.45,
    company=0.28,
    turns=0.35,
    bent=1.2,
)
"""The least of the first three and the most of all else (docs/scratches.md)."""

TRACE = Traits(
    share=0.5,
    strength=4.5,
    weakest=0.1,
    height=0.25,
    own=0.4,
    parted=0.8,
    aside=0.6,
    company=0.55,
    turns=0.45,
    bent=2.0,
)
"""The same for a line that other frames may have, too: two of three clean pictures have none."""

RETURNING = Traits(
    share=0.4,
    strength=3.0,
    weakest=0.0,
    height=0.25,
    own=0.5,
    parted=1.0,
    aside=0.8,
    company=0.9,
    turns=0.5,
    bent=2.0,
)
"""The same where other frames have it."""


def measure(course: Course) -> Traits:
    """Return what `LIMITS` limits."""
    height, parting = (course.left + course.right) / 2, course.left - course.right
    level = max(float(np.median(height)), 1e-6)
    varied = float(np.std(course.middle - height)) + 1e-6
    shown = np.clip(height / course.usual, -3, 3)
    plain = float(shown.mean())
    number = np.arange(len(height))
    parabola = np.polyval(np.polyfit(number, course.columns, 2), number)
    return Traits(
        share=course.share,
        strength=plain * len(height) ** 0.5,
        weakest=min(float(part.mean()) for part in np.array_split(shown, 4)) / max(plain, 1e-6),
        height=level,
        own=_deviation(height) / varied,
        parted=_deviation(parting) / varied,
        aside=abs(float(np.median(parting))) / level,
        company=course.company / max(plain, 1e-6),
        turns=float(np.abs(np.diff(course.columns)).mean()),
        bent=float(np.abs(course.columns - parabola).mean()),
    )


def keeps(traits: Traits, limits: Traits) -> bool:
    """Return whether a line keeps within limits."""
    least = ("share", "strength", "weakest")
    return all(
        getattr(traits, name) >= limit if name in least else getattr(traits, name) <= limit
        for name, limit in vars(limits).items()
    )


def _deviation(values: Values) -> float:
    """Return the deviation as the median sees it, which a few pieces do not change."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
