"""Compare short trainings: ``python -m training compare RUN... --pairs DIR --markdown FILE``.

Each RUN is a folder of ``python -m training fit`` that holds a ``model.pt``. The table sets the quality on
the validation pairs against the speed on one CPU core; a plot of the two lies beside it.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from tqdm import tqdm

from dsr_core.nn.checkpoint import load_checkpoint
from dsr_core.nn.export import export_onnx
from training.measure.evaluate import evaluate
from training.measure.methods import model_method
from training.measure.metrics import summarise
from training.measure.pairs import load_pairs
from training.measure.report import write_page
from training.measure.timing import best, kmac

TILE = 512
"""Side in pixels of what is timed."""

LEGEND = """\
# Networks compared

Written by `python -m training compare`; do not edit.

Trainings set side by side; none of these networks ships. Each is named by its run and by the checksum of its
checkpoint. Speed: onnxruntime on one CPU core, the fastest of five tiles of 512 pixels. Quality, on the
damaged validation pairs: average precision of the probability, F1 at the default sensitivity, PSNR in dB
inside the damage and over the image.
"""


@dataclass(frozen=True)
class Row:
    """What one run came to: size, cost of a pixel in thousand multiply-adds, speed and quality."""

    name: str
    sha256: str
    steps: str
    parameters: int
    kmac: float
    speed: float
    quality: dict[str, float]

    def markdown(self) -> str:
        """Return the row of the table."""
        q = self.quality
        cells = [
            self.name,
            f"`{self.sha256[:12]}`",
            self.steps,
            f"{self.parameters / 1e6:.2f} M",
            f"{self.kmac:.1f}",
            f"{self.speed:.2f}",
            f"{q['average_precision']:.3f}",
            f"{q['f1']:.3f}",
            f"{q['psnr_damage']:.2f}",
            f"{q['psnr']:.2f}",
        ]
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| run | sha256 | steps | parameters | kMAC a pixel | MP/s | AP | F1 | in damage | PSNR |\n|---|---"
    + "|---:" * 8
    + "|"
)


def measure_run(folder: Path, pairs: Path) -> Row:
    """Export, time and evaluate the model of a run.

    Raises
    ------
    DsrError
        The run holds no finished model, or there are no pairs.
    """
    net, info = load_checkpoint(folder / "model.pt")
    with tempfile.TemporaryDirectory() as scratch:
        model = export_onnx(folder / "model.pt", Path(scratch) / "model.onnx")
        method = model_method(model, "cpu")
        damaged = tqdm((p for p in load_pairs(pairs) if p.group != "clean"), desc=folder.name, disable=None)
        results = evaluate(damaged, {"model": method})["model"]
        speed, cost = _speed(model.path), kmac(model.path)
    return Row(
        name=folder.name,
        sha256=hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest(),
        steps=info["steps"],
        parameters=sum(p.numel() for p in net.parameters()),
        kmac=cost,
        speed=speed,
        quality=summarise(list(results.values())),
    )


def _speed(model: Path) -> float:
    """Return megapixels a second on one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 3, TILE, TILE), np.float32)
    return TILE**2 / 1e6 / best(lambda: session.run(None, {"image": image}), 5)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw average precision against speed."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for row in rows:
        at = (row.speed, row.quality["average_precision"])
        axes.plot(*at, "o", color="tab:blue")
        axes.annotate(row.name, at, textcoords="offset points", xytext=(6, 4))
    axes.set(xlabel="megapixels a second, one CPU core", ylabel="average precision on the validation pairs")
    axes.margins(0.2)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100, format="png")
    plt.close(figure)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders that `fit` wrote")
    parser.add_argument("--pairs", type=Path, required=True, help="folder that `pairs` wrote")
    parser.add_argument(
        "--markdown", type=Path, required=True, help="table to write; the plot goes to images/ beside it"
    )


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    rows = [measure_run(run, args.pairs) for run in args.runs]
    table = "\n".join([LEGEND, HEAD, *(row.markdown() for row in rows), ""])
    write_page(
        args.markdown,
        lambda picture: f"{table}\n![Quality against speed]({picture})\n",
        lambda path: plot(rows, path),
    )
    return str(args.markdown)
