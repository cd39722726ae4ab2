"""What is known about one image layer: it lives in the metadata of the layer and of what was made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from dsr_core import Options, Prediction
from dsr_core.decisions import LEFT_STATE, Decided, drawn, nothing
from dsr_napari.frames import Frames, Position

KEY = "dust-scratch-removal"
"""Under this name it lies in a layer's metadata."""
_STEPS = 50  # that can be taken back
_LARGE = 2_000_000  # pixels, from which on what is on the canvas comes first ...
_SMALL = 0.5  # ... if it is less than this share


def active_layer(viewer: Viewer) -> Layer | None:
    """Return the layer that is selected: itself, where napari hands a plug-in only a proxy of it."""
    active = viewer.layers.selection.active
    return next((layer for layer in viewer.layers if layer == active), None)


@dataclass(frozen=True, eq=False)
class Step:
    """One decision, so that it can be taken back: what a place held before.

    Parameters
    ----------
    place
        Rows and columns.
    hand
        The pixels of the place that the person drew, (h, w) bool; None if it was a click.
    labels, decided
        What was shown and what was decided there, (h, w).
    """

    place: tuple[slice, slice]
    hand: NDArray[Any] | None
    labels: NDArray[Any]
    decided: Decided


@dataclass(eq=False)
class Known:
    """What is known about one frame.

    Parameters
    ----------
    decided
        What the person decided, (H, W).
    labels
        The numbers of the defects as they are shown, (H, W) int32.
    marked
        The decisions as they are shown, if they are.
    prediction, mark
        The network's output, and what tells whether it is of these samples and this model.
    filled
        The painted places that were repaired, (H, W) bool.
    rows
        Table of the defects (`dsr_core.decisions.listed`).
    sources
        How many of the defects came from which evidence; empty where there is the network alone.
    steps
        What can be taken back, the latest last.
    """

    decided: Decided
    labels: NDArray[Any]
    marked: Decided | None = None
    prediction: Prediction | None = None
    mark: Any = None
    filled: NDArray[Any] | None = None
    rows: NDArray[Any] | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many defects are repaired."""
        return 0 if self.rows is None else int(np.count_nonzero(self.rows["state"] != LEFT_STATE))

    def draw(self, labels: NDArray[Any]) -> bool:
        """Take what a person drew for decisions; tell whether there was any."""
        changed = labels != self.labels
        if not changed.any():
            return False
        if self.steps and _is_undo(self.steps[-1], changed, labels):
            self.take_back()
        else:
            self.decide(drawn(self.decided, self.labels, labels), changed)
        self.labels = labels.copy()
        return True

    def redraw(self, marks: NDArray[Any]) -> bool:
        """Take over what a person drew in the picture of the decisions; tell whether there was anything."""
        if self.marked is None or np.array_equal(marks, self.marked):
            return False
        self.marked = marks.copy()
        return self.decide(self.marked)

    def decide(self, decided: Decided, hand: NDArray[Any] | None = None) -> bool:
        """Take over decisions and remember the earlier ones; tell whether they differ."""
        changed = decided != self.decided
        if not changed.any():
            return False
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        place = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        before = self.labels[place].copy(), self.decided[place].copy()
        self.steps = [*self.steps[1 - _STEPS :], Step(place, None if hand is None else hand[place], *before)]
        self.decided = decided
        return True

    def take_back(self) -> bool:
        """Take the latest decision back; tell whether there was one."""
        if not self.steps:
            return False
        step = self.steps.pop()
        self.decided = self.decided.copy()
        self.decided[step.place] = step.decided
        return True


def _is_undo(step: Step, changed: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Tell whether just what the hand drew is as it was before, as an undo of napari leaves it."""
    if step.hand is None or not np.array_equal(changed[step.place], step.hand):
        return False
    return changed.sum() == step.hand.sum() and bool((labels[step.place] == step.labels)[step.hand].all())


