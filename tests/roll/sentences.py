"""What provokes the sentences that rolls are refused with, for ``tests.core.test_core_sentences``."""

import sys
from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import numpy as np
import tifffile

import dsr_core
from dsr_core import Options
from dsr_core.io.picture import Wishes
from dsr_core.job import Job
from dsr_core.roll import cluster, command, pool
from dsr_core.roll.listing import pictures_in
from dsr_core.roll.plan import Plan
from dsr_core.roll.previews import preview


def a_job(box):
    return Job(box.scan, Options(), str(box.model), "cpu", box.folder / "o.tif", None, None, overwrite=False)


def without_dask(box):
    box.patch.setitem(sys.modules, "dask.array", None)
    dsr_core.restore_dask(da.zeros((9, 9)), model=box.model)


def another_version(box):
    raise cluster._work(a_job(box), ("0", "0"), kept=False).error


def no_scheduler(box):
    box.patch.setattr(cluster, "_PATIENCE", 0.3)
    next(cluster.run_on_cluster([], "tcp://127.0.0.1:9", kept=False))


def without_distributed(box):
    box.patch.setattr(command, "find_spec", lambda _: None)
    box.run("scan.tif", "--scheduler", "tcp://127.0.0.1:9")


def no_index(box):
    (box.folder / "out").mkdir()
    (box.folder / "out" / ".dsr-core.sqlite").write_text("no database, " * 100)
    box.run("scan.tif", "--output-dir", "out", "--resume")


def a_result(box):
    index = SimpleNamespace(is_result=lambda _: True)
    plan = Plan([a_job(box)], index, resume=False, on_done=None, on_error=None)
    plan._judged(plan.jobs[0])


def a_changed_result(box):
    box.copy("o.tif")
    index = SimpleNamespace(
        done=lambda *_: None, is_result=lambda _: False, is_changed=lambda path: path.name == "o.tif"
    )
    plan = Plan([a_job(box)], index, resume=True, on_done=None, on_error=None)
    plan._judged(plan.jobs[0])


def dead(box):
    raise pool._died(a_job(box))


def other_size(box):
    tifffile.imwrite(box.folder / "o.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    record = {"input": str(box.scan), "output": str(box.folder / "o.tif")}
    preview(record, Wishes(), None, None)


def empty(box):
    (box.folder / "empty").mkdir()
    box.run("empty", "--output-dir", "out")


ROWS = {
    "A picture has height and width": lambda box: dsr_core.restore_dask(da.zeros(9), model=box.model),
    "restore_dask needs Dask": without_dask,
    "or another model; install the same there": another_version,
    "No Dask scheduler answers at": no_scheduler,
    "--scheduler needs Dask": without_distributed,
    "what is done; give --output-dir": lambda box: box.run("scan.tif", "--resume"),
    "--fill names the mask of one scan": lambda box: box.run(
        "scan.tif", box.copy("b.tif"), "--fill", "m.tif"
    ),
    "belongs to one scan": lambda box: box.run("scan.tif", box.copy("b.tif"), "--infrared", "ir.tif"),
    "what stands in the mask": lambda box: box.run("scan.tif", "--mask-kinds"),
    "give the report or sheet another name": lambda box: box.run(
        "scan.tif", "--report", "scan.tif", "--overwrite"
    ),
    "--watch has no end": lambda box: box.run(".", "--watch", "--output-dir", "o", "--report", "r.html"),
    "A report needs files to show": lambda box: box.run("-", "--report", "r.html"),
    "A cluster takes files": lambda box: box.run("-", "--scheduler", "tcp://127.0.0.1:9"),
    "); check its name.": lambda box: box.run("scan.tif", "--except", "nothing.txt"),
    "remove it, and what is done is done again": no_index,
    " cannot be read (": lambda box: list(pictures_in(box.folder / "missing", recursive=False)),
    "is a folder without pictures": empty,
    "No file matches": lambda box: box.run("*.png", "--output-dir", "out"),
    "is a result of an earlier run": a_result,
    "was changed after it was written": a_changed_result,
    "was ended from outside": dead,
    "has another size than": other_size,
    "has no suffix that says which picture": lambda box: box.run("scan.tif", "--contact-sheet", "a.pdf"),
    "is no folder; --watch looks at folders": lambda box: box.run(
        Path("scan.tif"), "--watch", "--output-dir", "out"
    ),
}
