"""What GIMP adds to the network's time, for a 16-bit scan of 24 megapixels and every output.

``python -m tests.gimp.overhead``, on Linux; the toy model hardly computes anything. Each
figure is the median of several calls: the first two without those in which other virtual machines took the
processors, the third of all.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from dsr_core import predict, run
from tests.gimp.inside.stolen import stolen
from tests.gimp.roots import SUITES, Job
from tests.toy_model import write_toy_model

WIDTH, HEIGHT = 6000, 4000
CALLS, MOST = 5, 15  # undisturbed ones, and in all
QUIET = 0.02  # share of a call's time that may be lost to others
SPECKS = 1000, 3000  # the dirtiest scan of docs/real-scans.md above 1 MP has 850 for this area
Seconds = list[float]  # elapsed, of processor time, lost to other virtual machines


def scan(specks: int) -> np.ndarray:
    """Return a grey scan (H, W, 3) with this many white specks."""
    rng = np.random.default_rng(0)
    picture = np.full((HEIGHT, WIDTH, 3), 20_000, np.uint16)
    picture += rng.integers(0, 2_000, picture.shape, np.uint16)
    for row, column in rng.integers(0, (HEIGHT - 5, WIDTH - 5), (specks, 2)):
        picture[row : row + 4, column : column + 4] = 60_000
    return picture


def network_alone(scan: Path, model: Path) -> Seconds:
    """Return what `dsr-core restore` needs for the network: in a new process, from the model's file on."""
    picture = np.fromfile(scan, np.uint16).reshape(HEIGHT, WIDTH, 3)
    clocks = time.perf_counter, time.process_time, stolen
    started = [clock() for clock in clocks]
    run(predict(picture, model=model, provider="cpu"))
    return [clock() - start for clock, start in zip(clocks, started, strict=True)]


def medians(calls: list[Seconds]) -> tuple[float, float, float, str]:
    """Return three medians, and how many calls were undisturbed.

    Seconds elapsed and of processor time in undisturbed calls, and seconds elapsed in all.
    """
    quiet = [call for call in calls if call[2] <= QUIET * call[0]] or calls
    elapsed, processor, _ = (statistics.median(seconds) for seconds in zip(*quiet, strict=True))
    return elapsed, processor, statistics.median(call[0] for call in calls), f"{len(quiet)} of {len(calls)}"


def measure(specks: int, folder: Path) -> None:
    """Print what each output adds for a scan with this many specks."""
    model, picture = write_toy_model(folder / "toy.onnx"), folder / "scan.raw"
    scan(specks).tofile(picture)
    for version in SUITES:
        job = Job(version, folder / version, model)
        shutil.copy(picture, job.folder / "in")
        wanted = json.dumps([WIDTH, HEIGHT, CALLS, MOST, QUIET])
        (job.folder / "in" / "scan.json").write_text(wanted)
        job.dsr_gimp("install")
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            alone = [pool.submit(network_alone, picture, model).result() for _ in range(CALLS)]
            job.batch("exec(open('/job/inside/overhead.py').read())")
            # before and after, because a machine that others share has better and worse minutes
            alone += [pool.submit(network_alone, picture, model).result() for _ in range(CALLS)]
        elapsed, processor, disturbed, counted = medians(alone)
        sys.stdout.write(
            f"{elapsed:6.1f} s {processor:6.1f} s {disturbed:6.1f} s  "
            f"the network alone, {specks} specks ({counted} calls)\n"
        )
        seconds = json.loads((job.folder / "out" / "seconds.json").read_text())
        for output, calls in seconds.items():
            with_gimp = medians(calls)
            sys.stdout.write(
                f"{with_gimp[0] - elapsed:+6.1f} s {with_gimp[1] - processor:+6.1f} s "
                f"{with_gimp[2] - disturbed:+6.1f} s  {output} in GIMP {version} ({with_gimp[3]} calls)\n"
            )


def main() -> None:
    sys.stdout.write("elapsed  processor  all calls\n")
    for specks in SPECKS:
        with tempfile.TemporaryDirectory() as folder:
            measure(specks, Path(folder))


if __name__ == "__main__":
    main()
