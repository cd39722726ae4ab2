"""What GIMP adds to the network's time, for a 16-bit scan of 24 megapixels and every output.

``PYTHONPATH=tests:. python tests/gimp/overhead.py``; the toy model hardly computes anything. Each figure is
the median of several calls.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from roots import SUITES, Job
from toy_model import write_toy_model

from dsr_core import predict, run

WIDTH, HEIGHT, CALLS = 6000, 4000, 5
SPECKS = 1000, 3000  # the dirtiest scan of docs/real-scans.md above 1 MP has 850 for this area


def scan(specks: int) -> np.ndarray:
    """Return a grey scan (H, W, 3) with this many white specks."""
    rng = np.random.default_rng(0)
    picture = np.full((HEIGHT, WIDTH, 3), 20_000, np.uint16)
    picture += rng.integers(0, 2_000, picture.shape, np.uint16)
    for row, column in rng.integers(0, (HEIGHT - 5, WIDTH - 5), (specks, 2)):
        picture[row : row + 4, column : column + 4] = 60_000
    return picture


def network_alone(scan: Path, model: Path) -> tuple[float, float]:
    """Return the seconds elapsed, and those of processor time, that `dsr-core restore` needs for the network.

    That is: in a new process, from the model's file on.
    """
    picture = np.fromfile(scan, np.uint16).reshape(HEIGHT, WIDTH, 3)
    started = time.perf_counter(), time.process_time()
    run(predict(picture, model=model, provider="cpu"))
    return time.perf_counter() - started[0], time.process_time() - started[1]


def medians(calls: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of the elapsed and that of the processor's seconds."""
    return [statistics.median(seconds) for seconds in zip(*calls, strict=True)]


def measure(specks: int, folder: Path) -> None:
    """Print what each output adds for a scan with this many specks."""
    model, picture = write_toy_model(folder / "toy.onnx"), folder / "scan.raw"
    scan(specks).tofile(picture)
    for version in SUITES:
        job = Job(version, folder / version, model)
        shutil.copy(picture, job.folder / "in")
        (job.folder / "in" / "scan.json").write_text(json.dumps([WIDTH, HEIGHT, CALLS]))
        job.dsr_gimp("install")
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            alone = [pool.submit(network_alone, picture, model).result() for _ in range(CALLS)]
            job.batch("exec(open('/job/inside/overhead.py').read())")
            # before and after, because a machine that others share has better and worse minutes
            alone += [pool.submit(network_alone, picture, model).result() for _ in range(CALLS)]
        network = medians(alone)
        sys.stdout.write(f"{network[0]:6.1f} s {network[1]:6.1f} s  the network alone, {specks} specks\n")
        seconds = json.loads((job.folder / "out" / "seconds.json").read_text())
        for output, calls in seconds.items():
            elapsed, processor = (all_ - alone for all_, alone in zip(medians(calls), network, strict=True))
            sys.stdout.write(f"{elapsed:+6.1f} s {processor:+6.1f} s  {output} in GIMP {version}\n")


def main() -> None:
    sys.stdout.write("elapsed  processor\n")
    for specks in SPECKS:
        with tempfile.TemporaryDirectory() as folder:
            measure(specks, Path(folder))


if __name__ == "__main__":
    main()
