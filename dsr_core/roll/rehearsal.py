"""What a run would do, and how long it would take here."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from dsr_core.atomic import check_free
from dsr_core.errors import DsrError, PassedOverError
from dsr_core.filter import predict
from dsr_core.io import read_picture
from dsr_core.io.measure import pixels_in
from dsr_core.job import STREAM, Job
from dsr_core.roll.index import NAME, Index, targets_of
from dsr_core.roll.plan import Plan

_MINUTE, _HOUR = 60, 3600


def rehearse(chosen: argparse.Namespace, jobs: list[Job], folders: Sequence[Path]) -> int:
    """Say of each job what would be done, and about how long all of them would take; write nothing.

    The time follows from reading the first picture that is left to do and running its first tile. The run
    itself would make the ``folders``, and those within them.
    """
    before: list[Job] = []
    passed_over: list[Job] = []
    failures: list[Job] = []

    def fail(job: Job, error: DsrError) -> None:
        (passed_over if isinstance(error, PassedOverError) else failures).append(job)
        chosen.console.note(str(error) if str(job.source) in str(error) else f"{job.source}: {error}")

    folder = chosen.output_dir
    index = Index(folder) if folder and (folder / NAME).is_file() else None
    plan = Plan(jobs, index, chosen.resume, lambda job, _: before.append(job), fail)
    left: list[Job] = []
    for job in plan.left():
        try:
            _check_targets(job, folders)
        except DsrError as error:
            fail(job, error)
            continue
        left.append(job)
        line = json.dumps({"input": str(job.source), "output": str(job.output)})
        chosen.console.say(line if chosen.json else f"{job.source} -> {job.output}")
    if index:
        index.close()
    megapixels = sum(_pixels(job) for job in left if job.source != STREAM) / 1e6
    told = f"{len(left)} of {len(jobs)} files would be restored, {megapixels:.1f} MP"
    others = (before, "are done"), (passed_over, "passed over"), (failures, "would fail")
    told += "".join(f", {len(each)} {what}" for each, what in others if each)
    if megapixels:
        pace = _seconds_a_megapixel(left[0])
        told += f"; about {_duration(pace * megapixels)} here, by the first tile of {left[0].source}"
    chosen.console.note(told)
    return 1 if failures else 0


def _check_targets(job: Job, folders: Sequence[Path]) -> None:
    """Refuse what could not be written."""
    made = set(folders)
    now = [path for path in targets_of(job) if path.parent.is_dir() or made.isdisjoint(path.parents)]
    check_free(now, overwrite=job.overwrite)


def _pixels(job: Job) -> int:
    return job.only.width * job.only.height if job.only else pixels_in(job.source, job.wishes)


def _seconds_a_megapixel(job: Job) -> float:
    """Return how long a megapixel takes: reading, as long again for writing, and the network."""
    start = perf_counter()
    picture = read_picture(job.source, job.wishes, white=job.white)
    files = 2 * (perf_counter() - start)
    linear = picture.linear if job.linear is None else job.linear
    for _ in range(2):  # the first time, the model is loaded
        steps = predict(
            picture.pixels, model=job.model, provider=job.provider, linear=linear, coding=picture.coding
        )
        next(steps)
        start = perf_counter()
        progress = next(steps)
        batch = perf_counter() - start
        steps.close()
    network = batch * progress.total / max(1, progress.done)
    height, width = picture.pixels.shape[:2]
    return float((files + network) / (height * width / 1e6))


def _duration(seconds: float) -> str:
    if seconds >= 2 * _HOUR:
        return f"{seconds / _HOUR:.0f} hours"
    if seconds >= 2 * _MINUTE:
        return f"{seconds / _MINUTE:.0f} minutes"
    return f"{max(1, seconds):.0f} seconds"
