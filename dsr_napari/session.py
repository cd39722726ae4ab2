"""What happens between a dock and the layers: runs, and the layers that follow sliders and strokes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from magicgui.widgets import ProgressBar
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from dsr_core import DsrError
from dsr_core.decisions import toggled
from dsr_napari.frames import Frames, Position, shown_frame
from dsr_napari.run import Choices, Done, Job
from dsr_napari.runner import CANCELLED, Runner
from dsr_napari.show import adopt_decisions, keep, show, show_decisions, show_followers, show_run
from dsr_napari.wide import SecondLook
from dsr_napari.work import View, Work

_PAUSE = 40  # milliseconds without another change before the layers follow


class Session:
    """Works on one image layer at a time.

    Parameters
    ----------
    viewer
        The viewer whose layers these are.
    bar
        Shows the progress.
    choices
        Returns what is chosen; it may raise a `DsrError`.
    changed
        Called when what is known has changed: with None, `CANCELLED` or the error that ended a run.
    waiting
        Called when the layers are not up to date any more.
    """

    def __init__(
        self,
        viewer: Viewer,
        bar: ProgressBar,
        choices: Callable[[], Choices],
        changed: Callable[[Any], None],
        waiting: Callable[[], None],
    ) -> None:
        self.work: Work | None = None
        self.notes: list[str] = []
        self._viewer, self._choices, self._changed, self._waiting = viewer, choices, changed, waiting
        self._runner = Runner(bar, self._done, self._note, self._ended)
        self._second = SecondLook(self._seen_later)
        self._running: tuple[Work, View, Job]
        self._results: list[Done] = []
        self._showing = False  # what is drawn now is drawn by us
        self._told = False  # that the layers are not up to date
        self._timer = QTimer(bar.native)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._follow)

    @property
    def busy(self) -> bool:
        """Whether something runs, or is about to."""
        return self._runner.running or self._timer.isActive() or self._second.running

    @property
    def running(self) -> bool:
        """Whether a run is on that the person asked for."""
        return self._runner.running and self._running[2].network

    def turn_to(self, layer: Layer | None) -> None:
        """Work on what a layer belongs to."""
        self.work, self.notes = Work.of(layer), []
        if self.work is not None:
            self._listen(self.work)

    def shown(self) -> tuple[View, Position] | None:
        """Return the view and the position of the frame that is on the canvas."""
        if self.work is None:
            return None
        position = shown_frame(self.work.source, self._viewer.dims.point)
        view = self.work.view_of(position)
        return None if view is None else (view, position)

    # --- runs ---

    def start(self, frames: Frames, choices: Choices, *, restore: bool) -> bool:
        """Find the damage of some frames, or remove it; return whether it is removed.

        A restored layer that is there follows the mask.
        """
        self.work = here = Work.on(frames)
        wanted = set(frames.positions)
        view = next((each for each in here.views if wanted <= set(each.frames.positions)), None)
        if view is None:
            view = View(frames)
            adopt_decisions(self._viewer, here, view)
        else:
            view.frames.renew(frames)
            here.collect(view, view.frames.positions)
            if restore and view.restored is None:
                frames = view.frames  # a restored layer shows all frames of its view
        self._second.leave()
        self.notes, self._results = [], []
        follows = restore or view.restored is not None
        self._run(view, frames.positions, choices, restore=follows, network=True, again=not restore)
        return follows

    def quit(self) -> None:
        """Stop soon."""
        self._runner.quit()

    def leave(self) -> None:
        """Stop for good; later signals have no effect."""
        self._timer.stop()
        self._runner.leave()
        self._second.leave()
        self.work = None

    def _run(
        self,
        view: View,
        positions: list[Position],
        choices: Choices,
        *,
        restore: bool,
        network: bool = False,
        again: bool = False,
    ) -> None:
        if self.work is None:
            return
        known = {position: replace(self.work.known[position]) for position in positions}
        job = Job(
            frames=view.frames,
            positions=positions,
            known=known,
            options=choices.options,
            restore=restore,
            network=network,
            again=again,
            model=choices.model,
            provider=choices.provider,
            part=None if network else view.part(),
        )
        self._running = self.work, view, job
        self._runner.start(job, view.frames.layer.name)

    def _done(self, done: Done) -> None:
        here, view, job = self._running
        if job.network:
            self._results.append(done)
        elif view in here.views and not here.collect(view, [done.position]):  # a new stroke comes first
            self._showing = True
            keep(here, done)
            show(view, done)
            self._showing = False

    def _ended(self, outcome: Any) -> None:
        here, view, job = self._running
        if isinstance(outcome, Exception):
            here.stale = set()
        elif here.source in self._viewer.layers and not (job.network and outcome == CANCELLED):
            if job.network:
                here.options = job.options
                here.collect(view, job.positions)
                show_run(self._viewer, here, view, self._results, restore=job.restore)
                if job.restore:
                    at = shown_frame(here.source, self._viewer.dims.point)
                    self._second.start(here, here.known[at if at in job.positions else job.positions[0]])
                known = here.known  # what was painted while it ran is still to come
                here.stale |= {
                    each for each in job.positions if known[each].decided is not job.known[each].decided
                }
            if view in here.views:
                show_followers(self._viewer, here, view)
            self._listen(here)
        if self.work is not None and self.work.stale:
            self._timer.start(0)
        self._changed(outcome if job.network or isinstance(outcome, Exception) else None)

    def _seen_later(self, here: Work, note: str) -> None:
        if here is self.work:
            self._note(note)
            self._changed(None)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    # --- what follows ---

    def _listen(self, work: Work) -> None:
        """Follow what is drawn in its layers, and what is put into its source."""
        work.source.events.data.disconnect(self._replaced)
        work.source.events.data.connect(self._replaced)
        for view in work.views:
            for layer in (view.defects, view.decisions):
                if layer is not None:
                    layer.events.paint.disconnect(self.wait)
                    layer.events.paint.connect(self.wait)
                    layer.events.set_data.disconnect(self._drawn)
                    layer.events.set_data.connect(self._drawn)

    def _drawn(self) -> None:
        """Look soon whether anything was drawn: an undo says no more than this."""
        if not self._showing and not self._timer.isActive():
            self._timer.start(_PAUSE)

    def _replaced(self) -> None:
        """Know nothing any more where the layer holds another picture."""
        if self.work is not None:
            for known in self.work.known.values():
                known.prediction = known.rows = None
            self.work.stale = set()
            self._changed(None)

    def wait(self) -> None:
        """Bring the layers up to date with the options and the decisions, soon."""
        if self.work is None or not self.work.views:
            return
        self._timer.start(_PAUSE)
        if self._runner.running and not self.running:
            self._runner.quit()  # the last position wins
        if not self.running:
            self._told = True
            self._waiting()

    def _follow(self) -> None:
        here, shown = self.work, self.shown()
        if here is None or self._runner.running:
            return
        try:
            choices = self._choices()
        except DsrError as error:
            self._changed(error)
            return
        if choices.options == here.options and QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._timer.start(_PAUSE)  # the brush is still down: a stroke is one decision
            return
        if shown is not None:
            here.collect(shown[0], [shown[1]])
        if choices.options != here.options:
            here.options = choices.options
            here.stale |= {position for view in here.views for position in view.frames.positions}
        here.stale = {position for position in here.stale if here.known[position].prediction is not None}
        views = sorted(here.views, key=lambda view: shown is None or view is not shown[0])
        view = next((each for each in views if here.stale & set(each.frames.positions)), None)
        if view is None:
            if self._told:
                self._changed(None)
            self._told = False
            return
        stale = [position for position in view.frames.positions if position in here.stale]
        stale.sort(key=lambda position: shown is None or position != shown[1])
        self._run(view, stale, choices, restore=view.restored is not None)

    # --- decisions ---

    def toggle(self, row: int, column: int) -> None:
        """Take the defect at a pixel of the shown frame out, or in again."""
        shown = self.shown()
        if shown is not None and self.work is not None:
            known = self.work.known[shown[1]]
            self.work.collect(shown[0], [shown[1]])
            self._decided(known.decide(toggled(known.decided, known.labels, row, column)))

    def undo(self) -> None:
        """Take the latest decision about the shown frame back."""
        shown = self.shown()
        if shown is not None and self.work is not None:
            self.work.collect(shown[0], [shown[1]])
            self._decided(self.work.known[shown[1]].take_back())

    def _decided(self, changed: bool) -> None:
        shown = self.shown()
        if changed and shown is not None and self.work is not None:
            self.work.stale.add(shown[1])
            show_decisions(self._viewer, self.work, shown[0])
            self._listen(self.work)
            self.wait()

    def forget_removed(self) -> None:
        """Let go of layers that were removed; with a source, also of what runs on it."""
        here = set(self._viewer.layers)
        if self._runner.running and self._running[0].source not in here:
            self._runner.quit()
        if self.work is None:
            return
        work = self.work
        if work.source not in here:
            self.work, work.views, work.known = None, [], {}
            return
        for layer in work.drop(here):
            self._viewer.layers.remove(layer)
        if work.stale:
            self.wait()
