"""What is seen while a roll is worked on: a bar for the roll, one for each file in work, and notes."""

import sys
from typing import Any

from tqdm import tqdm

from dsr_core.console import Console
from dsr_core.job import Job
from dsr_core.prediction import Progress


class Bars:
    """Bars on a terminal; nothing where there is none.

    Parameters
    ----------
    console
        Where notes go.
    total
        How many files there are; a single one has no bar for the roll.
    """

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._several = total > 1
        self._told: set[str] = set()
        self._files: dict[Any, Any] = {}
        self._ended: set[Any] = set()
        # `None` is tqdm's word for: where no terminal is
        self._silent = True if sys.stderr is None else None
        self._roll = tqdm(
            desc="roll",
            unit="file",
            total=total,
            leave=False,
            disable=self._silent if self._several else True,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def show(self, job: Job, progress: Progress) -> None:
        """Show how far a file is, and what it says."""
        self.tell(job, progress)
        if job.source in self._ended:  # another process may be late to say it
            return
        bar = self._files.get(job.source)
        if bar is None:
            bar = self._files[job.source] = tqdm(
                desc=job.source.name,
                unit="tile",
                leave=False,
                disable=self._silent,
                file=sys.stderr,
                dynamic_ncols=True,
            )
        bar.total = progress.total
        bar.update(progress.done - bar.n)

    def tell(self, job: Job, progress: Progress) -> None:
        """Tell what a file says, once; what holds for all of them without its name."""
        if progress.note:
            of_file = progress.total == 0 and self._several
            self.note(f"{job.source}: {progress.note}" if of_file else progress.note)

    def note(self, text: str) -> None:
        """Write a line to standard error, unless it has been written already."""
        if text not in self._told:
            self._told.add(text)
            with tqdm.external_write_mode(file=sys.stderr):
                self._console.note(text)

    def say(self, text: str, *, aside: bool = False) -> None:
        """Write a line to standard output, or to standard error where that holds a picture."""
        with tqdm.external_write_mode(file=sys.stderr):
            (self._console.note if aside else self._console.say)(text)

    def ended(self, job: Job) -> None:
        """Take a file's bar away and move that of the roll on."""
        self._ended.add(job.source)
        bar = self._files.pop(job.source, None)
        if bar is not None:
            bar.close()
        self._roll.update()

    def close(self) -> None:
        """Take all bars away."""
        for bar in (*self._files.values(), self._roll):
            bar.close()
