"""Pictures of what a model does to real film, for judging by eye: sheets of places and tiles at 100 %."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.measure.methods import Outcome
from training.measure.metrics import NEAR, Image, Mask, dilate
from training.measure.pairs import Loaded
from training.measure.report import write_picture
from training.measure.scans import Scan

PLACES = 24
"""Places to a sheet."""

SHEETS = 4
"""Sheets to a scan: half of the places are its largest, half are drawn from the others."""

PANEL = 168
"""Pixels to a side of each view of a place."""

TILE = 560, 400
"""Greatest width and height of a view at 100 %; four of them make a picture."""

_CAPTION = 20
_COLUMNS = 3
_GAP = 3
_GREEN, _RED, _BLUE = (40, 220, 40), (255, 50, 50), (60, 110, 255)


def write_sheets(folder: Path, prefix: str, scan: Scan, image: Image, outcome: Outcome) -> None:
    """Write sheets of places that a model marks and nobody judged, and a list of them to be judged.

    A place is shown before, with the outline of the mask, and after; corner marks stand around its box. The
    list, ``PREFIX.SCAN.json``, has the form of the judged files: put ``dust`` or ``not`` for ``unsure``.

    Parameters
    ----------
    folder
        Made if it is missing; what is there of the same name is replaced.
    prefix
        Start of the files' names.
    scan
        Its judged boxes are left out.
    image
        ``(H, W, 3)`` uint8: the scan.
    outcome
        What the model made of it.

    Raises
    ------
    DsrError
        A picture cannot be written.
    """
    boxes, areas = unjudged(scan, outcome.found)
    stem = f"{prefix}.{scan.path.stem}"
    items = [
        {"number": number, "box": box.tolist(), "area": int(area), "label": "unsure"}
        for number, (box, area) in enumerate(zip(boxes, areas, strict=True), 1)
    ]
    views = [_place(image, outcome, item["box"], item["number"]) for item in items]
    for first in range(0, len(views), PLACES):
        part = views[first : first + PLACES]
        part += [np.zeros_like(part[0])] * (-len(part) % _COLUMNS)
        rows = [np.hstack(part[at : at + _COLUMNS]) for at in range(0, len(part), _COLUMNS)]
        _write(folder / f"{stem}.{first // PLACES + 1}.png", np.vstack(rows))
    content = {"scan": scan.path.name, "size": [image.shape[1], image.shape[0]], "items": items}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.json").write_text(json.dumps(content, indent=1) + "\n")


def unjudged(scan: Scan, mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return boxes ``(N, 4)`` and areas ``(N,)`` of marked regions that touch no judged box.

    At most ``SHEETS * PLACES``: the largest, and as many drawn from the others, the same every time.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    free = np.ones(count, np.bool_)
    free[0] = False
    for left, top, right, bottom in scan.boxes:
        free[labels[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]] = False
    numbers = np.flatnonzero(free)
    numbers = numbers[np.argsort(-stats[numbers, cv2.CC_STAT_AREA], kind="stable")]
    half = SHEETS * PLACES // 2
    drawn = np.random.default_rng(0).permutation(numbers[half:])[:half]
    left, top, width, height, area = stats[np.concatenate([numbers[:half], drawn])].T
    return np.stack([left, top, left + width, top + height], 1), area


def write_crops(folder: Path, prefix: str, pair: Loaded, outcome: Outcome) -> None:
    """Write a pair at 100 %, in parts: damaged, ours; the expert's, and where the mask is right.

    Over the darkened scan, hits are green, what was taken wrongly is red, what was missed is blue, each with
    `NEAR` pixels of tolerance.

    Parameters
    ----------
    folder
        Made if it is missing; what is there of the same name is replaced.
    prefix
        Start of the files' names.
    pair
        The scan and the expert's restoration.
    outcome
        What a model made of it.

    Raises
    ------
    DsrError
        A picture cannot be written.
    """
    views = [pair.damaged, outcome.restored, pair.clean, overlay(pair, outcome.found)]
    for row, column, part in _parts(*pair.true.shape):
        upper, lower = (np.hstack([view[part] for view in some]) for some in (views[:2], views[2:]))
        _write(folder / f"{prefix}.{pair.name}.{row}-{column}.png", np.vstack([upper, lower]))


def overlay(pair: Loaded, found: Mask) -> Image:
    """Return ``(H, W, 3)`` uint8: the scan, dark, with hits green, false marks red and misses blue."""
    near_true, near_found = dilate(pair.true, NEAR), dilate(found, NEAR)
    picture = np.repeat(pair.damaged.mean(-1, keepdims=True) * 0.4, 3, axis=-1).astype(np.uint8)
    picture[(found & near_true) | (pair.true & near_found)] = _GREEN
    picture[found & ~near_true] = _RED
    picture[pair.true & ~near_found] = _BLUE
    return picture


def _parts(height: int, width: int) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    """Cut a picture evenly into parts of at most ``TILE``; yield row and column, counted from 1."""
    down, across = math.ceil(height / TILE[1]), math.ceil(width / TILE[0])
    for row in range(down):
        rows = slice(row * height // down, (row + 1) * height // down)
        for column in range(across):
            columns = slice(column * width // across, (column + 1) * width // across)
            yield row + 1, column + 1, (rows, columns)


def _place(image: Image, outcome: Outcome, box: list[int], number: int) -> Image:
    """Return a place before, with the mask's outline, and after, under a caption."""
    left, top, right, bottom = box
    side = min(max(40, 5 * max(right - left, bottom - top) // 4 + 24), *image.shape[:2])
    x = min(max((left + right - side) // 2, 0), image.shape[1] - side)
    y = min(max((top + bottom - side) // 2, 0), image.shape[0] - side)
    window = slice(y, y + side), slice(x, x + side)
    way = cv2.INTER_NEAREST if side < PANEL else cv2.INTER_AREA
    before, after = (
        np.asarray(cv2.resize(picture[window], (PANEL, PANEL), interpolation=way), np.uint8)
        for picture in (image, outcome.restored)
    )
    mask = outcome.found[window].astype(np.uint8)
    wide = cv2.resize(mask, (PANEL, PANEL), interpolation=cv2.INTER_NEAREST)
    outlined = before.copy()
    outlined[(wide == 0) & (cv2.dilate(wide, np.ones((3, 3), np.uint8)) > 0)] = _GREEN
    scale = PANEL / side
    corners = [round((value - start) * scale) for value, start in zip(box, (x, y, x, y), strict=True)]
    for picture in (before, after):
        _mark_corners(picture, *corners)
    strip = np.zeros((PANEL + _CAPTION, 3 * (PANEL + _GAP) + _GAP, 3), np.uint8)
    for at, picture in enumerate((before, outlined, after)):
        strip[_CAPTION:, at * (PANEL + _GAP) :][:, :PANEL] = picture
    text = f"{number}   at {left}, {top}   {right - left} x {bottom - top}"
    cv2.putText(strip, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1, cv2.LINE_AA)
    return strip


def _mark_corners(picture: Image, left: int, top: int, right: int, bottom: int) -> None:
    """Draw an angle a little outside each corner of a box, so that nothing of the place is hidden."""
    gap, length = 4, 8
    for x, outward_x in ((left - gap, 1), (right + gap, -1)):
        for y, outward_y in ((top - gap, 1), (bottom + gap, -1)):
            for end in ((x + outward_x * length, y), (x, y + outward_y * length)):
                cv2.line(picture, (x, y), end, (255, 255, 0), 1)


def _write(path: Path, picture: Image) -> None:
    """Write an RGB picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8), path)
