"""Whole runs of ``dsr-core restore`` on scans of any size."""

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from dsr_core.errors import DsrError
from dsr_core.io import read_picture, write_picture
from dsr_core.models import ModelInfo

EXAMPLE = Path("examples/scan.tif")


def write_scan(path: Path, megapixels: float, bits: int) -> None:
    """Write an uncompressed TIFF file, 3 by 2, of the example and its mirror images side by side."""
    example = read_picture(EXAMPLE)
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    sides = height, round(1.5 * height)
    rows, columns = (
        np.pad(np.arange(n), (0, side - n), "symmetric") if side > n else np.arange(side)
        for n, side in zip(example.pixels.shape, sides, strict=False)
    )
    pixels = example.pixels[rows[:, None], columns]
    if bits == 8:  # noqa: PLR2004
        pixels = (pixels >> 8).astype(np.uint8)
    example.saving["compression"] = "none"
    write_picture(path, pixels, example)


def restore_scan(model: ModelInfo, megapixels: float, bits: int, folder: Path) -> dict[str, Any]:
    """Restore a scan in a process of its own and return seconds by step and megabytes.

    ``total`` is what a user waits, from the start of the interpreter on; ``rest`` is what belongs to no step:
    imports, loading the model.

    Raises
    ------
    DsrError
        It failed.
    """
    scan, result, report = (folder / name for name in ("scan.tif", "result.tif", "report.json"))
    write_scan(scan, megapixels, bits)
    command = [sys.executable, "-m", "benchmarks.stopwatch", str(report), "restore", str(scan)]
    command += ["-o", str(result), "--overwrite", "--model", str(model.path), "--provider", "cpu"]
    start = perf_counter()
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    total = perf_counter() - start
    if run.returncode:
        raise DsrError(f"dsr-core restore failed: {run.stderr.strip()}")
    found = json.loads(report.read_text())
    rest = total - sum(found["seconds"].values())
    return {
        "model": model.path.name,
        "megapixels": megapixels,
        "bits": bits,
        "peak": found["peak"],
        "seconds": {"total": total, **found["seconds"], "rest": rest},
    }
