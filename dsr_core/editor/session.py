"""The requests of an editor's plug-in (`dsr_core.editor.wire` lists them), and the answers."""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TypeVar

import numpy as np

from dsr_core.decisions import LEFT, LEFT_STATE, Decided, listed, nothing, toggled
from dsr_core.detect import FOUND, search
from dsr_core.editor.found import Found
from dsr_core.editor.patches import ALPHA, cut_patches, outlines, shrink, shrink_mask
from dsr_core.editor.wire import Buffer, Header, Payload, write_frame
from dsr_core.engine import unasked
from dsr_core.errors import DsrError
from dsr_core.filling import fill
from dsr_core.filter import look_for_wide_damage, predict, run
from dsr_core.grain import REACH
from dsr_core.models import find_model
from dsr_core.options import Options
from dsr_core.prediction import Prediction, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dsr_core.pixels import Image

DTYPES = {
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "half": "float16",
    "float": "float32",
    "double": "float64",
}

_HALF = 128  # how far a pixel is selected from which on it is to be repaired

Reply = tuple[Header, Sequence[Buffer]]
_Result = TypeVar("_Result")


class Session:
    """Holds one picture and the network's output for it, and answers requests.

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
        self._image: Image | None = None
        self._linear = False
        self._clip: NDArray[np.uint8] | None = None
        self._infrared: Image | None = None
        self._prediction: Prediction | None = None
        self._filled: Prediction | None = None
        self._picture = 0
        self._decisions: dict[int, Decided] = {}  # about each picture
        self._found: Found | None = None

    def answer(self, request: Header, payload: Payload) -> None:
        """Answer one request, whose payload may still come; errors become an ``error`` frame."""
        actions = {
            "margin": lambda: self._margin(request),
            "predict": lambda: self._predict(request, payload),
            "fill": lambda: self._fill(request),
            "compose": lambda: self._compose(request),
            "preview": lambda: self._preview(request),
            "toggle": lambda: self._toggle(request),
            "defects": lambda: self._defects(request),
            "look": lambda: self._look(request),
        }
        try:
            header, parts = actions.get(request.get("type", ""), lambda: _refuse(request))()
        except DsrError as error:
            header, parts = {"type": "error", "message": str(error)}, ()
        except _CancelledError:
            header, parts = {"type": "cancelled"}, ()
        except MemoryError:
            header, parts = (
                {"type": "error", "message": "There is not enough memory; select a part of the picture."},
                (),
            )
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            message = f"The plug-in's request is not understood ({error!r}); run `dsr-gimp install` again."
            header, parts = {"type": "error", "message": message}, ()
        write_frame(self.output, {**header, "id": request.get("id")}, parts)

    def _margin(self, request: Header) -> Reply:
        return {"type": "margin", "margin": find_model(request["model"]).margin + REACH}, ()

    def _predict(self, request: Header, payload: Payload) -> Reply:
        self._prediction = self._filled = self._found = None
        if "width" in request:
            self._take_picture(request, payload)
        if self._image is None:
            raise DsrError("The plug-in sent no picture; run `dsr-gimp install` again.")
        height, row = len(self._image), self._image[0].nbytes
        steps = predict(
            self._image,
            model=request["model"],
            provider=request["provider"],
            linear=self._linear,
            infrared=self._infrared,
            # the last row is followed by the selection and the infrared scan, which are wanted after it
            wait_for=lambda rows: payload.wait(rows * row if rows < height else len(payload.data)),
        )
        try:
            self._prediction = self._run(steps, request)
        finally:
            payload.wait(len(payload.data))
        return _predicted(self._prediction)

    def _fill(self, request: Header) -> Reply:
        prediction = self._ready()
        if self._clip is None:
            raise DsrError("Nothing is selected; select what is to be repaired.")
        self._filled = self._run(fill(prediction, self._clip >= _HALF), request)
        self._found = None
        return _predicted(self._filled)

    def _look(self, request: Header) -> Reply:
        found = self._find(request)
        notes: tuple[str, ...] = ()
        if self._clip is None:  # a selection is a place that somebody chose
            notes = self._run(look_for_wide_damage(found.prediction, found.mask), request)
        return {"type": "looked", "notes": list(notes)}, ()

    def _run(self, steps: Generator[Progress, None, _Result], request: Header) -> _Result:
        """Run the network and return what comes of it."""

        def report(progress: Progress) -> None:
            if request["id"] in self.cancelled:
                raise _CancelledError
            fields = {"done": progress.done, "total": progress.total, "note": progress.note}
            write_frame(self.output, {"type": "progress", "id": request["id"], **fields})

        return run(steps, report)

    def _take_picture(self, request: Header, payload: Payload) -> None:
        """Unpack the payload of ``predict`` without copying it."""
        data = payload.data
        height, width, channels = (int(request[key]) for key in ("height", "width", "channels"))
        dtype, beside = np.dtype(DTYPES[request["dtype"]]), request.get("infrared", "")
        infrared = np.dtype(DTYPES[beside]) if beside else None
        samples = height * width * channels
        clipped = height * width if request["clip"] else 0
        end = samples * dtype.itemsize + clipped
        if len(data) != end + (height * width * infrared.itemsize if infrared else 0):
            raise DsrError("The plug-in sent too many or too few pixels; run `dsr-gimp install` again.")
        shape = (height, width) if channels == 1 else (height, width, channels)
        self._image = np.frombuffer(data, dtype, samples).reshape(shape)
        self._picture = int(request.get("picture", 0))
        if self._picture in self._decisions and self._decisions[self._picture].shape != (height, width):
            del self._decisions[self._picture]
        self._linear = bool(request["linear"])
        self._clip = None
        if clipped:
            self._clip = np.frombuffer(data, np.uint8, clipped, end - clipped).reshape(height, width)
        self._infrared = None
        if infrared:
            self._infrared = np.frombuffer(data, infrared, height * width, end).reshape(height, width)

    def _ready(self) -> Prediction:
        if self._prediction is None:
            raise DsrError("The network has not run yet; wait for it.")
        return self._prediction

    def _find(self, request: Header) -> Found:
        """Return what these options find, or everything that is selected; remembered until that changes."""
        wanted = Options(**request["options"]), bool(request.get("everything"))
        prediction, decided = self._ready(), self._decisions.get(self._picture)
        if self._found is None or self._found.wanted != wanted or self._found.decided is not decided:
            options, everything = wanted
            if everything:
                if self._filled is None or self._clip is None:
                    raise DsrError("The plug-in did not ask for it; run `dsr-gimp install` again.")
                mask = self._clip >= _HALF
                self._found = Found(self._filled, wanted, None, mask, mask, None, ())
            else:
                mask, notes = search(prediction, options, decided)
                shown = mask if self._clip is None else mask & (self._clip > 0)
                self._found = Found(prediction, wanted, decided, mask, shown, self._clip, notes)
        return self._found

    def _compose(self, request: Header) -> Reply:
        found = self._find(request)
        rows, columns = _slices(request["region"], found.mask.shape)
        patches = cut_patches(found.restored, found.shown, rows, columns, ALPHA[request["alpha"]])
        header = {
            "type": "composed",
            "changed": int(np.count_nonzero(found.shown[rows, columns])),
            "notes": list(found.notes),
            "places": [patch.place for patch in patches],
            "pixels": sum(patch.samples.nbytes for patch in patches),
        }
        return header, [*(patch.samples.data for patch in patches), *(patch.marks.data for patch in patches)]

    def _toggle(self, request: Header) -> Reply:
        found = self._find(request)
        before = nothing(found.shown.shape) if found.decided is None else found.decided
        place = int(request["y"]), int(request["x"]), int(request["reach"])
        after = toggled(before, found.labels, *place)
        self._decisions[self._picture] = after
        return {"type": "toggled", "changed": after is not before}, ()

    def _defects(self, request: Header) -> Reply:
        found = self._find(request)
        rows = listed(found.labels, found.prediction.probability, found.decided, FOUND)
        order = np.argsort(-rows["pixels"], kind="stable").tolist()
        places = np.zeros((len(rows), 2), np.int32)
        for place, number in zip(places, order, strict=True):
            left, top, width, height = (rows[number][name] for name in ("left", "top", "width", "height"))
            here = slice(top, top + height), slice(left, left + width)
            if found.decided is not None and rows[number]["state"] == LEFT_STATE:
                inside = np.argwhere(found.decided[here] & LEFT)
            else:
                inside = np.argwhere(found.labels[here] == number + 1)
            middle = inside[np.square(inside - (height // 2, width // 2)).sum(axis=1).argmin()]
            place[:] = left + middle[1], top + middle[0]
        return {"type": "defects", "count": len(places)}, [places.data]

    def _preview(self, request: Header) -> Reply:
        found, step = self._find(request), int(request["step"])
        rows, columns = _slices(request["view"], found.mask.shape)
        if step < 1:
            raise ValueError(step)
        image = found.restored(rows) if request["after"] else found.prediction.image[rows]
        samples = np.ascontiguousarray(shrink(image[:, columns], step))
        left = None if found.decided is None else shrink_mask(found.decided[rows, columns] & LEFT > 0, step)
        marks = outlines(shrink_mask(found.shown[rows, columns], step), left)
        height, width = marks.shape[:2]
        header = {"type": "preview", "defects": found.defects, "changed": found.changed}
        size = {"width": width, "height": height, "pixels": samples.nbytes}
        said = {"sources": found.sources, "notes": list(found.notes)}
        return {**header, **size, **said}, (samples.data, marks.data)


class _CancelledError(Exception):
    """The plug-in does not want the answer any more."""


def _predicted(done: Prediction) -> Reply:
    notes = [note for note in done.notes if note != unasked(done.wanted)]
    return {"type": "predicted", "model": done.model.name, "provider": done.provider, "notes": notes}, ()


def _refuse(request: Header) -> NoReturn:
    raise DsrError(f"The plug-in asks for {request.get('type')!r}; run `dsr-gimp install` again.")


def _slices(rectangle: Sequence[int], shape: tuple[int, ...]) -> tuple[slice, slice]:
    x, y, width, height = (int(value) for value in rectangle)
    if min(x, y) < 0 or min(width, height) < 1 or y + height > shape[0] or x + width > shape[1]:
        raise DsrError("The plug-in asks for a part outside the picture; run `dsr-gimp install` again.")
    return slice(y, y + height), slice(x, x + width)
