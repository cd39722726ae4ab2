"""The dock: choose, find, look, correct, remove."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import Container, Widget
from napari.layers import Image, Labels, Layer
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QTimer

from dsr_core import DsrError, Options, Progress
from dsr_core.options import described
from dsr_napari.frames import Frames, Position
from dsr_napari.rows import RUNS_ON, make_rows
from dsr_napari.run import Edit, Result, collect_edits, lazy_stack, settle, work

if TYPE_CHECKING:
    import napari.viewer

# So many labels fit into 16 bits, which napari draws without a slow conversion.
_FEW = np.iinfo(np.uint16).max
_log = logging.getLogger(__name__)


class RemoveDust(Container[Container[Widget]]):
    """Dock widget that finds dust and scratches in an image layer, shows them and removes them.

    Parameters
    ----------
    viewer
        napari hands it over.
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # the very text that napari looks for
        super().__init__(widgets=make_rows(viewer), labels=False)
        self.fields: dict[str, Any] = {widget.name: widget for row in self for widget in row}
        self._viewer = viewer
        self._frames: Frames | None = None  # what the result was made of, with which model and options
        self._source: dict[str, Any] = {}
        self._options: Options | None = None
        self._result = Result()
        self._edits: dict[Position, Edit] = {}
        self._defects: Labels | None = None
        self._restored: Image | None = None
        self._worker: Any = None
        self._job: tuple[Frames, dict[str, Any], Options, dict[Position, Edit]] | None = None
        self._note, self._telling = "", False
        self._stale: list[Position] = []
        self._timer = QTimer(self.native)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._recompose_next)
        for option in described():
            self.fields[option.name].changed.connect(self._recompose)
        self.fields["layer"].changed.connect(self._offer_frames)
        self.fields["find"].changed.connect(lambda: self._start(restore=False))
        self.fields["remove"].changed.connect(lambda: self._start(restore=True))
        self.fields["cancel"].changed.connect(self._cancel)
        self.native_parent_changed.connect(self._leave_if_closed)
        self.native.destroyed.connect(self._leave)
        viewer.layers.events.removed.connect(self._forget)
        if viewer.layers.selection.active in self.fields["layer"].choices:
            self.fields["layer"].value = viewer.layers.selection.active
        self._offer_frames()
        self._set_running(False)

    # --- fields ---

    def _chosen_options(self) -> Options:
        return Options(**{option.name: self.fields[option.name].value for option in described()})

    def _offer_frames(self) -> None:
        layer = self.fields["layer"].value
        self["frames row"].visible = layer is not None and layer.ndim > 2  # noqa: PLR2004 -- a picture has two axes

    def _set_running(self, running: bool) -> None:
        self.fields["find"].enabled = self.fields["remove"].enabled = not running
        self.fields["progress"].enabled = self.fields["cancel"].enabled = running

    # --- one run ---

    def _start(self, *, restore: bool) -> None:
        try:
            every = self.fields["frames"].value == "all"
            frames = Frames(
                self.fields["layer"].value, self._viewer.dims.point, every, self._viewer.dims.displayed
            )
            options = self._chosen_options()
        except DsrError as error:
            show_error(str(error))
            return
        source = {"model": self.fields["model"].value, "provider": self.fields["provider"].value}
        same = frames.same_as(self._frames)
        good = self._frames is not None and same and frames.data is self._frames.data
        cached = self._result if restore and good and source == self._source else Result()
        self._edits = collect_edits(self._defects, self._result, self._edits)
        edits = self._edits if same else {}
        restore |= same and self._restored is not None  # a restored layer has to follow the mask
        self._job = (frames, source, options, edits)
        self.fields["status"].value = f"{'Removing' if restore else 'Looking for'} dust and scratches …"
        self._set_running(True)
        self._worker = create_worker(
            work,
            frames,
            cached,
            edits,
            options,
            restore=restore,
            **source,
            _progress={"total": 0, "desc": frames.layer.name},  # the total comes with the first step
            _ignore_errors=True,  # they are told below, in one sentence
            _connect={
                "yielded": self._progressed,
                "returned": self._made,
                "aborted": self._aborted,
                "errored": self._failed,
                "finished": self._finished,
            },
        )

    def _progressed(self, step: Progress) -> None:
        if self._worker is None:
            return
        self.fields["progress"].max, self.fields["progress"].value = step.total, step.done
        if step.note and step.note != self._note:
            self._note = step.note
            show_info(step.note)
        if not self._telling:  # napari's bar processes other events, the next steps among them
            self._telling, bar = True, self._worker.pbar
            bar.total = step.total
            bar.update(step.done - bar.n)
            self._telling = False

    def _made(self, result: Result) -> None:
        if self._worker is None or self._job is None:
            return
        frames, self._source, self._options, edits = self._job
        if not frames.same_as(self._frames):
            self._edits, self._defects, self._restored = edits, None, None
        elif (late := collect_edits(self._defects, self._result, self._edits)) is not edits:
            self._edits, self._options = late, None  # painted while it ran; shown once it has finished
        self._frames, self._result = frames, result
        few = max(result.defects.values()) < _FEW
        labels = frames.pile(list(result.labels.values())).astype(np.uint16 if few else np.int32, copy=False)
        self._defects = self._show(frames, self._defects, labels, f"defects of {frames.layer.name}", "labels")
        if result.restored is not None:
            if self._restored is None:
                self._defects.visible = False  # the first look is at the result
            name = f"{frames.layer.name} restored"
            self._restored = self._show(frames, self._restored, result.restored, name, "image")
        self._report()

    def _show(self, frames: Frames, layer: Layer | None, data: Any, name: str, kind: str) -> Layer:
        if layer is not None:
            layer.data = data
            return layer
        layer = frames.layer_of(data, name, kind)
        if kind == "labels":
            layer.selected_label = sum(self._result.defects.values()) + 1  # for the brush
            return self._viewer.add_layer(layer)
        self._viewer.layers.insert(self._viewer.layers.index(self._defects), layer)
        return layer

    def _report(self) -> None:
        prediction = next(iter(self._result.predictions.values()))
        count = sum(self._result.defects.values())
        self.fields["status"].value = (
            f"{count} defect{'' if count == 1 else 's'} · {prediction.model.name} on "
            f"{RUNS_ON.get(prediction.provider, prediction.provider)}"
        )

    def _aborted(self) -> None:
        if self._worker is not None:
            self.fields["status"].value = "Cancelled; nothing was changed."

    def _failed(self, error: Exception) -> None:
        if self._worker is None:
            return
        if not isinstance(error, DsrError):
            _log.error("unexpected error", exc_info=error)
        self.fields["status"].value = "Stopped by an error."
        show_error(str(error) if isinstance(error, DsrError) else f"Dust removal failed: {error}")

    def _finished(self) -> None:
        if self._worker is None:
            return
        self._worker = self._job = None
        self.fields["progress"].value = 0
        self._set_running(False)
        self._recompose()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.quit()

    # --- live options ---

    def _recompose(self) -> None:
        """Bring both layers up to date with the options: the shown frame first, one at a time."""
        if self._frames is None or self._worker is not None:
            return
        try:
            options = self._chosen_options()
        except DsrError as error:
            self.fields["status"].value = str(error)
            return
        edits = collect_edits(self._defects, self._result, self._edits)
        if options == self._options and edits is self._edits:
            return
        self._options, self._edits = options, edits
        shown = Frames(self._frames.layer, self._viewer.dims.point, every=False).start
        self._stale = sorted(self._frames.positions, key=lambda position: position != shown)
        if self._restored is not None and self._frames.lazy:
            self._restored.data = lazy_stack(self._frames, self._result.predictions, edits, options)
        self._timer.start()

    def _recompose_next(self) -> None:
        if not self._stale or self._frames is None or self._options is None:
            return
        position = self._stale.pop(0)
        done = settle(self._result.predictions[position], self._options, self._edits.get(position))
        self._result.labels[position], self._result.defects[position] = done.labels, done.defects
        if self._defects is not None and done.defects > np.iinfo(self._defects.data.dtype).max:
            self._defects.data = self._defects.data.astype(np.int32)
        changes = [(self._defects, done.labels)]
        if not self._frames.lazy:
            changes.append((self._restored, done.image))
        for layer, data in changes:
            if layer is not None:
                layer.data[position] = data
                layer.refresh(extent=False, highlight=False)
        self._report()
        if self._stale:
            self._timer.start()

    # --- going away ---

    def _forget(self) -> None:
        """Drop references to removed layers; with a source, also everything that was found in it."""
        here = set(self._viewer.layers)
        if self._job is not None and self._job[0].layer not in here:
            self._job = None
            self._cancel()
        if self._frames is not None and self._frames.layer not in here:
            self._frames = self._defects = self._restored = None
            self._result, self._edits, self._stale = Result(), {}, []
        if self._defects not in here:
            self._defects, self._edits = None, {}
        if self._restored not in here:
            self._restored = None

    def _leave_if_closed(self) -> None:
        if self.native.parent() is None:
            self._leave()

    def _leave(self) -> None:
        """Stop for good; later signals have no effect."""
        self._cancel()
        self._worker = self._frames = None
        self._stale = []
