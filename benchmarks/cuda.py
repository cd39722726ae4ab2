"""Measure a graphics card: ``python -m benchmarks.cuda --json FILE --markdown docs/cuda.md``.

Run from the project's folder: two minutes on a card, with onnxruntime-gpu in the place of onnxruntime.
``--provider cpu --megapixels 0.5`` rehearses it where there is none.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
import onnxruntime

from benchmarks import binding
from benchmarks.command import ended
from benchmarks.page import table, verdict
from benchmarks.scans import write_scan
from benchmarks.stopwatch import Stopwatch
from dsr_core import DsrError, predict, restore, run, sweep
from dsr_core.atomic import write_all
from dsr_core.engine import Engine, OutOfMemoryError, card_fault, forget_engine
from dsr_core.io import read_picture
from dsr_core.models import ModelInfo, find_model
from dsr_core.pixels import Image, full_scale
from dsr_core.providers import CARDS
from dsr_core.sweep import LOADS, Load
from training.measure.report import write_text
from training.measure.timing import best

AIMS = {24: 0.5, 100: 2.0}
"""Megapixels of 16 bits -> seconds from array to array with the large network, the session being warm."""

TRIED = ((1, 1024), (2, 1024), (4, 1024), (8, 1024), (1, 2048), (2, 2048))
"""Tiles a batch and their sides in pixels that the network alone is timed with."""

COMPARED = 6
"""Megapixels of the scan on which the card is compared with the processor."""

Results = dict[str, Any]


def measure(model: ModelInfo, provider: str, megapixels: Sequence[float], compared: float) -> Results:
    """Measure what the page says.

    Parameters
    ----------
    model, provider
        What runs, and where.
    megapixels
        Sizes of the scans that are restored.
    compared
        Megapixels of the scan that is restored on the processor, too.

    Raises
    ------
    DsrError
        The provider does not run here.
    """
    fault = card_fault(provider) if provider in CARDS else ""
    if fault:
        raise DsrError(f"There is nothing to measure ({fault}); --provider cpu rehearses it.")
    scans = {size: scan(size) for size in {*megapixels, compared}}
    return {
        "model": model.path.name,
        "sha256": model.sha256,
        "provider": provider,
        "card": card(),
        "cores": len(os.sched_getaffinity(0)),
        "onnxruntime": onnxruntime.__version__,
        "python": platform.python_version(),
        "first": first_tile(model, provider),
        "restored": [{"megapixels": size, **restored(scans[size], model, provider)} for size in megapixels],
        "loads": list(loads(model, provider)),
        "engine": network_speed(model, LOADS[provider]),
        "copies": list(binding.compare(model, LOADS[provider], np.dtype(np.uint16))),
        "difference": difference(scans[compared], model, provider),
    }


def scan(megapixels: float) -> Image:
    """Return a scan of this size, 16 bits."""
    with TemporaryDirectory() as folder:
        write_scan(Path(folder, "scan.tif"), megapixels, 16)
        return read_picture(Path(folder, "scan.tif")).pixels


def card() -> str:
    """Return the name of NVIDIA's card, its memory and its driver; ``""`` where there is none."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        return ""


def memory_taken() -> float:
    """Return the megabytes that are taken on NVIDIA's card, 0 where there is none."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0])
    except (OSError, subprocess.CalledProcessError):
        return 0.0


def first_tile(model: ModelInfo, provider: str) -> float:
    """Return the seconds that loading a model and its very first batch take."""
    forget_engine()
    load = LOADS[provider]
    start = perf_counter()
    _network(model, load)()
    return perf_counter() - start


def _network(model: ModelInfo, load: Load) -> Callable[[], object]:
    """Return a function that runs the network on one batch."""
    network = Engine(model, load.provider, (load.tile, load.tile))
    batch = np.random.default_rng(0).random((load.batch, 3, load.tile, load.tile), np.float32)
    return lambda: network(batch)


def network_speed(model: ModelInfo, load: Load) -> float:
    """Return megapixels a second of the network with its copies, on full batches."""
    return load.batch * load.tile**2 / 1e6 / best(_network(model, load))


def loads(model: ModelInfo, provider: str) -> Iterator[Results]:
    """Yield speed and memory for other batches and tiles; what does not fit is left out."""
    before = memory_taken()
    for batch, tile in TRIED:
        try:
            speed = network_speed(model, Load(provider, batch, tile))
        except (OutOfMemoryError, DsrError):
            continue
        yield {"batch": batch, "tile": tile, "speed": speed, "memory": memory_taken() - before}


def restored(image: Image, model: ModelInfo, provider: str) -> Results:
    """Return the seconds from array to array, and those of the network in them; the second of two runs."""
    restore(image, model=model.path, provider=provider)
    watch = Stopwatch()
    with patch.object(Engine, "__call__", watch.timed(Engine.__call__, "network")):
        start = perf_counter()
        restore(image, model=model.path, provider=provider)
        return {"seconds": perf_counter() - start, "network": watch.seconds["network"]}


def difference(image: Image, model: ModelInfo, provider: str) -> Results:
    """Return how far the result departs from the processor's, on the same tiles."""
    with patch.dict(sweep.LOADS, cpu=Load("cpu", 1, LOADS[provider].tile)):
        ours, theirs = (run(predict(image, model=model.path, provider=each)) for each in (provider, "cpu"))
    half = 128  # of 255
    masks = (ours.probability >= half) != (theirs.probability >= half)
    apart = np.abs(ours.repaired.astype(np.float64) - theirs.repaired) / full_scale(image.dtype)
    return {"masks": float(masks.mean()), "mean": float(apart.mean()), "largest": float(apart.max())}