@dataclass(eq=False)
class View:
    """The layers that show some frames of the image; a frame is in one view at most."""

    frames: Frames
    defects: Labels | None = None
    decisions: Labels | None = None
    restored: Image | None = None
    before: Image | None = None  # part of the scan, to compare

    @property
    def layers(self) -> list[Layer]:
        """Those that there are."""
        every = (self.defects, self.decisions, self.restored, self.before)
        return [each for each in every if each is not None]

    def part(self) -> tuple[slice, slice] | None:
        """Return the rows and columns that are on the canvas, if they are a small part of a large picture."""
        shown = next((layer for layer in (self.frames.layer, *self.layers) if layer.visible), None)
        if shown is None or getattr(shown, "multiscale", False):
            return None
        (top, left), (bottom, right) = shown.corner_pixels[:, -2:]
        height, width = self.frames.frame_shape[:2]
        area = (bottom - top) * (right - left)
        if height * width < _LARGE or not 0 < area < _SMALL * height * width:
            return None
        return slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)

    def drop(self, here: Iterable[Layer]) -> None:
        """Let go of layers that are not among these."""
        kept = list(here)
        for name in ("defects", "decisions", "restored", "before"):
            if getattr(self, name) not in kept:
                setattr(self, name, None)


class Work:
    """Everything about one image layer.

    Parameters
    ----------
    source
        The layer; its metadata gets the new object.
    """

    def __init__(self, source: Image) -> None:
        self.source = source
        self.views: list[View] = []
        self.known: dict[Position, Known] = {}
        self.options: Options | None = None  # with which the layers were made
        self.stale: set[Position] = set()  # frames whose layers are not up to date
        source.metadata[KEY] = self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Work":
        """Return itself: a copy of a layer is a layer that this knows nothing about."""
        return self

    @staticmethod
    def of(layer: Layer | None) -> Optional["Work"]:
        """Return the work that a layer belongs to, as its source or as what was made."""
        work = None if layer is None else layer.metadata.get(KEY)
        return work if isinstance(work, Work) and (layer is work.source or work.made(layer)) else None

    @staticmethod
    def on(frames: Frames) -> "Work":
        """Return the work on a layer, new if there is none or the layer holds another picture now."""
        work, shape = Work.of(frames.layer), frames.frame_shape[:2]
        if work is None or any(known.labels.shape != shape for known in work.known.values()):
            work = Work(frames.layer)
        for position in frames.positions:
            if position not in work.known:
                work.known[position] = Known(nothing(shape), np.zeros(shape, np.int32))
        return work

    def made(self, layer: Layer | None) -> bool:
        """Tell whether a layer was made here."""
        return any(layer is each for view in self.views for each in view.layers)

    def view_of(self, position: Position) -> View | None:
        """Return the view that shows a frame."""
        return next((view for view in self.views if position in view.frames.positions), None)

    def collect(self, view: View, positions: list[Position]) -> bool:
        """Take what was drawn in a view's layers for decisions; tell whether there was any."""
        new = set()
        for position in positions:
            at, known = view.frames.index(position), self.known[position]
            drawn_here = view.defects is not None and known.draw(view.defects.data[at])
            if drawn_here or (view.decisions is not None and known.redraw(view.decisions.data[at])):
                new.add(position)
        self.stale |= new
        return bool(new)

    def drop(self, here: Iterable[Layer]) -> list[Layer]:
        """Let go of layers that are not among these; return those that should go, too.

        With a picture of the defects, or of the decisions, goes what was decided there.
        """
        kept, orphans = list(here), []
        for view in list(self.views):
            before = view.defects, view.decisions
            view.drop(kept)
            if before != (view.defects, view.decisions):
                self._forget(view)
            if view.defects is None:
                orphans += [layer for layer in (view.decisions, view.before) if layer is not None]
                if view.restored is None:
                    self.views.remove(view)
        return orphans

    def _forget(self, view: View) -> None:
        """Drop what was decided about a view's frames."""
        for position in view.frames.positions:
            known = self.known[position]
            known.decided, known.marked, known.steps = nothing(known.decided.shape), None, []
            self.stale.add(position)


def made_of_another(layer: Layer, viewer: Viewer) -> bool:
    """Tell whether a layer was made of another that is still there."""
    work = Work.of(layer)
    return work is not None and work.source is not layer and work.source in viewer.layers
