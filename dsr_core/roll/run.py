"""A run over some files: what is said, counted and written down of each, and the exit code."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from time import perf_counter
from typing import Any

from dsr_core.errors import DsrError
from dsr_core.io.reader import ShadowFileError
from dsr_core.job import STREAM, Job
from dsr_core.roll import pool
from dsr_core.roll.index import Index
from dsr_core.roll.plan import Plan
from dsr_core.roll.progress import Bars
from dsr_core.roll.work import Outcome

_FEW = 10  # files whose failures are still on the screen when the last one is done


class Roll:
    """A run.

    Parameters
    ----------
    chosen
        The command line.
    several
        Whether more than one file was asked for; of one alone nothing is summed up or written down.
    """

    def __init__(self, chosen: argparse.Namespace, *, several: bool = False) -> None:
        self._chosen = chosen
        self._several = several
        self._counted: Counter[str] = Counter()
        self._failures: list[str] = []
        self._records: list[dict[str, Any]] = []
        self._megapixels = 0.0

    def run(self, jobs: list[Job]) -> int:
        """Do what is left to do of these jobs and return the exit code."""
        start = perf_counter()
        index = self._index()
        with (
            closing(index) if index else nullcontext(),
            closing(Bars(self._chosen.console, len(jobs))) as bars,
        ):
            self._bars = bars
            plan = Plan(jobs, index, self._chosen.resume, self._known, self._failed)
            for outcome in self._outcomes(plan, jobs):
                plan.ended(outcome)
                self._ended(outcome)
        if self._several:
            self._sum_up(len(jobs), perf_counter() - start)
        return 1 if self._failures else 0

    def _index(self) -> Index | None:
        folder = self._chosen.output_dir
        wanted = folder and (self._several or self._chosen.resume)
        return Index(folder) if wanted else None

    def _outcomes(self, plan: Plan, jobs: list[Job]) -> Iterator[Outcome]:
        count = min(self._chosen.jobs or pool.how_many(jobs), max(1, len(jobs)))
        kept = plan.index is not None
        if count == 1 or any(STREAM in (job.source, job.output) for job in jobs):
            return pool.run_here(plan.begun(), self._bars.show, kept=kept)
        self._bars.note(f"{count} files at a time")
        return pool.run_side_by_side(plan.begun(), count, self._bars.show, kept=kept)

    def _known(self, job: Job, record: dict[str, Any]) -> None:
        """Count a file that was done before."""
        self._bars.ended(job)
        self._counted["before"] += 1
        self._keep(record)
        if self._chosen.json:
            self._bars.say(json.dumps(_without_look(record) | {"before": True}))

    def _ended(self, outcome: Outcome) -> None:
        self._bars.ended(outcome.job)
        if outcome.error:
            self._failed(outcome.job, outcome.error)
            return
        self._counted["done"] += 1
        self._megapixels += outcome.report["megapixels"]
        self._keep(outcome.report | {"look": outcome.look})
        line = json.dumps(outcome.report) if self._chosen.json else sentence(outcome.report)
        self._bars.say(line, aside=outcome.job.output == STREAM)

    def _failed(self, job: Job, error: DsrError) -> None:
        text = str(error)
        if isinstance(error, ShadowFileError):
            self._bars.note(text)
            return
        line = text if str(job.source) in text else f"{job.source}: {text}"
        self._failures.append(line)
        self._bars.note(line)
        if self._chosen.json:
            self._bars.say(json.dumps({"input": str(job.source), "error": text}))

    def _keep(self, record: dict[str, Any]) -> None:
        if self._chosen.report or self._chosen.contact_sheet:
            self._records.append(record)

    def _sum_up(self, total: int, seconds: float) -> None:
        note, counted = self._chosen.console.note, self._counted
        for line in self._failures if total > _FEW else ():
            note(f"failed: {line}")
        if counted["done"]:
            note(f"{self._megapixels:.1f} MP in {seconds:.1f} s, {self._megapixels / seconds:.1f} MP/s")
        before = f", {counted['before']} done before" if counted["before"] else ""
        note(f"{counted['done']} of {total} files restored, {len(self._failures)} failed{before}")


def sentence(report: dict[str, Any]) -> str:
    """Return what is said of a file that is done."""
    place = "the CPU" if report["provider"] == "cpu" else report["provider"].upper()
    found = f"{report['defects']} defects, {report['changed']:.2%} of the pixels"
    effort = f"{report['megapixels']:.1f} MP in {report['seconds']:.1f} s on {place}"
    return f"{report['input']} -> {report['output'] or report['mask']}: {found}; {effort}"


def _without_look(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "look"}
