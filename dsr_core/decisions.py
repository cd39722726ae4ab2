"""What a person decided about defects: what is left alone and what is repaired, whatever the options find.

Decisions about an image are a map ``(H, W)`` uint8 of two bits: `LEFT` where defects are left alone,
`PAINTED` where a person marked damage; where both are set, it is left alone. A decision belongs to the whole
defect: `dsr_core.detect.search` leaves out each component that touches a place that is left alone, and takes
each one in that touches a painted place, before the mask is grown and at every setting.

Nothing here writes to a map that it is given, so that an earlier one takes everything back.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.kinds import numbers_of

LEFT = 1
PAINTED = 2
Decided = NDArray[np.uint8]

FOUND_STATE, PAINTED_STATE, LEFT_STATE = 0, 1, 2
"""Where a row of `listed` comes from."""
ROW = np.dtype(
    [
        *((name, np.int32) for name in ("row", "column", "top", "left", "height", "width", "pixels")),
        ("doubt", np.float32),
        ("state", np.uint8),
        ("kind", np.uint8),
    ]
)


def nothing(shape: tuple[int, ...]) -> Decided:
    """Return the map ``(H, W)`` of an image about which nothing is decided."""
    return np.zeros(shape, np.uint8)


def drawn(decided: Decided, shown: NDArray[Any], labels: NDArray[Any]) -> Decided:
    """Return the decisions after a person has drawn in a picture of the defects.

    Parameters
    ----------
    decided
        The decisions so far, ``(H, W)``.
    shown
        The numbers of the defects that the person saw, ``(H, W)``; 0 is none.
    labels
        The same after they drew. What became 0 is left alone, together with the whole of the found defect
        that it belongs to. What became another number than 0, or a number that no defect had, is painted,
        pixel by pixel.

    Returns
    -------
    Decided
        ``decided`` itself where nothing changed.
    """
    erased = (labels == 0) & (shown > 0)
    painted = (labels > 0) & ((shown == 0) | ((labels != shown) & (labels > shown.max())))
    if not (erased.any() or painted.any()):
        return decided
    result = decided.copy()
    found = shown[erased & (decided & PAINTED == 0)]
    if len(found):
        of_these = np.zeros(int(shown.max()) + 1, np.bool_)
        of_these[found] = True
        erased |= of_these[shown] & (decided & PAINTED == 0)
    result[erased] |= LEFT
    result[painted] = PAINTED
    return result


def toggled(decided: Decided, labels: NDArray[Any], row: int, column: int, reach: int = 0) -> Decided:
    """Return the decisions after a click: the defect there is taken out, or in again if it was out.

    Parameters
    ----------
    decided, labels
        The decisions so far and the numbers of the defects, ``(H, W)``.
    row, column
        Where the click was; it may lie outside.
    reach
        How many pixels a defect may be away; the nearest one counts.

    Returns
    -------
    Decided
        ``decided`` itself where there is no defect.
    """
    left = (decided & LEFT).astype(np.bool_)
    rows = slice(max(row - reach, 0), max(row + reach + 1, 0))
    columns = slice(max(column - reach, 0), max(column + reach + 1, 0))
    near = np.argwhere((labels[rows, columns] > 0) | left[rows, columns])
    if not len(near):
        return decided
    near += (rows.start, columns.start)
    place = tuple(near[np.argmin(np.square(near - (row, column)).sum(axis=1))])
    if labels[place] > 0:
        return np.where(labels == labels[place], decided | LEFT, decided)
    _, places = cv2.connectedComponents(left.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return np.where(places == places[place], decided & ~np.uint8(LEFT), decided)


def outranked(mask: NDArray[np.bool_], decided: Decided | None) -> NDArray[np.bool_]:
    """Write the decided places into a mask ``(H, W)``, and return it."""
    if decided is not None:
        mask[decided == PAINTED] = True
        mask[decided & LEFT > 0] = False
    return mask


def listed(
    labels: NDArray[np.int32], probability: NDArray[np.uint8], decided: Decided | None, least: int
) -> NDArray[Any]:
    """Return a table of the defects, and of what is left alone, one row of type `ROW` for each.

    Parameters
    ----------
    labels, probability
        As in `dsr_core.Restoration`.
    decided
        The decisions, ``(H, W)``, if there are any.
    least
        Probability times 255 from which on pixels tell a defect's kind (`dsr_core.kinds.numbers_of`).

    Returns
    -------
    ndarray
        ``row, column`` of one of its pixels, ``top, left, height, width`` and ``pixels`` of each defect; its
        ``doubt``, from 0 to 1: what its highest probability lacks to 1; its ``state``; the number of its
        ``kind``. Row ``n`` belongs to the label ``n + 1``; those that are left alone come last.
    """
    if decided is None or not decided.any():
        return _rows(labels, probability, FOUND_STATE, least)
    rows = _rows(labels, probability, FOUND_STATE, least)
    painted = np.unique(labels[(decided == PAINTED) & (labels > 0)]) - 1
    rows["state"][painted] = PAINTED_STATE
    _, places = cv2.connectedComponents(decided & LEFT, connectivity=8, ltype=cv2.CV_32S)
    return np.concatenate([rows, _rows(places, probability, LEFT_STATE, least)])


def _rows(labels: NDArray[Any], probability: NDArray[np.uint8], state: int, least: int) -> NDArray[Any]:
    at = np.flatnonzero(labels)
    label = labels.ravel().take(at) - 1
    rows = np.zeros(int(label.max(initial=-1)) + 1, ROW)
    rows["state"] = state
    rows["pixels"] = np.bincount(label, minlength=len(rows))
    strongest = np.zeros(len(rows), np.uint8)
    np.maximum.at(strongest, label, probability.ravel().take(at))
    rows["kind"] = numbers_of(labels, probability, len(rows), least)[1:]
    rows["doubt"] = 1 - strongest / np.float32(255)
    places = np.divmod(at, labels.shape[1])
    for place, any_one, first, extent in zip(
        places, ("row", "column"), ("top", "left"), ("height", "width"), strict=True
    ):
        rows[any_one][label] = place
        low, high = np.full(len(rows), np.iinfo(np.int32).max, np.int32), np.zeros(len(rows), np.int32)
        np.minimum.at(low, label, place)
        np.maximum.at(high, label, place)
        rows[first], rows[extent] = low, high - low + 1
    return rows
