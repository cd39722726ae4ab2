"""A run over some files: what is said, counted and written down of each, and the exit code."""

import argparse
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, nullcontext
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

from dsr_core.atomic import check_free
from dsr_core.errors import ChangedResultError, DsrError, PassedOverError
from dsr_core.evidence import told
from dsr_core.job import STREAM, Job
from dsr_core.providers import label
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
        self._pages = [path for path in (chosen.report, chosen.contact_sheet) if path]

    def run(self, jobs: Sequence[Job], kept: Collection[Job] = (), folders: Sequence[Path] = ()) -> int:
        """Do what is left to do of these jobs and return the exit code.

        The others, ``kept``, are not done; what an earlier run made of them is taken away when this one
        resumes it. Within the ``folders`` of results others are made where there are none.
        """
        index = self._index()
        with (
            closing(index) if index else nullcontext(),
            closing(Bars(self._chosen.console, len(jobs))) as bars,
        ):
            self._bars, start = bars, perf_counter()
            self._check_pages([*jobs, *kept])
            renew = self._may_renew(index)
            check_free(self._pages, overwrite=renew)
            plan = Plan(jobs, index, self._chosen.resume, self._known, self._failed, folders)
            for job in kept:
                self._bars.note(f"{job.source} is kept as it is")
                plan.take_back(job)
            for outcome in self._outcomes(plan, jobs):
                plan.ended(outcome)
                self._ended(outcome)
            seconds = perf_counter() - start
            every = [*jobs, *kept]
            if self._pages and every:
                self._publish(every[0], index, overwrite=renew)
        if self._several:
            self._sum_up(len(jobs), seconds)
        return 1 if self._failures else 0

    def _index(self) -> Index | None:
        folder = self._chosen.output_dir
        wanted = folder and (self._several or self._chosen.resume)
        return Index(folder) if wanted else None

    def _outcomes(self, plan: Plan, jobs: Sequence[Job]) -> Iterator[Outcome]:
        kept = bool(plan.index or self._pages)
        if self._chosen.scheduler:
            from dsr_core.roll.cluster import run_on_cluster  # noqa: PLC0415 -- few have it installed

            return run_on_cluster(plan.begun(), self._chosen.scheduler, kept=kept)
        count = min(self._chosen.jobs or pool.how_many(jobs), max(1, len(jobs)))
        if count == 1 or any(STREAM in (job.source, job.output) for job in jobs):
            return pool.run_here(plan.begun(), self._bars.show, kept=kept)
        self._bars.note(f"{count} files at a time")
        return pool.run_side_by_side(plan.begun(), count, self._bars.show, kept=kept)

    def _check_pages(self, jobs: Sequence[Job]) -> None:
        """Refuse a report or a contact sheet that shares a file with a scan or with what is made of it."""
        for page, job in product(self._pages, jobs):
            if job.names(page):
                raise DsrError(f"{page} belongs to {job.source}; give the report or sheet another name.")

    def _may_renew(self, index: Index | None) -> bool:
        """Return whether report and contact sheet may be replaced."""
        ours = index is not None and all(index.is_ours(path) for path in self._pages if path.exists())
        return bool(self._chosen.overwrite or (self._chosen.resume and ours))

    def _publish(self, job: Job, index: Index | None, *, overwrite: bool) -> None:
        """Write report and contact sheet; ``job`` says how files are read."""
        from dsr_core.roll.publish import publish  # noqa: PLC0415 -- few ask for it

        self._bars.note("Reading the files again for the report")
        reading = job.wishes, job.white, job.linear
        try:
            publish(
                self._records,
                reading,
                report=self._chosen.report,
                sheet=self._chosen.contact_sheet,
                overwrite=overwrite,
            )
        except DsrError as error:
            self._failures.append(str(error))
            self._bars.note(str(error))
        else:
            if index:
                for path in self._pages:
                    index.add(path)

    def _known(self, job: Job, record: dict[str, Any]) -> None:
        """Count a file that was done before."""
        self._bars.ended(job)
        self._counted["done before"] += 1
        # it may have had another path then
        names = {"input": job.source, "output": job.output, "mask": job.mask, "overlay": job.overlay}
        record |= {name: path and str(path) for name, path in names.items()}
        self._keep(record)
        if self._chosen.json:
            self._bars.say(json.dumps(_without_look(record) | {"before": True}))

    def _ended(self, outcome: Outcome) -> None:
        for progress in outcome.told:
            self._bars.tell(outcome.job, progress)
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
        if isinstance(error, PassedOverError):
            self._counted["passed over"] += 1
            self._bars.note(text)
            if self._chosen.json and isinstance(error, ChangedResultError):
                self._bars.say(json.dumps({"input": str(job.source), "passed_over": text}))
            return
        line = text if str(job.source) in text else f"{job.source}: {text}"
        self._failures.append(line)
        self._bars.note(line)
        if self._chosen.json:
            self._bars.say(json.dumps({"input": str(job.source), "error": text}))

    def _keep(self, record: dict[str, Any]) -> None:
        if self._pages:
            self._records.append(record)

    def _sum_up(self, total: int, seconds: float) -> None:
        note, counted = self._chosen.console.note, self._counted
        for line in self._failures if total > _FEW else ():
            note(f"failed: {line}")
        if counted["done"]:
            note(f"{self._megapixels:.1f} MP in {seconds:.1f} s, {self._megapixels / seconds:.1f} MP/s")
        others = "".join(
            f", {counted[each]} {each}" for each in ("done before", "passed over") if counted[each]
        )
        note(f"{counted['done']} of {total} files restored, {len(self._failures)} failed{others}")


def sentence(report: dict[str, Any]) -> str:
    """Return what is said of a file that is done."""
    parts = f"{report['defects']} defects", told(report["sources"]), f"{report['changed']:.2%} of the pixels"
    found = ", ".join(filter(None, parts))
    effort = f"{report['megapixels']:.1f} MP in {report['seconds']:.1f} s on {label(report['provider'])}"
    return f"{report['input']} -> {report['output'] or report['mask']}: {found}; {effort}"


def _without_look(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "look"}
