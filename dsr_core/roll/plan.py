"""Which file of a roll becomes what, and what of it is left to do."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dsr_core.atomic import check_free
from dsr_core.errors import ChangedResultError, DsrError, PassedOverError
from dsr_core.job import STREAM, Job
from dsr_core.roll.index import Index, settings_of, targets_of
from dsr_core.roll.work import Outcome


@dataclass
class Plan:
    """The jobs of a roll, and what becomes of them.

    Parameters
    ----------
    jobs
        One for each file, in their order.
    index
        Where it is written down, if at all.
    resume
        Whether what is done already is passed over, and results of ours may be replaced.
    on_done, on_error
        Called with a job that was done before and its record; with a job and why it failed.
    folders
        Of the results; folders within them are made for each job.
    """

    jobs: Sequence[Job]
    index: Index | None
    resume: bool
    on_done: Callable[[Job, dict[str, Any]], None]
    on_error: Callable[[Job, DsrError], None]
    folders: Sequence[Path] = ()

    def __post_init__(self) -> None:
        self._sources = {identity: job.source for job in self.jobs if (identity := _identity(job.source))}
        self._taken: dict[str, Path] = {}
        self._settings: dict[Path, str] = {}

    def left(self) -> Iterator[Job]:
        """Yield the jobs that are left to do, each judged when its turn has come; nothing is written."""
        for job in self.jobs:
            try:
                ready = self._judged(job)
            except DsrError as error:
                self.on_error(job, error)
            except OSError as error:
                self.on_error(job, DsrError(f"{job.source} cannot be read ({error.strerror})."))
            else:
                if ready is not None:
                    yield ready

    def begun(self) -> Iterator[Job]:
        """Yield the same; of each it is written down that it has begun, and its folders are there."""
        for job in self.left():
            try:
                for path in targets_of(job):
                    if any(map(path.is_relative_to, self.folders)):
                        make_folder(path.parent)
                check_free(targets_of(job), overwrite=job.overwrite)
                if self.index:
                    self.index.begin(job)
            except DsrError as error:
                self.on_error(job, error)
            else:
                yield job

    def ended(self, outcome: Outcome) -> None:
        """Write down what came of a job."""
        if self.index is None:
            return
        if outcome.error:
            self.index.fail(outcome.job)
        else:
            record = outcome.report | {"look": outcome.look}
            self.index.finish(outcome.job, self._settings[outcome.job.source], outcome.files, record)

    def take_back(self, job: Job) -> None:
        """Remove the results that an earlier run made of a file, if this one resumes it."""
        if self.index is None or not self.resume:
            return
        for path in targets_of(job):
            if self.index.is_ours(path):
                path.unlink(missing_ok=True)
                self.index.forget(path)

    def _judged(self, job: Job) -> Job | None:
        """Return a job as it is to be done, or ``None`` if nothing is to be done."""
        for path in targets_of(job):
            first = self._taken.setdefault(os.path.realpath(path), job.source)
            if first != job.source:
                raise DsrError(
                    f"{path} is the result of {first} already; restore this file by itself with -o."
                )
            other = self._sources.get(_identity(path) or (0, 0))
            if other is not None and not (path == job.output and other == job.source):
                raise DsrError(
                    f"{path} is the input {other} itself; choose another name for what is written."
                )
        if self.index is None or job.source == STREAM or not job.source.is_file():
            return job
        settings = self._settings[job.source] = settings_of(job)
        if self.resume:
            record = self.index.done(job, settings)
            if record is not None:
                self.on_done(job, record)
                return None
        if self.index.is_result(job.source):
            raise PassedOverError(f"{job.source} is a result of an earlier run; it is passed over.")
        if not self.resume or job.overwrite:
            return job
        there = [path for path in targets_of(job) if path.exists()]
        for path in filter(self.index.is_changed, there):
            raise ChangedResultError(
                f"{path} was changed after it was written and is left alone; --overwrite makes it again."
            )
        return replace(job, overwrite=all(map(self.index.is_ours, there)))


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DsrError(
            f"The folder {folder} cannot be made ({error.strerror}); choose another one."
        ) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other, however its name is spelt; ``None`` where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
