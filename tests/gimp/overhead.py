"""What GIMP adds to the network's time, for a 16-bit scan of 24 megapixels and every output.

``PYTHONPATH=tests:. python tests/gimp/overhead.py``; the toy model hardly computes anything.
"""

import json
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from roots import SUITES, Job
from toy_model import write_toy_model

from dsr_core import predict, run

WIDTH, HEIGHT, SPECKS = 6000, 4000, 3000
PAUSE = 5  # seconds before each measurement: memory freed just before would be had again at once


def scan() -> np.ndarray:
    """Return a grey scan (H, W, 3) with white specks."""
    rng = np.random.default_rng(0)
    picture = np.full((HEIGHT, WIDTH, 3), 20_000, np.uint16)
    picture += rng.integers(0, 2_000, picture.shape, np.uint16)
    for row, column in rng.integers(0, (HEIGHT - 5, WIDTH - 5), (SPECKS, 2)):
        picture[row : row + 4, column : column + 4] = 60_000
    return picture


def network_alone(scan: Path, model: Path) -> tuple[float, float]:
    """Return the seconds elapsed, and those of processor time, that the network needs in a new process."""
    picture = np.fromfile(scan, np.uint16).reshape(HEIGHT, WIDTH, 3)
    run(predict(picture[:1000, :1000], model=model, provider="cpu"))  # loads it
    time.sleep(PAUSE)
    started = time.perf_counter(), time.process_time()
    run(predict(picture, model=model, provider="cpu"))
    return time.perf_counter() - started[0], time.process_time() - started[1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        model, picture = write_toy_model(Path(folder) / "toy.onnx"), Path(folder) / "scan.raw"
        scan().tofile(picture)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            network = pool.submit(network_alone, picture, model).result()
        sys.stdout.write("elapsed  processor\n")
        sys.stdout.write(f"{network[0]:6.1f} s {network[1]:6.1f} s  the network alone\n")
        for version in SUITES:
            job = Job(version, Path(folder) / version, model)
            shutil.copy(picture, job.folder / "in")
            (job.folder / "in" / "scan.json").write_text(json.dumps([WIDTH, HEIGHT, PAUSE]))
            job.dsr_gimp("install")
            job.batch("exec(open('/job/inside/overhead.py').read())")
            seconds = json.loads((job.folder / "out" / "seconds.json").read_text())
            for output, (elapsed, processor) in seconds.items():
                more = elapsed - network[0], processor - network[1]
                sys.stdout.write(f"{more[0]:+6.1f} s {more[1]:+6.1f} s  {output} in GIMP {version}\n")


if __name__ == "__main__":
    main()
