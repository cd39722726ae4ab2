"""Measure time and memory: ``python -m benchmarks.restore --json FILE --markdown docs/performance.md``.

Run from the project's folder, on a machine with nothing else to do: about ten minutes on two cores. ``taskset
-c 0,1`` before it makes two cores of more. Linux only: the peak of a process's memory is read from ``/proc``.

It runs in parts, too: what ``--parts`` names is measured, and takes its place among what FILE holds from
earlier runs with the same models on the same machine; the page shows all of it. So the long scans can follow
later: ``--parts scans --megapixels 100 200 1000``.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from tqdm import tqdm

from benchmarks import peers, speed
from benchmarks.command import ended
from benchmarks.page import Results, page, plot
from benchmarks.scans import restore_scan, write_scan
from benchmarks.skipping import look
from dsr_core import DsrError
from dsr_core.atomic import write_all
from dsr_core.engine import cuda_fault
from dsr_core.io import read_picture
from dsr_core.models import ModelInfo, find_model
from training.measure.report import write_page, write_text

MEGAPIXELS = (1, 6, 24)
"""Sizes of the scans that each model restores."""

EIGHT_BITS = (24,)
"""Which of them are restored with 8 bits, too."""

PEERS_MEGAPIXELS = 6
"""Size of the scan that methods without a network are timed on."""

PARTS = ("scans", "networks", "tiles", "options")
"""What is measured where nobody has said."""


def measure_scans(models: Sequence[ModelInfo], megapixels: Sequence[float]) -> Results:
    """Restore scans of each size with each model, from file to file.

    Raises
    ------
    DsrError
        A model cannot be run.
    """
    sizes = [(size, 16) for size in megapixels] + [(size, 8) for size in megapixels if size in EIGHT_BITS]
    plan = [(model, *size) for model in models for size in sizes]
    with TemporaryDirectory() as folder:
        return {
            "runs": [restore_scan(*entry, Path(folder)) for entry in tqdm(plan, desc="scans", disable=None)]
        }


def measure_networks(models: Sequence[ModelInfo]) -> Results:
    """Time the models on one tile, and what others use."""
    with TemporaryDirectory() as folder:
        write_scan(Path(folder, "scan.tif"), PEERS_MEGAPIXELS, 8)
        scan = read_picture(Path(folder, "scan.tif")).pixels
    return {
        "networks": [
            *(speed.network(model, f"`{model.path.name}`") for model in models),
            speed.exported(speed.resnet(), "ResNet-34 U-Net, random weights"),
            *peers.network_speeds(),
        ],
        "classical": peers.method_speeds(scan),
        "peak": speed.machine_peak(),
    }


def described(model: ModelInfo) -> dict[str, Any]:
    """Return what the page says of a model that ships."""
    return {
        "file": model.path.name,
        "version": model.version,
        "sha256": model.sha256,
        "kmac": speed.kmac(model.path),
        "margin": model.margin,
    }


def machine() -> dict[str, Any]:
    """Say what the figures were taken on."""
    info = Path("/proc/cpuinfo").read_text()
    return {
        "processor": info.partition("model name")[2].partition(":")[2].splitlines()[0].strip(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": {
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
            "OpenCV": cv2.__version__,
            "PyTorch": torch.__version__,
        },
        "cuda": cuda_fault(),
    }


def joined(before: Results, new: Results) -> Results:
    """Return earlier results with new ones in the place of what they repeat; of scans, those of one size.

    Raises
    ------
    DsrError
        The earlier ones are of another machine, or of other models.
    """
    if before and any(before[what] != new[what] for what in ("machine", "models")):
        raise DsrError("These figures were taken on another machine or of other models; name a new file.")
    runs = {(run["model"], run["megapixels"], run["bits"]): run for run in before.get("runs", ())}
    runs |= {(run["model"], run["megapixels"], run["bits"]): run for run in new.get("runs", ())}
    files = [model["file"] for model in new["models"]]
    order = sorted(runs, key=lambda run: (files.index(run[0]), -run[2], run[1]))
    return {**before, **new, "runs": [runs[run] for run in order]}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.restore", description="Measure time and memory."
    )
    parser.add_argument("--json", type=Path, required=True, help="file for the figures; gains what is new")
    parser.add_argument(
        "--markdown", type=Path, required=True, help="page to write; the plots go to images/ beside it"
    )
    parser.add_argument(
        "--models", nargs="+", default=["3", "fast"], help="names or paths, the default one first"
    )
    parser.add_argument(
        "--parts", nargs="*", choices=PARTS, default=PARTS, help="what is measured; default: all"
    )
    parser.add_argument(
        "--megapixels", nargs="+", type=float, default=MEGAPIXELS, help="sizes of scans; default: %(default)s"
    )
    parser.add_argument("--evaluation", type=Path, help="figures of `training evaluate`: what is found")
    parser.add_argument(
        "--scans", type=Path, help="real scans: what would a first look by the last model save?"
    )
    args = parser.parse_args(argv)

    def work() -> None:
        models = [find_model(model) for model in args.models]
        before = json.loads(args.json.read_text()) if args.json.exists() else {}
        new = {"machine": machine(), "models": [described(model) for model in models]}
        joined(before, new)  # says at once where that cannot be
        load = os.getloadavg()[0]
        for part in args.parts:
            new |= _measured(part, models, args.megapixels)
        if args.parts:
            new["load"] = load
        if args.evaluation:
            new["found"] = found(args.evaluation, models)
        if args.scans:
            new["skipping"] = look(models[-1], models[0], args.scans)
        results = joined(before, new)
        args.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results, indent=1) + "\n"  # first: minutes of measuring must not hang on a page
        write_all({args.json: partial(write_text, text)}, overwrite=True)
        write_page(args.markdown, lambda picture: page(results, picture), lambda path: plot(results, path))
        sys.stdout.write(f"{args.markdown}\n")

    return ended(work)


def _measured(part: str, models: Sequence[ModelInfo], megapixels: Sequence[float]) -> Results:
    by_name: dict[str, Callable[[], Results]] = {
        "scans": lambda: measure_scans(models, megapixels),
        "networks": lambda: measure_networks(models),
        "tiles": lambda: {"tiles": {model.path.name: speed.tile_sizes(model) for model in models}},
        "options": lambda: {"options": {model.path.name: speed.session_options(model) for model in models}},
    }
    return by_name[part]()


def found(evaluation: Path, models: Sequence[ModelInfo]) -> dict[str, dict[str, float]]:
    """Return how much of the damage in the validation pairs each model and method finds.

    Returns
    -------
    dict
        Of each: which share of the defects it ``finds``, which of its marks are ``right``.

    Raises
    ------
    DsrError
        A model was not evaluated.
    """
    content = json.loads(evaluation.read_text())
    known = {model["sha256"] for model in content["models"]}
    shares = {
        name: {"finds": each["defects_found"], "right": each["marks_right"]}
        for name, each in content["groups"]["all"].items()
    }
    result = {}
    for model in models:
        if model.sha256 not in known:
            raise DsrError(f"{evaluation} does not know {model.path.name} as it is; evaluate it first.")
        (result[f"`{model.path.name}`"],) = (
            each for name, each in shares.items() if name.endswith(f"({model.path.stem})")
        )
    methods = ("median + threshold", "top-hat + Telea")
    return result | {f"OpenCV, {method}": shares[method] for method in methods}


if __name__ == "__main__":
    sys.exit(main())
