"""What an editor's plug-in asks for (`dsr_core.protocol`), and the answers."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import Options, Prediction, predict
from dsr_core.detect import find_defects
from dsr_core.errors import DsrError
from dsr_core.grain import REACH
from dsr_core.models import find_model
from dsr_core.protocol import Buffer, Payload, write_frame
from dsr_core.repair import mend

DTYPES = {
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "half": "float16",
    "float": "float32",
    "double": "float64",
}
OUTLINE = (255, 30, 80, 255)  # RGBA: a red that neither sepia nor skin comes near
INSIDE = (255, 30, 80, 60)

_BAND = 256  # rows that are cut into places together

Array = NDArray[Any]
_Place = tuple[int, int, int, int]  # x, y, width, height
Reply = tuple[dict[str, Any], Sequence[Buffer]]


class Session:
    """Holds one picture and what the network said about it, and answers requests.

    Parameters
    ----------
    output
        Where frames go.
    cancelled
        Ids of the requests that are not wanted any more; grows while the network runs.
    """

    def __init__(self, output: BinaryIO, cancelled: set[int]) -> None:
        self.output = output
        self.cancelled = cancelled
        self._image: Array | None = None
        self._linear = False
        self._clip: NDArray[np.uint8] | None = None
        self._prediction: Prediction | None = None
        self._found: _Found | None = None

    def answer(self, request: dict[str, Any], payload: Payload) -> None:
        """Answer one request, whose payload may still come; what the user can mend is an ``error`` frame."""
        actions = {
            "margin": lambda: self._margin(request),
            "predict": lambda: self._predict(request, payload),
            "compose": lambda: self._compose(request),
            "preview": lambda: self._preview(request),
        }
        try:
            header, parts = actions.get(request.get("type", ""), lambda: _refuse(request))()
        except DsrError as error:
            header, parts = {"type": "error", "message": str(error)}, ()
        except MemoryError:
            header, parts = (
                {"type": "error", "message": "There is not enough memory; select a part of the picture."},
                (),
            )
        except (KeyError, TypeError, ValueError) as error:
            message = f"The plug-in's request is not understood ({error!r}); run `dsr-gimp install` again."
            header, parts = {"type": "error", "message": message}, ()
        write_frame(self.output, {**header, "id": request.get("id")}, parts)

    def _margin(self, request: dict[str, Any]) -> Reply:
        return {"type": "margin", "margin": find_model(request["model"]).margin + REACH}, ()

    def _predict(self, request: dict[str, Any], payload: Payload) -> Reply:
        self._prediction = self._found = None
        if "width" in request:
            self._take_picture(request, payload)
        if self._image is None:
            raise DsrError("The plug-in sent no picture; run `dsr-gimp install` again.")
        row = self._image[0].nbytes
        steps = predict(
            self._image,
            model=request["model"],
            provider=request["provider"],
            linear=self._linear,
            wait_for=lambda rows: payload.wait(rows * row),
        )
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                self._prediction = stop.value
                break
            if request["id"] in self.cancelled:
                steps.close()
                return {"type": "cancelled"}, ()
            fields = {"done": progress.done, "total": progress.total, "note": progress.note}
            write_frame(self.output, {"type": "progress", "id": request["id"], **fields})
        payload.wait(len(payload.data))
        found: Prediction = self._prediction
        notes = list(found.notes)
        return {
            "type": "predicted",
            "model": found.model.name,
            "provider": found.provider,
            "notes": notes,
        }, ()

    def _take_picture(self, request: dict[str, Any], payload: Payload) -> None:
        """Unpack the payload of ``predict`` without copying it."""
        data = payload.data
        height, width, channels = (int(request[key]) for key in ("height", "width", "channels"))
        dtype = np.dtype(DTYPES[request["dtype"]])
        samples = height * width * channels
        clipped = height * width if request["clip"] else 0
        if len(data) != samples * dtype.itemsize + clipped:
            raise DsrError("The plug-in sent too many or too few pixels; run `dsr-gimp install` again.")
        shape = (height, width) if channels == 1 else (height, width, channels)
        self._image = np.frombuffer(data, dtype, samples).reshape(shape)
        self._linear = bool(request["linear"])
        self._clip = None
        if clipped:
            self._clip = np.frombuffer(data, np.uint8, clipped, len(data) - clipped).reshape(height, width)

    def _find(self, fields: dict[str, Any]) -> "_Found":
        """Return what these options find, remembered until they change."""
        options = Options(**fields)
        if self._prediction is None:
            raise DsrError("The network has not run yet; wait for it.")
        if self._found is None or self._found.options != options:
            prediction = self._prediction
            mask = find_defects(prediction.image, prediction.repaired, prediction.probability, options)
            shown = mask if self._clip is None else mask & (self._clip > 0)
            self._found = _Found(prediction, options, mask, shown, self._clip)
        return self._found

    def _compose(self, request: dict[str, Any]) -> Reply:
        found, (rows, columns) = self._find(request["options"]), _slices(request["region"])
        alpha = ALPHA[request["alpha"]]

        def cut(top: int) -> list[_Patch]:
            band = slice(top, min(top + _BAND, rows.stop))
            mask = found.shown[band, columns]
            places = occupied(mask)
            if not places:
                return []
            image = found.restored(band)[:, columns]
            patches = []
            for x, y, width, height in places:
                part = slice(y, y + height), slice(x, x + width)
                samples = np.ascontiguousarray(alpha(image[part], mask[part]))
                place = x, y + top - rows.start, width, height
                patches.append(_Patch(place, samples, mask[part] * np.uint8(255)))
            return patches

        with ThreadPoolExecutor(2) as pool:
            bands = pool.map(cut, range(rows.start, rows.stop, _BAND))
            patches = list(itertools.chain.from_iterable(bands))
        header = {
            "type": "composed",
            "changed": int(np.count_nonzero(found.shown[rows, columns])),
            "places": [patch.place for patch in patches],
            "pixels": sum(patch.samples.nbytes for patch in patches),
        }
        return header, [*(patch.samples.data for patch in patches), *(patch.marks.data for patch in patches)]

    def _preview(self, request: dict[str, Any]) -> Reply:
        found, (rows, columns) = self._find(request["options"]), _slices(request["view"])
        step = int(request["step"])
        image = found.restored(rows) if request["after"] else found.prediction.image[rows]
        pixels = np.ascontiguousarray(shrink(image[:, columns], step))
        marks = outlines(shrink_mask(found.shown[rows, columns], step))
        height, width = marks.shape[:2]
        header = {"type": "preview", "defects": found.defects, "changed": found.changed}
        return {**header, "width": width, "height": height, "pixels": pixels.nbytes}, (
            pixels.data,
            marks.data,
        )


class _Patch(NamedTuple):
    """A part that is not as it was: where in the region, its samples, its mask."""

    place: _Place
    samples: Array
    marks: Array


@dataclass(frozen=True, eq=False)
class _Found:
    """What options find in a prediction: the mask, and what of it may be shown."""

    prediction: Prediction
    options: Options
    mask: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    clip: NDArray[np.uint8] | None

    def restored(self, rows: slice) -> Array:
        """Return rows of the restored picture: computed for the few that are wanted, not held for all."""
        before = self.prediction.image[rows]
        after = np.empty(before.shape, before.dtype)
        mend(self.prediction, self.mask, rows, self.options.feather, after)
        return after if self.clip is None else blend(before, after, self.clip[rows])

    @cached_property
    def changed(self) -> int:
        """Pixels that may differ."""
        return int(np.count_nonzero(self.shown))

    @cached_property
    def defects(self) -> int:
        """Connected regions of these pixels."""
        return cv2.connectedComponents(self.shown.view(np.uint8), connectivity=8)[0] - 1


def _refuse(request: dict[str, Any]) -> NoReturn:
    raise DsrError(f"The plug-in asks for {request.get('type')!r}; run `dsr-gimp install` again.")


def blend(before: Array, after: Array, clip: NDArray[np.uint8]) -> Array:
    """Return ``before`` where ``clip`` is 0, ``after`` where it is 255 (to the bit), a mixture in between."""
    result = before.copy()
    full = clip == 255  # noqa: PLR2004
    result[full] = after[full]
    partly = (clip > 0) & ~full
    low, high = before[partly].astype(np.float64), after[partly].astype(np.float64)
    share = clip[partly].astype(np.float64) / 255
    mixed = low + (high - low) * (share[:, None] if before.ndim > 2 else share)  # noqa: PLR2004
    result[partly] = np.rint(mixed) if before.dtype.kind == "u" else mixed
    return result


def shrink(pixels: Array, step: int) -> Array:
    """Return a view reduced ``step`` times by area, same type; the last row and column may be partial."""
    if step == 1:
        return pixels
    size = (-(-pixels.shape[1] // step), -(-pixels.shape[0] // step))
    known = pixels.dtype in (np.uint8, np.uint16, np.float32, np.float64)
    work = np.ascontiguousarray(pixels if known else pixels.astype(np.float64))
    small = cv2.resize(work, size, interpolation=cv2.INTER_AREA)
    return (small if known or pixels.dtype.kind == "f" else np.rint(small)).astype(pixels.dtype)


def shrink_mask(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return a mask reduced ``step`` times, in which no marked pixel gets lost."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % step), (0, -width % step)))
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    return np.asarray(blocks.any(axis=(1, 3)))


def outlines(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask as a picture to lay over another: (H, W, 4) 8-bit RGBA, an outline around each defect."""
    inside = mask.view(np.uint8)
    around = cv2.dilate(inside, np.ones((3, 3), np.uint8)) > inside
    marks = np.zeros((*mask.shape, 4), np.uint8)
    marks[mask] = INSIDE
    marks[around] = OUTLINE
    return marks


