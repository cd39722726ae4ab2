"""Whole rolls: ``python -m benchmarks.roll PART... --json FILE --markdown docs/whole-rolls.md``.

Makes rolls of copies of the example scan, 16 bits and uncompressed, and needs room for them twice. ``killed``
restores one by the line that docs/rolls.md begins with, kills it half way and runs the line again; ``jobs``
restores others with one and with two files at a time, on slow storage, too. Run from the project's folder,
``jobs`` on a machine with nothing else to do. ``--json`` keeps the findings, so that the parts can be run one
by one and the page be written from all of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.page import table
from benchmarks.restore import machine
from benchmarks.scans import write_scan

_LOOK = 0.05  # seconds
_IDLE = 0.3  # load before the start up to which nothing else ran, so that times mean something
_LINE = (
    "restore roll --recursive --output-dir restored --resume --report report.html --contact-sheet sheet.jpg"
)
"""What docs/rolls.md begins with."""

Found = dict[str, Any]

LEGEND = """\
# Whole rolls, measured

Written by `python -m benchmarks.roll`; do not edit. Rolls of copies of the example scan and its mirror images
side by side, 16 bits, uncompressed.
"""
KILLED = """\
## Killed half way

```sh
dsr-core {line} --model {model}
```

on {scans} scans of {megapixels:g} megapixels, killed (SIGKILL) when half of the results were there, then the
same line again. As all scans are copies of one, all results have to be the same to the last bit.
"""
JOBS = """\
## Several files at a time

{scans} scans of {megapixels:g} megapixels, `--model {model}`: megapixels a second, from the start of the
command to its end. On slow storage a file takes as long to be read and to be written as a drive of this speed
would.
"""


def killed(folder: Path, scans: int, megapixels: float, model: str) -> Found:
    """Kill a run when half of it is done, run it again, and return what there is then.

    Parameters
    ----------
    folder
        Empty.
    scans, megapixels
        How many there are, and their size.
    model
        As for ``--model``.
    """
    _make(folder / "roll", scans, megapixels)
    program = Path(sys.executable).with_name("dsr-core").absolute()
    command = [sys.executable, str(program), *_LINE.split(), "--model", model]
    results = folder / "restored"
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder) as run:
        while run.poll() is None and len(_results(results)) < scans // 2:
            time.sleep(_LOOK)
        run.kill()
    before = {path: path.stat().st_mtime_ns for path in _results(results)}
    halfway = time.perf_counter()
    again = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.perf_counter()
    after = _results(results)
    return {
        "scans": scans,
        "megapixels": megapixels,
        "model": model,
        "killed": len(before),
        "untouched": sum(path.stat().st_mtime_ns == when for path, when in before.items()),
        "results": len(after),
        "different": len({path.read_bytes() for path in after}),
        "other files": len([path for path in results.iterdir() if path.is_file()]) - len(after),
        "told": again.stderr.decode().strip().splitlines()[-1].removeprefix("dsr-core: "),
        "seconds": [halfway - start, end - halfway],
        "report": (folder / "report.html").stat().st_size / 1e6,
        "sheet": (folder / "sheet.jpg").stat().st_size / 1e6,
    }


def throughput(
    folder: Path, scans: int, megapixels: float, model: str, jobs: Sequence[int], rates: Sequence[float]
) -> Found:
    """Return megapixels a second for each rate and number of jobs.

    Parameters
    ----------
    folder, scans, megapixels, model
        As for `killed`.
    jobs
        Numbers of files at the same time.
    rates
        Megabytes a second that are read and written; 0 for what this machine does.
    """
    _make(folder / "roll", scans, megapixels)
    speeds = []
    for rate in rates:
        for count in jobs:
            program = ["-m", "benchmarks.slow"] if rate else [str(Path(sys.executable).with_name("dsr-core"))]
            rest = ["restore", str(folder / "roll"), "--output-dir", str(folder / "out")]
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, *program, *rest, "--model", model, "--jobs", str(count)],
                check=True,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"SLOW": str(rate)},
            )
            speed = scans * megapixels / (time.perf_counter() - start)
            speeds.append({"rate": rate, "jobs": count, "speed": speed})
            shutil.rmtree(folder / "out")
    return {"scans": scans, "megapixels": megapixels, "model": model, "speeds": speeds}


def _make(roll: Path, scans: int, megapixels: float) -> None:
    roll.mkdir()
    write_scan(roll / "00.tif", megapixels, 16)
    for number in range(1, scans):
        shutil.copy(roll / "00.tif", roll / f"{number:02}.tif")


def _results(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.restored.tif"))


def page(found: Found) -> str:
    """Return the page for what was found."""
    return "\n".join([LEGEND, *_lines(found)])


def _lines(found: Found) -> Iterator[str]:
    if run := found.get("killed"):
        yield KILLED.format(line=_LINE, **run)
        minutes = " and ".join(f"{seconds / 60:.1f}" for seconds in run["seconds"])
        rows = {
            "results when it was killed": run["killed"],
            "of these still untouched at the end": run["untouched"],
            "results at the end": run["results"],
            "different contents among them": run["different"],
            "other files beside them, the index aside": run["other files"] - 1,
            **({"minutes until it was killed, and from then on": minutes} if run["load"] <= _IDLE else {}),
            "report": f"{run['report']:.1f} MB",
            "contact sheet": f"{run['sheet']:.1f} MB",
        }
        yield table(["what", "how much"], list(rows.items()))
        yield f"Last it said: *{run['told']}*. {_machine(run)}\n"
    if run := found.get("jobs"):
        yield JOBS.format(**run)
        rates = dict.fromkeys(each["rate"] for each in run["speeds"])
        jobs = dict.fromkeys(each["jobs"] for each in run["speeds"])
        speed = {(each["rate"], each["jobs"]): each["speed"] for each in run["speeds"]}
        lines = [
            [f"{rate:g} MB/s" if rate else "as fast as this machine's",
             *(f"{speed[rate, count]:.2f}" for count in jobs),
             f"{speed[rate, max(jobs)] / speed[rate, min(jobs)]:.2f}"]
            for rate in rates
        ]  # fmt: skip
        yield table(["storage", *(f"{count} at a time" for count in jobs), "times as fast"], lines)
        yield _machine(run) + "\n"


def _machine(run: Found) -> str:
    here = run["machine"]
    busy = "" if run["load"] <= _IDLE else " Other programs ran beside it."
    load = f"load in the minute before {run['load']:.1f}"
    return f"On {here['processor']}, {here['cores']} cores, {load}.{busy}"


def main() -> None:
    """Run the parts that are asked for and write the page of all that are known."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=["killed", "jobs"], help="none writes the page again")
    parser.add_argument("--scans", type=int, default=36)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--model", default="3")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rates", type=float, nargs="+", default=[0, 50, 20], metavar="MB/s")
    parser.add_argument("--json", type=Path, required=True, help="keeps what was found by earlier runs, too")
    parser.add_argument("--markdown", type=Path, required=True)
    chosen = parser.parse_args()
    found = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    for part in chosen.parts:
        here = {"machine": machine(), "load": os.getloadavg()[0]}
        with TemporaryDirectory() as folder:
            roll = Path(folder), chosen.scans, chosen.megapixels, chosen.model
            found[part] = here | (
                killed(*roll) if part == "killed" else throughput(*roll, chosen.jobs, chosen.rates)
            )
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    chosen.markdown.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
