"""Scratches of a roll: lines that come back at the same place in frames of different pictures."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dsr_core.scratches import Place, Trace

FEWEST = 3
"""Frames that must have a line at a place."""
_SHARE = 1 / 3  # of the frames
_ALIKE = 0.6  # correlation of what two pictures show along a line, from which on they are one picture


def returning(frames: Sequence[Sequence[Trace]], reach: int) -> list[tuple[Place, int]]:
    """Return the places at which lines of the same sign come back, each with the number of its frames.

    A picture's own lines do not come back, unless frames show the same thing, as from a tripod: those that
    are alike along a line count once.

    Parameters
    ----------
    frames
        What `dsr_core.scratches.find_traces` returned of each frame; all are of one size.
    reach
        Pixels that a line may lie away from its place.
    """
    enough = max(FEWEST, _SHARE * len(frames))
    every = [(frame, trace) for frame, traces in enumerate(frames) for trace in traces]
    return [
        place
        for axis, sign in product((0, 1), (1, -1))
        for place in _places(
            [each for each in every if (each[1].axis, each[1].sign) == (axis, sign)], reach, enough
        )
    ]


def _places(left: list[tuple[int, Trace]], reach: int, enough: float) -> Iterator[tuple[Place, int]]:
    """Yield the places of lines along one axis and of one sign, that of the most frames first."""
    while len(left) >= enough:
        across = np.array([trace.across for _, trace in left])
        near = np.abs(across - across[:, None]) <= reach
        most = int(near.sum(axis=1).argmax())
        if near[most].sum() < enough:
            return
        traces = {frame: trace for (frame, trace), is_near in zip(left, near[most], strict=True) if is_near}
        count = _pictures([trace.tones for trace in traces.values()])
        if count >= enough:
            place = round(float(np.median([trace.across for trace in traces.values()])))
            yield Place(left[most][1].axis, left[most][1].sign, place), count
        left = [each for each, is_near in zip(left, near[most], strict=True) if not is_near]


def _pictures(tones: Sequence[NDArray[np.float32]]) -> int:
    """Return how many different pictures frames show, by the tones along a line; the detail counts."""
    detail = np.diff(np.stack(tones).astype(np.float64))
    detail -= detail.mean(axis=1, keepdims=True)
    detail /= np.sqrt((detail**2).sum(axis=1, keepdims=True)) + 1e-9
    alike = detail @ detail.T > _ALIKE
    return len(tones) - int(np.tril(alike, -1).any(axis=1).sum())
