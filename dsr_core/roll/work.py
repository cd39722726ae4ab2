"""One scan of a roll, in whatever process or machine it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from dsr_core.errors import DsrError
from dsr_core.job import STREAM, Job
from dsr_core.prediction import Progress
from dsr_core.roll.findings import examine
from dsr_core.roll.index import Seen, seen, targets_of


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Parameters
    ----------
    job
        The job.
    report
        As `Job.run` returns it, with ``seconds``; empty if the job failed.
    look
        As `dsr_core.roll.findings.examine` returns it.
    files
        Source and results -> size, time and checksum.
    told
        What the job had to say.
    error
        Why the job failed.
    """

    job: Job
    report: dict[str, Any]
    look: dict[str, Any]
    files: dict[str, Seen]
    told: tuple[Progress, ...] = ()
    error: DsrError | None = None


def failed(job: Job, error: DsrError, told: Sequence[Progress] = ()) -> Outcome:
    """Return the outcome of a job that wrote nothing."""
    return Outcome(job, {}, {}, {}, tuple(told), error)


def work(job: Job, on_progress: Callable[[Progress], None], *, kept: bool) -> Outcome:
    """Do a job and return what came of it.

    Parameters
    ----------
    job, on_progress
        As for `Job.run`.
    kept
        Whether what came of it will be written down: then the files and the result are looked at.
    """
    start = perf_counter()
    files: dict[str, Seen] = {}
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        if progress.note:
            told.append(progress)
        on_progress(progress)

    try:
        if kept and job.source != STREAM and job.source.is_file():
            files[str(job.source)] = seen(job.source)
        report = replace(job, look=examine if kept else None).run(tell)
    except DsrError as error:
        return failed(job, error, told)
    except OSError as error:
        return failed(job, DsrError(f"{job.source} cannot be read ({error.strerror})."), told)
    if kept:
        files |= {str(path): seen(path) for path in targets_of(job)}
    report["seconds"] = round(perf_counter() - start, 3)
    return Outcome(job, report, report.pop("look", {}), files, tuple(told))
