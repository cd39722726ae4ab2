"""Several scans at the same time, each in a process of its own."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any, Self

import psutil

from dsr_core import engine
from dsr_core.errors import DsrError
from dsr_core.io.measure import pixels_in
from dsr_core.job import Job
from dsr_core.prediction import Progress
from dsr_core.roll.work import Outcome, failed, work

OnProgress = Callable[[Job, Progress], None]
_PATIENCE = 0.1  # seconds between two looks at the progress
_CORES_A_NETWORK = 8  # more of them help one convolution little
_MOST = 4  # where one network runs at a time, more processes than this only wait for it
_WORTH = 20  # megapixels for which it pays to start one more process
_SAMPLE = 50  # files whose size is looked up
_PER_PIXEL = 24  # bytes that a scan of 16 bits takes at most, from reading to writing
_PER_PROCESS = 3_000_000_000  # bytes for libraries, network and tile


def how_many(jobs: Sequence[Job]) -> int:
    """Return how many of these jobs are done at the same time where nobody has said.

    One for each processor core, at most four, as far as free memory holds the largest of them side by side,
    and one for every 20 megapixels there are: below that, starting a process takes longer than it saves. Of a
    long roll, the first scans stand for all.
    """
    if len(jobs) < 2:  # noqa: PLR2004
        return 1
    sizes = [pixels_in(job.source, job.wishes) for job in jobs[:_SAMPLE]]
    room = psutil.virtual_memory().available // (_PER_PROCESS + _PER_PIXEL * max(sizes, default=0))
    worth = sum(sizes) // (_WORTH * 1_000_000)
    return max(1, min(cores(), room, worth, _MOST))


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_here(jobs: Iterable[Job], on_progress: OnProgress, *, kept: bool) -> Iterator[Outcome]:
    """Do one job after another in this process."""
    for job in jobs:
        yield work(job, lambda progress, job=job: on_progress(job, progress), kept=kept)  # type: ignore[misc]


def run_side_by_side(
    jobs: Iterable[Job], count: int, on_progress: OnProgress, *, kept: bool
) -> Iterator[Outcome]:
    """Do jobs in ``count`` processes and yield what comes of each, as soon as it is done.

    Each process loads the model once. The network runs in one of them at a time, with all cores (from 16
    cores on in one for every 8), while the others read, repair and write: so several are never slower than
    one. The next job is taken when a process is free. If a process dies, for instance because memory ran out,
    what was in work is done again by half as many; a job that is alone when its process dies has failed.
    """
    source = iter(jobs)
    waiting: list[Job] = []
    while True:
        with _Pool(count, kept=kept) as pool:
            yield from pool.run(waiting, source, on_progress)
        if not pool.lost:
            return
        if count > 1:
            # it was free to be written when the job began: what is there now is its own
            again = [replace(job, overwrite=True) for job in pool.lost]
            waiting, count = [*again, *waiting], count // 2
        else:
            for job in pool.lost:
                yield failed(job, _died(job))


class _Pool:
    """A pool of processes that ends with its parent, and leaves nothing half done.

    Attributes
    ----------
    lost
        Jobs that were in work when a process died.
    """

    def __init__(self, count: int, *, kept: bool) -> None:
        context = multiprocessing.get_context("spawn")  # onnxruntime does not survive a fork
        networks = max(1, cores() // _CORES_A_NETWORK)
        self.lost: list[Job] = []
        self._count = count
        self._kept = kept
        self._told: Any = context.Queue()
        self._stop = context.Event()
        shared = (self._told, self._stop, context.BoundedSemaphore(networks), cores() // networks)
        self._pool = ProcessPoolExecutor(count, context, _begin, shared)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def run(self, waiting: list[Job], source: Iterator[Job], on_progress: OnProgress) -> Iterator[Outcome]:
        """Do what is waiting, then what the source yields; end early when a process dies."""
        running: dict[Future[Outcome], Job] = {}
        jobs = {}
        while not self.lost:
            for job in self._next(waiting, source, self._count - len(running)):
                jobs[str(job.source)] = job
                try:
                    running[self._pool.submit(_work, job, kept=self._kept)] = job
                except BrokenProcessPool:
                    self.lost.append(job)
            if not running:
                return
            done, _ = wait(running, _PATIENCE, FIRST_COMPLETED)
            with contextlib.suppress(queue.Empty):
                while True:
                    name, progress = self._told.get_nowait()
                    on_progress(jobs[name], progress)
            for future in done:
                job = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    self.lost.append(job)
        self.lost += running.values()

    @staticmethod
    def _next(waiting: list[Job], source: Iterator[Job], count: int) -> Iterator[Job]:
        for _ in range(count):
            if waiting:
                yield waiting.pop(0)
            elif (job := next(source, None)) is not None:
                yield job


class _StoppedError(Exception):
    """The roll was stopped, and its results are not wanted any more."""


class _Here:
    """What a process of the pool shares with its parent."""

    told: Any
    stop: Any


def _begin(told: Any, stop: Any, gate: Any, threads: int) -> None:
    """Prepare a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it, too, and says what is to be done
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Here.told, _Here.stop = told, stop
    engine.take_turns(gate, threads)


def _end_with_parent() -> None:
    """End when the parent has been killed: nothing else would tell this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job, *, kept: bool) -> Outcome:
    def tell(progress: Progress) -> None:
        if _Here.stop.is_set():
            raise _StoppedError
        _Here.told.put((str(job.source), progress))

    return work(job, tell, kept=kept)


def _died(job: Job) -> DsrError:
    return DsrError(
        f"The process that restored {job.source} was ended from outside, perhaps because memory ran out; "
        "close other programs, or use a smaller --jobs."
    )
