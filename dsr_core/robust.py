"""A linear fit to what most values follow, whatever the others do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

_MOST = 12  # steps
_SETTLED = 1e-5  # of a coefficient; what changes by less is a hundredth of the least noise of a scan
_PLENTY = 20_000  # pixels that tell nearly what all do


def quantile(values: Values, share: float) -> float:
    """Return what `numpy.quantile` does, four times as fast: that sorts both neighbours and NaN apart.

    ``values``, of any shape, are at least one, and hold no NaN; ``share`` lies in [0, 1].
    """
    at = share * (values.size - 1)
    below = int(at)
    parted = np.partition(values, below, axis=None)
    low = float(parted[below])
    return low + (at - below) * (float(parted[below + 1 :].min()) - low) if at > below else low


def deviation(values: Values) -> float:
    """Return the deviation of values around 0 by their median size, which few outliers do not move."""
    return 1.4826 * quantile(np.abs(values), 0.5)


def fit_most(matrix: Values, seen: Values, starts: Sequence[Values]) -> tuple[Values, Values, float]:
    """Fit what most pixels follow, from the first choice of them that leaves the least behind.

    The choices are compared on a part of the pixels, and only the best goes on with all of them.

    Parameters
    ----------
    matrix, seen
        ``(N, k)`` and ``(N,)``: what is known of each pixel, and what is to be explained by sums of that.
    starts
        ``(N,)`` each, in [0, 1]: how much each pixel counts at first.

    Returns
    -------
    tuple
        The coefficients ``(k,)``, the weights ``(N,)`` of the pixels, and the deviation of what is left.
    """
    some = slice(None, None, max(1, len(seen) // _PLENTY))
    part = np.ascontiguousarray(matrix[some].T), seen[some]
    best = min((_settled(*part, start[some]) for start in starts), key=lambda fit: fit[2])
    columns = np.ascontiguousarray(matrix.T)
    weight, _ = _weighed(columns, seen, best[0])
    return _settled(columns, seen, weight)


def _settled(columns: Values, seen: Values, weight: Values) -> tuple[Values, Values, float]:
    """Fit and weigh by turns until nothing changes any more; ``columns`` are ``(k, N)``."""
    solved, spread = np.full(len(columns), np.inf), np.inf
    for _ in range(_MOST):
        root = np.sqrt(weight)
        weighted = columns * root
        normal = weighted @ weighted.T + 1e-6 * len(seen) * np.eye(len(columns))
        before, solved = solved, np.linalg.solve(normal, weighted @ (seen * root))
        weight, spread = _weighed(columns, seen, solved)
        if np.abs(solved - before).max() < _SETTLED:
            break
    return solved, weight, spread


def _weighed(columns: Values, seen: Values, solved: Values) -> tuple[Values, float]:
    """Return how much each pixel counts (Tukey's biweight), and the deviation of what is left."""
    rest = seen - solved @ columns
    spread = deviation(rest) + 1e-4
    return np.maximum(1 - (rest / (4.7 * spread)) ** 2, 0) ** 2, spread
