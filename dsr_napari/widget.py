"""The dock: choose, find, look, correct, remove."""

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Widget
from napari.layers import Image

from dsr_core import DsrError, Options
from dsr_core.evidence import told
from dsr_core.infrared_names import AUTO, OFF
from dsr_core.options import described, in_words
from dsr_napari.browse import DefectList, look_at, wipe
from dsr_napari.frames import Frames, seems_loose_channels
from dsr_napari.infrared import by_name, hides_infrared, split_off
from dsr_napari.rows import HIDDEN, RUNS_ON, START, make_rows
from dsr_napari.run import Choices
from dsr_napari.runner import CANCELLED
from dsr_napari.session import Session
from dsr_napari.work import Work, active_layer

if TYPE_CHECKING:
    import napari.viewer

_ERROR = "color: #ff7b6b; font-weight: bold"
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
        self._loading = False
        self.session = Session(viewer, self.fields["progress"], self._choices, self._ended, self._waiting)
        keys = {",": lambda: self._step(-1), ".": lambda: self._step(1), "r": self._toggle}
        self.defects = DefectList(keys, self._look)
        layout = self.native.layout()
        layout.insertWidget(layout.indexOf(self.fields["previous"].native.parentWidget()), self.defects, 1)
        for option in described():
            self.fields[option.name].changed.connect(self._follow)
        for name, action in {
            "layer": self._choose,
            "find": lambda: self._start(restore=False),
            "remove": lambda: self._start(restore=True),
            "cancel": self.session.quit,
            "previous": keys[","],
            "next": keys["."],
            "reject": self._toggle,
            "mend": self._take_brush,
            "undo": self.session.undo,
            "compare": self._wipe,
            "split": self._split,
        }.items():
            self.fields[name].changed.connect(action)
        self._keys = list(keys)
        for key, act in keys.items():
            viewer.bind_key(key, lambda _, act=act: act(), overwrite=True)
        viewer.mouse_drag_callbacks.append(self._pick)
        self.native_parent_changed.connect(self._leave_if_closed)
        self.native.destroyed.connect(self._leave)
        self._heard = [
            (viewer.layers.events.removed, self._forget),
            (viewer.layers.selection.events.active, self._select),
            (viewer.dims.events.point, self._fill_list),
        ]
        for event, hear in self._heard:
            event.connect(hear)
        self._select()
        self._choose()

    # --- what it works on ---

    def _select(self) -> None:
        """Work on what is selected in the list of layers, or on what that was made of."""
        layer = active_layer(self._viewer)
        work = Work.of(layer)
        layer = layer if work is None else work.source
        if isinstance(layer, Image) and layer in self.fields["layer"].choices:
            self.fields["layer"].value = layer

    def _choose(self) -> None:
        """Show what is known about the chosen layer."""
        layer = self.fields["layer"].value
        stack = layer is not None and layer.ndim > 2  # noqa: PLR2004 -- a picture has two axes
        self["Frames row"].visible = stack
        self.fields["planes"].visible = stack and seems_loose_channels(layer)
        self.fields["split"].visible = hides_infrared(layer)
        self.fields["infrared"].reset_choices()
        self.fields["infrared"].value = AUTO
        self._wipe(0)
        self.session.turn_to(layer)
        work = self.session.work
        if work is not None and work.options is not None:
            self._loading = True
            for name, value in vars(work.options).items():
                self.fields[name].value = value
            self._loading = False
        self._report()

    def _choices(self) -> Choices:
        options = Options(**{option.name: self.fields[option.name].value for option in described()})
        return Choices(options, self.fields["model"].value, self.fields["provider"].value)

    def _infrared(self) -> Image | None:
        chosen = self.fields["infrared"].value
        if chosen == AUTO:
            return by_name(self.fields["layer"].value, self._viewer)
        return None if chosen == OFF else chosen

    def _split(self) -> None:
        split_off(self.fields["layer"].value, self._viewer)
        self._choose()

    # --- runs ---

    def _start(self, *, restore: bool) -> None:
        try:
            frames = Frames(
                self.fields["layer"].value,
                self._viewer.dims.point,
                self.fields["frames"].value == "all",
                self._viewer.dims.displayed,
                planes_are_frames=self.fields["planes"].value,
                white=self.fields["white"].value,
                infrared=self._infrared(),
            )
            choices = self._choices()
        except DsrError as error:
            self._ended(error)
            return
        removes = self.session.start(frames, choices, restore=restore)
        self._say(f"{'Removing' if removes else 'Looking for'} dust and scratches …")
        self._enable()

    def _ended(self, outcome: Any) -> None:
        """Show how a run ended."""
        if outcome == CANCELLED:
            self._enable()
            self._say("Cancelled; nothing was changed.")
        elif isinstance(outcome, Exception):
            self._enable()
            self._tell(outcome)
        else:
            self._report()

    def _follow(self) -> None:
        if not self._loading:
            self.session.wait()

    def _waiting(self) -> None:
        self._say("Not up to date yet; the layers follow in a moment.")

    def _enable(self) -> None:
        running, work = self.session.running, self.session.work
        known = work is not None and bool(work.views)
        for name in ("find", "remove"):
            self.fields[name].enabled = not running
        for name in ("progress", "cancel"):
            self.fields[name].enabled = running
        for name in ("previous", "next", "reject", "mend", "undo"):
            self.fields[name].enabled = known
        shown = self.session.shown()
        self.fields["compare"].enabled = shown is not None and shown[0].restored is not None

    # --- one defect after the other ---

    def _fill_list(self) -> None:
        shown, work = self.session.shown(), self.session.work
        self.defects.put(None if shown is None or work is None else work.known[shown[1]].rows)

    def _step(self, by: int) -> None:
        self.defects.step(by)

    def _look(self) -> None:
        shown, row = self.session.shown(), self.defects.chosen
        if shown is not None and row is not None:
            look_at(self._viewer, shown[0], shown[1], row)

    def _toggle(self) -> None:
        """Take the chosen defect out, or in again."""
        row = self.defects.chosen
        if row is None:
            self._say("Choose a defect first: in the list, or with a click on it.")
        else:
            self.session.toggle(row["row"], row["column"])

    def _take_brush(self) -> None:
        """Let the person paint in the picture of the defects."""
        shown = self.session.shown()
        layer = None if shown is None else shown[0].defects
        if layer is not None:
            layer.visible = True
            self._viewer.layers.selection.active = layer
            layer.mode = "paint"
            self._say("Paint over what was missed; the keys [ and ] change the brush's width.")

    def _pick(self, viewer: "napari.viewer.Viewer", event: Any) -> Any:
        """Choose the defect that is clicked."""
        yield  # until the button comes up, or the mouse moves
        layer, shown = active_layer(viewer), self.session.shown()
        if event.type == "mouse_move" or shown is None or (layer is not None and layer.mode != "pan_zoom"):
            return
        row, column = (round(each) for each in shown[0].frames.layer.world_to_data(event.position)[-2:])
        self.defects.choose(row, column)

    def _wipe(self, percent: int) -> None:
        shown = self.session.shown()
        if shown is not None:
            wipe(self._viewer, shown[0], percent)

    # --- words ---

    def _say(self, text: str, style: str = "") -> None:
        self.fields["status"].native.setStyleSheet(style)
        self.fields["status"].value = text

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, DsrError):
            _log.error("unexpected error", exc_info=error)
            error = DsrError(f"Dust removal failed: {error}")
        self._say(in_words(str(error)), _ERROR)

    def _report(self) -> None:
        """Show what is known about the layer."""
        self._fill_list()
        self._enable()
        work, shown = self.session.work, self.session.shown()
        view = shown[0] if shown is not None else work.views[0] if work is not None and work.views else None
        if work is None or view is None:
            self._say(HIDDEN if hides_infrared(self.fields["layer"].value) else START)
            return
        known = [work.known[position] for position in view.frames.positions]
        count = sum(each.count for each in known)
        prediction = known[0].prediction
        if prediction is None:
            self._say("The image has changed; Find looks at it again.")
        else:
            where = RUNS_ON.get(prediction.provider, prediction.provider)
            text = f"{count} defect{'' if count == 1 else 's'} · {prediction.model.name} on {where}"
            sources: Counter[str] = Counter()
            for each in known:
                sources.update(each.sources)
            self._say("\n".join(filter(None, [text, told(sources), *self.session.notes])))
        white = None if prediction is None or prediction.coding is None else prediction.coding.white
        self.fields["white"].native.setSpecialValueText(
            "automatic" if white is None else f"auto: {white:.10g}"
        )

    # --- going away ---

    def _forget(self) -> None:
        self.session.forget_removed()
        if not self.session.busy:
            self._report()

    def _leave_if_closed(self) -> None:
        if self.native.parent() is None:
            self._leave()

    def _leave(self) -> None:
        """Stop for good; nothing of the window calls it any more."""
        self.session.leave()
        for event, hear in self._heard:
            event.disconnect(hear)
        self._heard = []
        for key in self._keys:
            self._viewer.bind_key(key, None, overwrite=True)
        self._keys = []
        if self._pick in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._pick)