def occupied(mask: NDArray[np.bool_], side: int = 32) -> list[_Place]:
    """Return rectangles (x, y, width, height) that cover a mask: neighbouring blocks that are not empty."""
    height, width = mask.shape
    places = []
    for row, blocks in enumerate(shrink_mask(mask, side)):
        edges = np.flatnonzero(np.diff(blocks, prepend=False, append=False)) * side
        top = row * side
        for left, right in edges.reshape(-1, 2).tolist():
            places.append((left, top, min(right, width) - left, min(side, height - top)))
    return places


def _with_alpha(pixels: Array, shown: NDArray[np.bool_] | bool) -> Array:
    """Return the pixels with an alpha channel: 0 where they are not shown, else what it was, or opaque."""
    if pixels.ndim == 2:  # noqa: PLR2004
        pixels = pixels[..., None]
    opaque = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    colours = pixels.shape[2] - (pixels.shape[2] % 2 == 0)
    result = np.full((*pixels.shape[:2], colours + 1), opaque, pixels.dtype)
    result[..., : pixels.shape[2]] = pixels
    result[..., -1] *= shown
    return result


ALPHA: dict[str, Callable[[Array, NDArray[np.bool_]], Array]] = {
    "kept": lambda pixels, _: pixels,
    "added": lambda pixels, _: _with_alpha(pixels, True),
    "masked": _with_alpha,
}


def _slices(rectangle: Sequence[int]) -> tuple[slice, slice]:
    x, y, width, height = (int(value) for value in rectangle)
    if min(x, y) < 0 or min(width, height) < 1:
        raise DsrError("The plug-in asks for a part outside the picture; run `dsr-gimp install` again.")
    return slice(y, y + height), slice(x, x + width)
