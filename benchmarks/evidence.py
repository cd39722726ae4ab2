"""What infrared and scratches cost: ``python -m benchmarks.evidence``.

Restores the example scan and its mirror images side by side, 16 bit, with a made-up infrared scan that lies
aside and shows 2,000 specks of up to 13 pixels and 40 of up to 41, without, and without the search for
scratches, too. Once the picture shows them as well, as dust on film is seen in both; and once it shows none,
so that infrared alone finds and fills them all: the dearest case. Run it on a machine with nothing else to
do; ``taskset -c 0,1`` shows two cores.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

import dsr_core.filter
from benchmarks.scans import write_scan
from dsr_core.io import read_picture
from dsr_core.pixels import Image
from training.damage.infrared import InfraredScan, infrared_of

SPECKS = {range(1, 7): 2000, range(7, 21): 40}
"""How many there are of which radii in pixels: real dust is small, and now and then large."""
WHITE = 60000
"""Samples of a speck in the picture."""
MOST = 0.15
"""Of the time of all else, the aim."""


def made_up(megapixels: float, *, seen: bool) -> tuple[Image, NDArray[np.uint16]]:
    """Return a scan ``(H, W, 3)``, in which the specks are seen or not, and its infrared ``(H, W)``."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "scan.tif")
        write_scan(path, megapixels, 16)
        scan = read_picture(path).pixels
    rng = np.random.default_rng(1)
    dirt = np.zeros(scan.shape[:2], np.float32)
    for radii, count in SPECKS.items():
        for row, column in zip(*(rng.integers(0, side, count) for side in dirt.shape), strict=True):
            cv2.circle(dirt, (int(column), int(row)), int(rng.choice(radii)), 1.0, -1)
    lies = InfraredScan(shift=(8.0, -6.0), scale=0.001)
    infrared = infrared_of((scan >> 8).astype(np.uint8), dirt, lies, rng)
    if seen:  # bright, as on a negative
        opaque = cv2.GaussianBlur(dirt, (0, 0), 0.7)[:, :, None]
        scan = np.rint(scan + (WHITE - scan.astype(np.float32)) * opaque).astype(np.uint16)
    return scan, infrared


def measure(megapixels: float, model: str, *, seen: bool) -> dict[str, float]:
    """Return the seconds of a restoration without both, and those that each of them adds."""
    scan, infrared = made_up(megapixels, seen=seen)
    restore = partial(dsr_core.filter.restore, scan, model=model, provider="cpu")
    restore(only=(0, 0, 64, 64))  # loads the model
    with patch.object(dsr_core.filter, "find_scratches", return_value=[]):
        bare = _seconds(restore)
    plain = _seconds(restore)
    both = _seconds(partial(restore, infrared=infrared))
    return {"all else": bare, "scratches": plain - bare, "infrared": both - plain}


def _seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Time what infrared and scratches add.")
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--model", default="3")
    args = parser.parse_args()
    for seen in (True, False):
        seconds = measure(args.megapixels, args.model, seen=seen)
        added = (seconds["scratches"] + seconds["infrared"]) / seconds["all else"]
        print("specks that the picture shows, too" if seen else "specks that infrared alone shows")
        for name, value in seconds.items():
            print(f"{value:7.2f} s  {name}")
        print(f"{added:.1%} added; at most {MOST:.0%} is the aim")


if __name__ == "__main__":
    main()
