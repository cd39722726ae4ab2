"""One job at a time in the background, with a bar that moves."""

import time
from collections.abc import Callable
from typing import Any

from magicgui.widgets import ProgressBar
from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer

from dsr_core import Progress
from dsr_napari.run import Done, Job, work

CANCELLED = "cancelled"
_BEAT = 150  # milliseconds between two looks at the clock
_ALMOST = 0.9  # of a batch; further the bar does not go before the batch is done


class Runner:
    """Runs jobs; everything that it calls is called in the window's thread.

    Parameters
    ----------
    bar
        Follows the progress: between two batches by the clock, before the first it is only busy.
    on_done
        Called with every frame that is done.
    on_note
        Called with every sentence for the person.
    on_end
        Called when nothing runs any more: with None, `CANCELLED` or the error.
    """

    def __init__(
        self,
        bar: ProgressBar,
        on_done: Callable[[Done], None],
        on_note: Callable[[str], None],
        on_end: Callable[[Any], None],
    ) -> None:
        self._bar, self._on_done, self._on_note, self._on_end = bar, on_done, on_note, on_end
        self._worker: Any = None
        self._outcome: Any = None
        self._telling = False
        self._step, self._since, self._pace = Progress(0, 0), 0.0, 0.0
        self._clock = QTimer(bar.native)
        self._clock.timeout.connect(self._tick)

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._worker is not None

    def start(self, job: Job, name: str) -> None:
        """Start a job; none may be running."""
        self._outcome = None
        self._step, self._since, self._pace = Progress(0, 0), time.monotonic(), 0.0
        if job.network:
            self._bar.max = 0  # busy
            self._clock.start(_BEAT)
        self._worker = create_worker(
            work,
            job,
            _progress={"total": 0, "desc": name},  # the total comes with the first step
            _ignore_errors=True,  # `on_end` gets them
            _connect={
                "yielded": self._yielded,
                "aborted": self._aborted,
                "errored": self._errored,
                "finished": self._finished,
            },
        )

    def quit(self) -> None:
        """Stop soon."""
        if self._worker is not None:
            self._worker.quit()

    def leave(self) -> None:
        """Stop for good; nothing is called any more."""
        self.quit()
        self._worker = None

    def _yielded(self, step: Progress | Done) -> None:
        if self._worker is None:
            return
        if isinstance(step, Done):
            self._on_done(step)
            return
        if step.note:
            self._on_note(step.note)
        if step.done > self._step.done:
            now = time.monotonic()
            self._pace, self._since = (step.done - self._step.done) / (now - self._since + 1e-3), now
            self._step = step
            self._bar.max, self._bar.value = step.total, max(self._bar.value, step.done)
        if not self._telling:  # napari's bar processes other events, the next steps among them
            self._telling, bar = True, self._worker.pbar
            bar.total = step.total
            bar.update(step.done - bar.n)
            self._telling = False

    def _tick(self) -> None:
        """Let the bar move on as fast as the last batch was."""
        if self._step.done == 0:
            return
        steps = (self._step.total - self._step.done, self._pace * (time.monotonic() - self._since))
        self._bar.value = max(self._bar.value, self._step.done + int(_ALMOST * min(steps)))

    def _aborted(self) -> None:
        self._outcome = CANCELLED

    def _errored(self, error: Exception) -> None:
        self._outcome = error

    def _finished(self) -> None:
        if self._worker is None:
            return
        self._worker = None
        self._clock.stop()
        self._bar.max, self._bar.value = 1, 0
        self._on_end(self._outcome)
