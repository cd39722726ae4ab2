"""A roll on a Dask cluster: one task a file, written by the workers onto storage that all see."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import distributed

from dsr_core.errors import DsrError
from dsr_core.job import Job
from dsr_core.models import MODEL_NAMES, find_model
from dsr_core.roll.index import targets_of
from dsr_core.roll.work import Outcome, failed, work
from dsr_core.version import project_version

_AHEAD = 2  # tasks a worker has at hand, so that it never waits for the next one
_PATIENCE = 30  # seconds that the scheduler may take to answer
_one_at_a_time = threading.Lock()


def run_on_cluster(jobs: Iterable[Job], address: str, *, kept: bool) -> Iterator[Outcome]:
    """Do jobs on the workers of a cluster and yield what comes of each, as soon as it is done.

    A worker does one file at a time, whatever its number of threads, with its own GPU if it has one, and
    keeps the model. What a lost worker had is done again by another; a file that takes several with it has
    failed (Dask's ``allowed-failures``). A worker replaces what is there under the name of a result, for that
    may be what a lost one left: nobody else may write into these folders meanwhile.

    Parameters
    ----------
    jobs
        Only so many are taken as the workers can begin; relative paths are seen from here.
    address
        The scheduler, such as ``tcp://10.0.0.1:8786``.
    kept
        As for `dsr_core.roll.work.work`.

    Raises
    ------
    DsrError
        There is no scheduler at this address.
    """
    try:
        client = distributed.Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise DsrError(
            f"No Dask scheduler answers at {address} ({error}); check address and port."
        ) from error
    source = iter(jobs)
    running: dict[Any, Job] = {}
    with client:
        finished = distributed.as_completed()
        try:
            while True:
                room = max(1, _AHEAD * len(client.ncores())) - len(running)
                for job in islice(source, max(0, room)):
                    same = project_version(), find_model(job.model).sha256
                    future = client.submit(_work, _everywhere(job), same, kept=kept, pure=False)
                    running[future] = job
                    finished.add(future)
                if not running:
                    return
                future = next(finished)
                yield _from(future, running.pop(future))
        finally:
            client.cancel(list(running))


def _everywhere(job: Job) -> Job:
    """Return a job as other machines understand it."""
    output, mask, overlay = (path and Path(path).absolute() for path in (job.output, job.mask, job.overlay))
    model = job.model if job.model in MODEL_NAMES else str(find_model(job.model).path)
    return replace(
        job,
        source=job.source.absolute(),
        output=output,
        mask=mask,
        overlay=overlay,
        model=model,
        overwrite=True,
    )


def _work(job: Job, same: tuple[str, str], *, kept: bool) -> Outcome:
    """Do a job on a worker."""
    try:
        mine = project_version(), find_model(job.model).sha256
    except DsrError as error:
        return failed(job, error)
    if mine != same:
        other = DsrError(
            f"A worker has version {mine[0]}, not {same[0]}, or another model; install the same there."
        )
        return failed(job, other)
    with _one_at_a_time:
        return work(job, lambda _: None, kept=kept)


def _from(future: Any, job: Job) -> Outcome:
    """Return an outcome with the paths of the one who asked."""
    error = future.exception()
    if isinstance(error, distributed.KilledWorker):
        reason = "took several workers with it, perhaps because memory ran out."
        return failed(job, DsrError(f"{job.source} {reason}"))
    outcome: Outcome = future.result()
    if outcome.error:
        return replace(outcome, job=job)
    names = {str(path.absolute()): str(path) for path in (job.source, *targets_of(job))}
    named = {
        key: names.get(value, value) if isinstance(value, str) else value
        for key, value in outcome.report.items()
    }
    files = {names[path]: seen for path, seen in outcome.files.items()}
    return replace(outcome, job=job, report=named, files=files)
