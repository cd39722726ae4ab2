"""Measure time and memory: ``python -m benchmarks.restore --json FILE --markdown docs/performance.md``.

Run from the project's folder, on a machine with nothing else to do. Linux only: the peak of a process's
memory is read from ``/proc``.
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
from dsr_core.nn.unet import UNet, UNetConfig
from training.config import load_config
from training.measure.compare import cost
from training.measure.report import write_page

MEGAPIXELS = (1, 3, 6, 12, 24, 50, 100, 200)
SIXTEEN_BITS = (6, 24, 100)
QUANTISED = (24,)


def measure(models: Sequence[ModelInfo], config: UNetConfig, pairs: Path | None, largest: float) -> Results:
    """Measure everything.

    Parameters
    ----------
    models
        The shipped one, and the quantised one if there is one.
    config
        The shipped model's network.
    pairs
        Validation pairs for a look at what skipping tiles would bring; None: no such look.
    largest
        Megapixels of the largest scan.

    Raises
    ------
    DsrError
        A model cannot be run, or there are no pairs.
    """
    net = UNet(config)
    speed.check_same(models[0], net)
    plan = [(models[0], size, 8) for size in MEGAPIXELS]
    plan += [(models[0], size, 16) for size in SIXTEEN_BITS]
    plan += [(model, size, 16) for model in models[1:] for size in QUANTISED]
    results: Results = {
        "machine": machine(),
        "models": [
            {"file": m.path.name, "name": m.name, "version": m.version, "sha256": m.sha256} for m in models
        ],
    }
    with TemporaryDirectory() as name:
        folder = Path(name)
        runs = tqdm([entry for entry in plan if entry[1] <= largest], desc="scans", disable=None)
        results["runs"] = [restore_scan(*entry, folder) for entry in runs]
        results["classical"] = speed.classical_speeds(folder)
    results["networks"] = networks(models, net)
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
        "onnxruntime": onnxruntime.__version__,
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "cuda": cuda_fault(),
        "peak": speed.machine_peak(),
    }


def networks(models: Sequence[ModelInfo], net: UNet) -> list[dict[str, Any]]:
    """Time the models, then what they should be faster than, ``aim`` times."""
    rows: list[dict[str, Any]] = [
        {"name": f"`{model.path.name}` in onnxruntime", "type": kind, "speed": speed.engine_speed(model)}
        for model, kind in zip(models, ("float32", "int8"), strict=False)
    ]
    rows += [
        {"name": f"the same in eager PyTorch, {kind}", "type": kind, "speed": found, "aim": 3}
        for kind, found in speed.torch_speeds(net).items()
    ]
    kmac = cost(net)
    for row in rows:
        row["kmac"] = kmac
    resnet = speed.resnet()
    larger = {"name": "the ResNet-34 U-Net in onnxruntime", "type": "float32", "kmac": cost(resnet)}
    return [*rows, {**larger, "speed": speed.exported_speed(resnet), "aim": 10}]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.restore", description="Measure time and memory."
    )
    parser.add_argument("--json", type=Path, required=True, help="file for the figures")
    parser.add_argument(
        "--markdown", type=Path, required=True, help="page to write; the plot goes to images/ beside it"
    )
    parser.add_argument("--model", default="3", help="1, 2, 3 or the path of an ONNX file (default: 3)")
    parser.add_argument(
        "--config", type=Path, default=Path("training/configs/model-3.yaml"), help="how it was trained"
    )
    parser.add_argument("--quantised", metavar="PATH", help="what `python -m training quantize` made of it")
    parser.add_argument("--pairs", type=Path, help="validation pairs: what would skipping tiles bring?")
    parser.add_argument("--largest", type=float, default=200, metavar="MP", help="default: %(default)s")
    args = parser.parse_args(argv)
    try:
        models = [find_model(model) for model in (args.model, args.quantised) if model]
        results = measure(models, load_config(args.config).network, args.pairs, args.largest)
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
