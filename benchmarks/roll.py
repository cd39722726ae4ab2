"""A whole roll, with one file at a time and with several: ``python -m benchmarks.roll``.

Makes a roll of the example scan, restores it with each number of jobs, on slow storage if asked to, then
kills a run half way, resumes it and has a report written. Run from the project's folder, on a machine with
nothing else to do; it prints one line of JSON.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.scans import write_scan

_LOOK = 0.05  # seconds


def measure(
    folder: Path, scans: int, megapixels: float, jobs: Sequence[int], rate: float, model: str
) -> dict[str, Any]:
    """Return megapixels a second for each number of jobs, and what became of a run that was killed.

    Parameters
    ----------
    folder
        Empty; it needs room for the roll three times.
    scans, megapixels
        How many there are, and their size; 16 bits, uncompressed.
    jobs
        Numbers of files at the same time.
    rate
        Megabytes a second that are read and written; 0 for what this machine does.
    model
        As for ``--model``.
    """
    roll = folder / "roll"
    roll.mkdir()
    write_scan(roll / "00.tif", megapixels, 16)
    for number in range(1, scans):
        shutil.copy(roll / "00.tif", roll / f"{number:02}.tif")
    speed = {}
    for count in jobs:
        start = time.perf_counter()
        subprocess.run(_command(roll, folder / "out", count, rate, model), check=True, env=_slow(rate))
        speed[count] = scans * megapixels / (time.perf_counter() - start)
        shutil.rmtree(folder / "out")
    return {"scans": scans, "megapixels": megapixels, "rate": rate, "MP/s": speed} | _killed(
        roll, folder, max(jobs), model
    )


def _killed(roll: Path, folder: Path, jobs: int, model: str) -> dict[str, Any]:
    """Kill a run when half of it is done, resume it with a report, and return what there is then."""
    command = _command(roll, folder / "out", jobs, 0, model)
    half = len(list(roll.iterdir())) // 2
    with subprocess.Popen(command) as run:
        while run.poll() is None and len(list((folder / "out").glob("*.restored.tif"))) < half:
            time.sleep(_LOOK)
        run.kill()
    before = len(list((folder / "out").glob("*.restored.tif")))
    report = folder / "report.html"
    again = subprocess.run(
        [*command, "--resume", "--report", str(report)], check=True, capture_output=True, text=True
    )
    results = {path.read_bytes() for path in (folder / "out").glob("*.restored.tif")}
    return {
        "killed after": before,
        "resumed": again.stderr.strip().splitlines()[-1],
        "different results": len(results),
        "report, MB": round(report.stat().st_size / 1e6, 1),
    }


def _command(roll: Path, out: Path, jobs: int, rate: float, model: str) -> list[str]:
    start = ["-m", "benchmarks.slow"] if rate else [str(Path(sys.executable).with_name("dsr-core"))]
    rest = ["restore", str(roll), "--output-dir", str(out), "--jobs", str(jobs), "--model", model]
    return [sys.executable, *start, *rest, "--provider", "cpu"]


def _slow(rate: float) -> dict[str, str]:
    return os.environ | {"SLOW": str(rate)}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scans", type=int, default=36)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rate", type=float, default=0, metavar="MB/s", help="of slow storage")
    parser.add_argument("--model", default="3")
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        print(
            json.dumps(
                measure(Path(folder), chosen.scans, chosen.megapixels, chosen.jobs, chosen.rate, chosen.model)
            )
        )


if __name__ == "__main__":
    main()
