"""A contact sheet: every scan of a roll, small, with what was repaired in red."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dsr_core.atomic import write_all
from dsr_core.errors import UsageError
from dsr_core.roll.previews import Preview, Shown

_CELL = 360  # pixels a picture may be wide and high
_GAP = 24
_TEXT = 30  # pixels for the line below it
_COLUMNS = 6  # of strips, as in a folder for negatives
_FORMATS = (".jpg", ".jpeg", ".png", ".webp")
_LETTERS = 34  # of a name that fit below a picture


def check_sheet(path: Path) -> None:
    """Refuse a name that says no format."""
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"{path} has no suffix that says which picture to write; use {', '.join(_FORMATS)}.")


def cell(record: Mapping[str, Any], shown: Preview) -> Shown:
    """Return a scan's place on the sheet, ``(h, w, 3)``: restored, repairs in red, name and share below."""
    height, width = shown.after.shape[:2]
    scale = _CELL / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.array(cv2.resize(shown.after, size, interpolation=cv2.INTER_AREA))
    marks = cv2.resize(shown.marks.view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    strength = np.minimum(np.asarray(marks, np.float32)[:, :, None] / 64, 1)
    small[:] = np.rint(small + strength * (np.array((255, 0, 0), np.float32) - small))
    result = np.full((_CELL + _TEXT, _CELL, 3), 255, np.uint8)
    top, left = (_CELL - small.shape[0]) // 2, (_CELL - small.shape[1]) // 2
    result[top : top + small.shape[0], left : left + small.shape[1]] = small
    share = f"{record['changed']:.2%}"
    name = Path(record["input"]).name.encode("ascii", "replace").decode()
    name = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 3]}..."
    _write(result, f"{name}  {share}")
    return result


def write_sheet(path: Path, cells: Sequence[Shown], *, overwrite: bool) -> None:
    """Write the cells as one picture, in rows of six.

    Raises
    ------
    DsrError
        The file cannot be written.
    """
    rows = -(-max(1, len(cells)) // _COLUMNS)
    columns = min(_COLUMNS, max(1, len(cells)))
    step = _CELL + _TEXT + _GAP, _CELL + _GAP
    sheet = np.full((rows * step[0] + _GAP, columns * step[1] + _GAP, 3), 255, np.uint8)
    for number, picture in enumerate(cells):
        top, left = _GAP + number // columns * step[0], _GAP + number % columns * step[1]
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    data = cv2.imencode(path.suffix.lower(), sheet[:, :, ::-1])[1].tobytes()
    write_all({path: lambda part: _save(part, data)}, overwrite=overwrite)


def _write(picture: Shown, text: str) -> None:
    cv2.putText(picture, text, (2, _CELL + 20), cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA)


def _save(path: Path, data: bytes) -> None:
    path.write_bytes(data)
