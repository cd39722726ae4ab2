"""Faint scratches of a roll: what share is found frame by frame, and what where frames tell of each other.

Rolls are different photographs, cut to one size, with one drawn scratch at one place in all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import DsrError
from dsr_core.returning import returning
from dsr_core.scratches import Trace, find_traces, reach
from training.measure.faint import DEPTHS, KINDS, Case, Picture, grainy, judge, scratch, smaller
from training.photos import read_photo

FRAMES = 8
"""Of a roll."""
_SIZE = (480, 720)
_ASIDE = 2  # pixels that a frame lies away from where it should, at most
DRAWN = 1000
"""Clean rolls that are drawn from all frames."""


@dataclass(frozen=True)
class Rolls:
    """What was measured.

    Parameters
    ----------
    alone, together
        What became of each frame with a scratch: by itself, and with the others of its roll.
    clean, traces
        Clean frames, and lines in them that would count if others had them, too.
    wrong
        Of the `DRAWN` clean rolls, those in which a line seems to come back.
    """

    alone: Sequence[Case]
    together: Sequence[Case]
    clean: int
    traces: int
    wrong: int


def measure_rolls(paths: Sequence[Path]) -> Rolls:
    """Measure rolls of these photographs; what is left over makes no roll.

    Raises
    ------
    DsrError
        They are too few for one.
    """
    if len(paths) < FRAMES:
        raise DsrError(f"A roll takes {FRAMES} photographs; name a folder that has more.")
    alone: list[Case] = []
    together: list[Case] = []
    clean: list[list[Trace]] = []
    for roll in range(len(paths) // FRAMES):
        rng = np.random.default_rng(roll)
        frames = [_frame(path, rng) for path in paths[roll * FRAMES : (roll + 1) * FRAMES]]
        clean += [find_traces(frame, linear=False) for frame in frames]
        if roll % 2:
            frames = [np.ascontiguousarray(frame.transpose(1, 0, 2)) for frame in frames]
        said = DEPTHS[roll % len(DEPTHS)], KINDS[roll // len(DEPTHS) % len(KINDS)]
        drawn = [_moved(frame, *said, roll, rng) for frame in frames]
        traces = [find_traces(scratched, linear=False) for _, scratched, _ in drawn]
        places = [place for place, _ in returning(traces, reach(drawn[0][0].shape))]
        alone += [judge(*each, *said) for each in drawn]
        together += [judge(*each, *said, places) for each in drawn]
    rng = np.random.default_rng(0)
    rolls = (rng.choice(len(clean), FRAMES, replace=False) for _ in range(DRAWN))
    wrong = sum(bool(returning([clean[frame] for frame in roll], reach(_SIZE))) for roll in rolls)
    return Rolls(alone, together, len(clean), sum(map(len, clean)), wrong)


def _frame(path: Path, rng: np.random.Generator) -> Picture:
    """Return a part of a photograph, with grain."""
    photo = np.asarray(read_photo(path), np.float32) / np.float32(255)
    height, width = _SIZE
    least = max((height + 1) / photo.shape[0], (width + 1) / photo.shape[1])
    small = smaller(photo, least, rng)
    top, left = (
        int(rng.integers(0, size - side + 1)) for size, side in zip(small.shape, _SIZE, strict=False)
    )
    return grainy(small[top : top + height, left : left + width], rng)


def _moved(
    frame: Picture, depth: float, kind: str, roll: int, rng: np.random.Generator
) -> tuple[Picture, Picture, NDArray[np.bool_]]:
    """Return a frame without and with the scratch of its roll, and where it is; each lies a bit elsewhere."""
    scratched, where = scratch(frame, depth, kind, np.random.default_rng(roll))
    aside = int(rng.integers(0, 2 * _ASIDE + 1))
    columns = slice(aside, frame.shape[1] - 2 * _ASIDE + aside)
    return frame[:, columns], scratched[:, columns], where[:, columns]
