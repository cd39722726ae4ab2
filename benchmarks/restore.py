"""Measure time and memory: ``python -m benchmarks.restore --json FILE --markdown docs/performance.md``.

Run from the project's folder, on a machine with nothing else to do: about ten minutes on two cores. ``taskset
-c 0,1`` before it makes two cores of more. Linux only: the peak of a process's memory is read from ``/proc``.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from benchmarks import speed
from benchmarks.page import Results, page, plot
from benchmarks.scans import restore_scan
from benchmarks.skipping import look
from dsr_core import DsrError
from dsr_core.engine import cuda_fault
from dsr_core.models import ModelInfo, find_model
from training.measure.report import write_page

SIXTEEN_BITS = (1, 6, 24, 100, 200)
"""Megapixels of the 16-bit scans that each model restores."""

EIGHT_BITS = (24,)
"""Megapixels of the 8-bit ones."""


def measure(models: Sequence[ModelInfo], pairs: Path | None, largest: float) -> Results:
    """Measure everything.

    Parameters
    ----------
    models
        The default one first.
    pairs
        Validation pairs for a look at what skipping tiles would bring; None: no such look.
    largest
        Megapixels of the largest scan.

    Raises
    ------
    DsrError
        A model cannot be run, or there are no pairs.
    """
    sizes = [*((size, 16) for size in SIXTEEN_BITS), *((size, 8) for size in EIGHT_BITS)]
    plan = [(model, size, bits) for model in models for size, bits in sizes if size <= largest]
    results: Results = {"machine": machine()}
    with TemporaryDirectory() as name:
        folder = Path(name)
        results["runs"] = [restore_scan(*entry, folder) for entry in tqdm(plan, desc="scans", disable=None)]
        results["classical"] = speed.classical_speeds(folder)
    networks = [speed.network(model, f"`{model.path.name}`") for model in models]
    results["models"] = [
        {
            "file": model.path.name,
            "version": model.version,
            "sha256": model.sha256,
            "kmac": network["kmac"],
            "margin": model.margin,
        }
        for model, network in zip(models, networks, strict=True)
    ]
    results["networks"] = [*networks, speed.exported(speed.resnet(), "ResNet-34 U-Net, random weights")]
    results["tiles"] = {model.path.name: speed.tile_sizes(model) for model in models}
    results["options"] = {model.path.name: speed.session_options(model) for model in models}
    results["skipping"] = look(models[0], pairs) if pairs else None
    return results


def machine() -> dict[str, Any]:
    """Say what the figures were taken on, and how fast it can be."""
    info = Path("/proc/cpuinfo").read_text()
    return {
        "load": os.getloadavg()[0],
        "processor": info.partition("model name")[2].partition(":")[2].splitlines()[0].strip(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": {
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
            "OpenCV": cv2.__version__,
            "PyTorch": torch.__version__,
        },
        "cuda": cuda_fault(),
        "peak": speed.machine_peak(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.restore", description="Measure time and memory."
    )
    parser.add_argument("--json", type=Path, required=True, help="file for the figures")
    parser.add_argument(
        "--markdown", type=Path, required=True, help="page to write; the plot goes to images/ beside it"
    )
    parser.add_argument(
        "--models", nargs="+", default=["3", "fast"], help="names or paths, the default one first"
    )
    parser.add_argument("--pairs", type=Path, help="validation pairs: what would skipping tiles bring?")
    parser.add_argument("--largest", type=float, default=200, metavar="MP", help="default: %(default)s")
    args = parser.parse_args(argv)
    try:
        results = measure([find_model(model) for model in args.models], args.pairs, args.largest)
        args.json.parent.mkdir(parents=True, exist_ok=True)
        write_page(
            args.markdown,
            lambda picture: page(results, picture),
            lambda path: plot(results, path),
            {args.json: lambda path: path.write_text(json.dumps(results, indent=1) + "\n") and None},
        )
    except DsrError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{args.markdown}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
