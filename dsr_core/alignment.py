"""Where a second scan of the same film lies against the first: shift and scale, to a part of a pixel.

Film moves between two passes of a scanner, and a lens bends infrared less than light. What an infrared scan
and its picture share is dust and hairs, and as much of the picture as the dyes let through: small marks that
stand out from their surroundings, dark or bright. Such marks are compared in many blocks, and shift and scale
are fitted to the blocks that agree.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.bands import side_by_side
from dsr_core.robust import deviation, quantile

Plane = NDArray[np.float32]

REACH = 24
"""Pixels by which a block is looked for at most."""
_BLOCK = 384  # pixels to a side; smaller where the picture is
_GRID = 7  # blocks along each side at most
_SMALLEST = 96  # pixels to a side that are worth comparing
_BACKGROUND = 4.0  # sigma in pixels of what counts as surroundings of a mark
_CLEAR = 3.0  # deviations by which a mark stands out of the noise
_STRONGEST = 8.0  # deviations beyond which a mark counts no more: one black hair must not decide alone
_PEAK = 4.0  # deviations by which the best match exceeds the others
_AGREED = 1.0  # pixels that a block may be off the fit
_FEWEST = 3  # blocks that agree
_MOST_SCALE = 0.006  # a few thousandths are usual; what is more is chance


class Fit(NamedTuple):
    """How the second scan lies.

    Parameters
    ----------
    matrix
        ``(2, 3)``: takes a place ``(x, y)`` of the first scan to the place in the second.
    blocks
        Number of blocks that agree; 0 where nothing was recognised, with the identity as matrix.
    """

    matrix: NDArray[np.float64]
    blocks: int

    def furthest(self, shape: tuple[int, ...]) -> float:
        """Return the longest way in pixels that a corner of an image of this shape moves."""
        height, width = shape[:2]
        corners = np.array([[x, y, 1.0] for x in (0, width) for y in (0, height)])
        return float(np.hypot(*(corners @ self.matrix.T - corners[:, :2]).T).max())


def find_shift(
    first: Callable[[tuple[slice, slice]], Plane],
    second: Callable[[tuple[slice, slice]], Plane],
    shape: tuple[int, ...],
) -> Fit:
    """Return how the second scan lies against the first.

    Parameters
    ----------
    first, second
        Return a part of each scan, float32, for the rows and columns asked for.
    shape
        Height and width of both.
    """
    blocks = list(_blocks(shape))
    ways = side_by_side(lambda block: _match(_marks(first(block)), _marks(second(block))), blocks)
    places, moves = [], []
    for (rows, columns), found in zip(blocks, ways, strict=True):
        if found is not None:
            places.append(((columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2))
            moves.append(found)
    if len(places) < _FEWEST:
        return Fit(np.eye(2, 3), 0)
    return _fitted(np.array(places), np.array(moves), shape)


def moved(image: Plane, fit: Fit) -> Plane:
    """Return the second scan as the first one lies; beyond its border the last row is repeated."""
    size = image.shape[1], image.shape[0]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(image, fit.matrix, size, flags=flags, borderMode=border), np.float32)


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Yield blocks spread over the image."""
    edges = []
    for length in shape[:2]:
        side = min(_BLOCK, length // 2)
        if side < _SMALLEST:
            return
        starts = np.linspace(0, length - side, min(_GRID, 2 * length // side - 1))
        edges.append([slice(int(start), int(start) + side) for start in starts])
    for rows in edges[0]:
        for columns in edges[1]:
            yield rows, columns


def _marks(part: Plane) -> Plane:
    """Return how far each pixel stands out from its surroundings, either way: 0 for noise, at most some."""
    fine = cv2.GaussianBlur(part, (0, 0), 0.8) - cv2.GaussianBlur(part, (0, 0), _BACKGROUND)
    noise = deviation(fine) + 1e-6
    return np.asarray(np.clip(np.abs(fine) / noise - _CLEAR, 0, _STRONGEST), np.float32)


def _match(first: Plane, second: Plane) -> tuple[float, float] | None:
    """Return the way ``(x, y)`` from the first block's marks to the second's, ``None`` if none stands out."""
    reach = min(REACH, min(first.shape) // 4)
    inner = first[reach:-reach, reach:-reach]
    if not inner.any() or not second.any():
        return None
    score = np.asarray(cv2.matchTemplate(second, inner, cv2.TM_CCOEFF_NORMED), np.float32)
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    if not (0 < y < score.shape[0] - 1 and 0 < x < score.shape[1] - 1):
        return None
    rest = quantile(score, 0.5)
    spread = deviation(score - rest) + 1e-6
    if score[y, x] - rest < _PEAK * spread:
        return None
    return (
        float(x) - reach + _vertex(*score[y, x - 1 : x + 2]),
        float(y) - reach + _vertex(*score[y - 1 : y + 2, x]),
    )


def _vertex(before: float, at: float, after: float) -> float:
    """Return where between -0.5 and 0.5 the parabola through three neighbours is highest."""
    bend = before - 2 * at + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def _fitted(places: NDArray[np.float64], moves: NDArray[np.float64], shape: tuple[int, ...]) -> Fit:
    """Fit shift and scale to what most blocks say: the scale of two blocks, tried for all pairs of them."""
    centre = np.array([shape[1], shape[0]]) / 2
    places = places - centre
    best = np.zeros(len(places), np.bool_)
    for one in range(len(places)):
        for other in range(one + 1):  # with itself: a shift alone
            way = places[one] - places[other]
            scale = float((moves[one] - moves[other]) @ way / (way @ way)) if one != other else 0.0
            if abs(scale) > _MOST_SCALE:
                continue
            shift = moves[one] - scale * places[one]
            good = np.abs(shift + scale * places - moves).max(axis=1) < _AGREED
            if good.sum() > best.sum():
                best = good
    if best.sum() < max(_FEWEST, len(places) / 3):
        return Fit(np.eye(2, 3), 0)
    places, moves = places[best], moves[best]
    spread = places - places.mean(axis=0)
    # A scale that few blocks close to each other tell is not believed: a thousandth is usual, and a block is
    # a third of a pixel off.
    total = float((spread**2).sum()) + (0.3 / 0.001) ** 2
    scale = float((spread * (moves - moves.mean(axis=0))).sum()) / total
    shift = moves.mean(axis=0) - scale * places.mean(axis=0) - scale * centre
    return Fit(np.array([[1 + scale, 0, shift[0]], [0, 1 + scale, shift[1]]]), int(best.sum()))
