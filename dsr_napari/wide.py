"""A second look at a frame, for damage that is too wide to be repaired, once its repairs are shown."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.qt.threading import create_worker
from numpy.typing import NDArray

from dsr_core import Prediction, Progress
from dsr_core.filter import look_for_wide_damage
from dsr_napari.run import handed_on
from dsr_napari.work import Known, Work


class SecondLook:
    """Looks in the background, beside whatever else runs.

    Parameters
    ----------
    on_note
        Called in the window's thread with every sentence for the person, and with what it is about.
    """

    def __init__(self, on_note: Callable[[Work, str], None]) -> None:
        self._on_note = on_note
        self._worker: Any = None

    @property
    def running(self) -> bool:
        """Whether it looks."""
        return self._worker is not None

    def start(self, work: Work, known: Known) -> None:
        """Look at a frame that is repaired, and no longer at an earlier one."""
        self.leave()
        worker = create_worker(_look, known.prediction, known.labels != 0)

        def tell(notes: tuple[str, ...]) -> None:
            if self._worker is worker:
                for note in notes:
                    self._on_note(work, note)

        def end() -> None:
            if self._worker is worker:
                self._worker = None

        worker.returned.connect(tell)
        worker.finished.connect(end)
        self._worker = worker
        worker.start()

    def leave(self) -> None:
        """Stop soon; nothing is called any more."""
        if self._worker is not None:
            self._worker.quit()
            self._worker = None


def _look(prediction: Prediction, found: NDArray[np.bool_]) -> Generator[Progress, None, tuple[str, ...]]:
    return (yield from handed_on(look_for_wide_damage(prediction, found)))