def page(results: Results) -> str:
    """Return the page."""
    where = results["card"] or f"no NVIDIA card: a rehearsal on {results['provider']}"
    apart = results["difference"]
    lines = []
    for run_ in results["restored"]:
        limit = AIMS.get(run_["megapixels"])
        if limit:
            lines.append(
                f"- {run_['megapixels']:g} megapixels, 16 bit, array to array, session warm: seconds: "
                f"**{run_['seconds']:.3g}**, at most {limit:g}: {verdict(run_['seconds'] / limit - 1)}"
            )
    aims = "\n".join(lines) or "- none of the sizes that have one was measured"
    restored_ = table(
        ["megapixels", "seconds", "MP/s", "in the network", "outside"],
        [
            [f"{r['megapixels']:g}", f"{r['seconds']:.2f}", f"{r['megapixels'] / r['seconds']:.1f}",
             f"{r['network']:.2f}", f"{1 - r['network'] / r['seconds']:.0%}"]
            for r in results["restored"]
        ],
    )  # fmt: skip
    tried = table(
        ["tiles a batch x side", "MP/s", "MB of the card"],
        [
            [f"{each['batch']} x {each['tile']}", f"{each['speed']:.1f}", f"{each['memory']:.0f}"]
            for each in results["loads"]
        ],
    )
    copies = table(
        ["16 bits", "MP/s", "apart at most"],
        [[each["way"], f"{each['speed']:.1f}", f"{each['apart']:.5f}"] for each in results["copies"]],
    )
    return f"""# On a graphics card

Written by `python -m benchmarks.cuda`; do not edit.

- {where}; {results["cores"]} cores, Python {results["python"]}, onnxruntime {results["onnxruntime"]}
- `{results["model"]}`, sha256 `{results["sha256"]}`
- loading the model and the very first batch: {results["first"]:.2f} s

## Aims

{aims}

## A scan from array to array

The second of two runs, so that the session is warm; 16 bits.

{restored_}
## The network alone

With its copies to the card and back; as the filter runs it {results["engine"]:.1f} MP/s.

{tried}
What other ways of moving the samples to the card and back would bring, on the same batches; *apart*: of the
range, on noise, from what the filter gets.

{copies}
## Against the processor

On the same tiles {apart["masks"]:.4%} of the pixels change sides at a probability of one half; repairs differ
by {apart["mean"]:.5f} of the range on average and by {apart["largest"]:.3f} at most.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description="Measure a graphics card.")
    parser.add_argument("--json", type=Path, required=True, help="file for the figures")
    parser.add_argument("--markdown", type=Path, required=True, help="page to write")
    parser.add_argument("--model", default="3", help="default: %(default)s")
    parser.add_argument("--provider", choices=("cpu", *CARDS), default="cuda", help="default: %(default)s")
    parser.add_argument(
        "--megapixels", nargs="+", type=float, default=list(AIMS), help="default: %(default)s"
    )
    parser.add_argument("--compared", type=float, default=COMPARED, metavar="MP", help="default: %(default)s")
    args = parser.parse_args(argv)

    def work() -> None:
        results = measure(find_model(args.model), args.provider, args.megapixels, args.compared)
        texts = {args.json: json.dumps(results, indent=1) + "\n", args.markdown: page(results)}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        write_all({path: partial(write_text, text) for path, text in texts.items()}, overwrite=True)

    return ended(work)


if __name__ == "__main__":
    sys.exit(main())
