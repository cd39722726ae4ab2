"""Small pictures of a restored scan, as a browser or a printer takes them: 8-bit RGB, upright."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import DsrError
from dsr_core.io import Picture, read_picture
from dsr_core.io.orientation import upright
from dsr_core.io.picture import Wishes
from dsr_core.pixels import Image, colour, to_network

Shown = NDArray[np.uint8]
_CROP = 160
"""Pixels of a crop's side, at most."""


@dataclass(frozen=True)
class Place:
    """A defect at 100 %.

    Parameters
    ----------
    before, after
        ``(h, w, 3)``: the scan around it, and the same restored.
    pixels
        How large it is.
    doubtful
        Whether the network was not sure of it.
    """

    before: Shown
    after: Shown
    pixels: int
    doubtful: bool


@dataclass(frozen=True)
class Preview:
    """A scan before and after, ``(h, w, 3)``, what changed, ``(h, w)`` bool, and its places."""

    before: Shown
    after: Shown
    marks: NDArray[np.bool_]
    places: tuple[Place, ...]


def preview(record: Mapping[str, Any], wishes: Wishes, white: float | None, linear: bool | None) -> Preview:
    """Return what there is to see of a restored scan.

    Parameters
    ----------
    record
        The report of its job, with ``look``.
    wishes, white, linear
        As the job had them.

    Raises
    ------
    DsrError
        One of its files cannot be read any more.
    """
    source = read_picture(Path(record["input"]), wishes, white=white)
    result = read_picture(Path(record["output"]), wishes, white=white)
    if source.pixels.shape[:2] != result.pixels.shape[:2]:
        raise DsrError(f"{record['output']} has another size than {record['input']}; restore it again.")
    look = record["look"]
    stored = np.frombuffer(base64.b64decode(look["marks"]), np.uint8)
    marks = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE)) > 0
    light = source.linear if linear is None else linear
    whole = slice(None), slice(None)
    before, after = (_shown(picture, whole, marks.shape, linear=light) for picture in (source, result))
    places = []
    for row, column, pixels, doubtful in look["places"]:
        cut = _around(row, source.pixels.shape[0]), _around(column, source.pixels.shape[1])
        pair = (_shown(picture, cut, None, linear=light) for picture in (source, result))
        crops = [_upright(crop, source) for crop in pair]
        places.append(Place(crops[0], crops[1], pixels, doubtful))
    return Preview(_upright(before, source), _upright(after, source), _upright(marks, source), tuple(places))


def _around(middle: int, length: int) -> slice:
    start = max(0, min(middle - _CROP // 2, length - _CROP))
    return slice(start, min(start + _CROP, length))


def _shown(
    picture: Picture, part: tuple[slice, slice], size: tuple[int, ...] | None, *, linear: bool
) -> Shown:
    """Return a part of a picture as a screen takes it, of the given height and width if there are any."""
    samples: Image = picture.pixels[part]
    if picture.coding is not None:
        samples = picture.coding.opened(samples)
    samples = np.ascontiguousarray(colour(samples))
    if samples.dtype.kind == "u" and samples.dtype.itemsize > 2:  # noqa: PLR2004 -- OpenCV cannot shrink it
        samples = (samples >> 16).astype(np.uint16)
    if size is not None:
        small = cv2.resize(samples, (size[1], size[0]), interpolation=cv2.INTER_AREA)
        samples = np.asarray(small).reshape(size[0], size[1], -1)
    planes = np.empty((3, *samples.shape[:2]), np.float32)
    to_network(samples, planes, linear=linear)
    return np.asarray(np.rint(planes.transpose(1, 2, 0) * 255), np.uint8)


def _upright(shown: Any, picture: Picture) -> Any:
    """Turn a picture as its orientation tells those who show it."""
    return np.ascontiguousarray(upright(shown, picture.tags))
