"""A linear fit to what most values follow, whatever the others do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

_MOST = 12  # steps
_SETTLED = 1e-5  # of a coefficient; what changes by less is a hundredth of the least noise of a scan


def fit_most(matrix: Values, seen: Values, lit: Values, weight: Values) -> tuple[Values, Values, float]:
    """Fit what most pixels follow, from a first choice of them on.

    Parameters
    ----------
    matrix, seen
        ``(N, k)`` and ``(N,)``: what is known of each pixel, and what is to be explained by sums of that.
    lit
        ``(N,)``: 1 for pixels that may count, 0 for others.
    weight
        ``(N,)``, in [0, 1]: how much each counts at first.

    Returns
    -------
    tuple
        The coefficients ``(k,)``, the weights ``(N,)`` of the pixels, and the deviation of what is left.
    """
    columns, shown = np.ascontiguousarray(matrix.T), lit > 0
    solved = np.full(len(columns), np.inf)
    for _ in range(_MOST):
        weighted = columns * weight
        normal = weighted @ matrix + 1e-6 * len(seen) * np.eye(len(columns))
        before, solved = solved, np.linalg.solve(normal, weighted @ seen)
        rest = seen - solved @ columns
        spread = 1.4826 * float(np.median(np.abs(rest[shown]))) + 1e-4
        weight = lit * np.maximum(1 - (rest / (4.7 * spread)) ** 2, 0) ** 2  # Tukey's biweight
        if np.abs(solved - before).max() < _SETTLED:
            break
    return solved, weight, spread
