"""What ten million frames take: ``python -m benchmarks.scale --performance FILE --markdown docs/scale.md``.

FILE is what ``python -m benchmarks.restore`` wrote, and ``--cuda`` what ``python -m benchmarks.cuda`` wrote:
the page stands on what they measured, and on what is assumed here.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.command import ended
from dsr_core.atomic import write_all
from dsr_core.errors import DsrError

FRAMES = 10_000_000
MEGAPIXELS = 24
BYTES = 6  # of a pixel
GPU_SPEED = 76.0  # megapixels a second
ONCE = "once on one H100, with a network as expensive"
GPU_HOUR, CORE_HOUR, TERABYTE_MONTH = 3.0, 0.04, 20.0  # USD
COMPRESSED, INDEX = 0.6, 10_000  # share of the size; bytes a frame
WEEK = 168  # hours
PAGE = Path(__file__).with_name("scale.md")
"""The page with a name in braces for each figure."""


@dataclass(frozen=True)
class Measured:
    """What the page stands on.

    Parameters
    ----------
    machine, cores
        Where it was measured.
    network, outside
        Seconds of a frame in the large network, and in all else that grows with the frame.
    gpu, card
        Megapixels a second of the large network on a graphics card, and which; ``""``: as it once was.
    """

    machine: str
    cores: int
    network: float
    outside: float
    gpu: float = GPU_SPEED
    card: str = ""


def measured(performance: dict[str, Any], cuda: dict[str, Any] | None) -> Measured:
    """Take the figures out of what the benchmarks wrote.

    Raises
    ------
    DsrError
        The benchmark restored no such frame.
    """
    large = performance["models"][0]["file"]
    frame = (large, MEGAPIXELS, 16)
    runs = {(run["model"], run["megapixels"], run["bits"]): run for run in performance["runs"]}
    if frame not in runs:
        raise DsrError(f"There is no scan of {MEGAPIXELS} megapixels among the figures; measure one first.")
    seconds = runs[frame]["seconds"]
    outside = sum(seconds[step] for step in ("read", "repair", "write"))
    machine = performance["machine"]
    here = machine["processor"], machine["cores"], seconds["network"], outside
    return Measured(*here, cuda["engine"], cuda["card"]) if cuda else Measured(*here)


def page(found: Measured) -> str:
    """Return the page."""
    pixels = FRAMES * MEGAPIXELS
    speed = MEGAPIXELS / found.network
    gpu_hours = pixels / found.gpu / 3600
    core_hours = FRAMES * found.network * found.cores / 3600
    beside = FRAMES * found.outside * found.cores / 3600
    petabytes = FRAMES * MEGAPIXELS * BYTES / 1e9
    frames = found.gpu / MEGAPIXELS
    cores = frames * found.outside * found.cores
    gpus = -(-gpu_hours // WEEK)
    kept = 2 * petabytes * 1000 * TERABYTE_MONTH
    fields = {
        "machine": found.machine,
        "cores": found.cores,
        "frame": f"{MEGAPIXELS * BYTES:.0f} MB",
        "speed": f"{speed:.2f}",
        "outside": f"{found.outside:.2f}",
        "network": f"{found.network:.0f}",
        "gpu": f"{found.gpu:.0f}",
        "gpu_where": f"**measured**, {found.card or ONCE}",
        "gpu_hour": f"{GPU_HOUR:.0f}",
        "core_hour": f"{CORE_HOUR}",
        "terabyte": f"{TERABYTE_MONTH:.0f}",
        "gpu_hours": _round(gpu_hours),
        "core_hours": _round(core_hours),
        "beside": _round(beside),
        "on_gpus": _round(gpu_hours * GPU_HOUR + beside * CORE_HOUR),
        "on_cores": _round((core_hours + beside) * CORE_HOUR),
        "gpus": f"{gpus:.0f}",
        "feeding": _round(gpus * cores),
        "week_cores": _round((core_hours + beside) / WEEK),
        "petabytes": f"{petabytes:.2f}",
        "kept": _round(kept),
        "packed": _round(kept * COMPRESSED),
        "compressed": f"{COMPRESSED:.0%}",
        "index": f"{FRAMES * INDEX / 1e12:.1f}",
        "index_frame": f"{INDEX // 1000}",
        "gpu_second": f"{1 / frames:.1f}",
        "gpu_frames": f"{frames:.1f}",
        "a_gpu": f"{max(1, round(cores))}",
        "stream": _round(frames * MEGAPIXELS * BYTES),
        "streams": f"{gpus * frames * MEGAPIXELS * BYTES / 1000:.1f}",
        "disk": f"{MEGAPIXELS * BYTES / 144:.0f}",
        "tasks": f"{FRAMES / WEEK / 3600:.0f}",
        "settled": f"{2 * FRAMES / WEEK / 3600:.0f}",
        "looking": _round(FRAMES * 10 / 3600),
    }
    return PAGE.read_text().format(**fields)


def _round(value: float) -> str:
    """Return a number with two or three digits that count."""
    digits = len(str(int(value)))
    return f"{round(value, min(0, 3 - digits)):,.0f}".replace(",", " ")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description="What ten million frames take."
    )
    parser.add_argument("--performance", type=Path, required=True, help="figures of benchmarks.restore")
    parser.add_argument("--cuda", type=Path, help="figures of benchmarks.cuda")
    parser.add_argument("--markdown", type=Path, required=True, help="page to write")
    args = parser.parse_args(argv)

    def work() -> None:
        cuda = json.loads(args.cuda.read_text()) if args.cuda else None
        text = page(measured(json.loads(args.performance.read_text()), cuda))
        write_all({args.markdown: lambda path: path.write_text(text) and None}, overwrite=True)

    return ended(work)


if __name__ == "__main__":
    sys.exit(main())
