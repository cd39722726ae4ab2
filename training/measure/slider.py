"""What each sensitivity does to real film: ``python -m training slider MODEL --data DIR --plot FILE``.

Draws what is found, and what is taken that is no dust, against the sensitivity. DIR is that of `real`.
"""

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

from dsr_core.atomic import write_all
from training.measure.real import load_model, measure_model
from training.measure.scans import load_pairs, load_scans
from training.measure.scans_report import with_mean, with_sum

SENSITIVITIES = tuple(step / 20 for step in range(21))

Lines = dict[str, list[float]]


def lines(model: str, data: Path) -> Lines:
    """Return shares, 0 to 1, for each of `SENSITIVITIES`, by what they are of."""
    pairs, _ = load_pairs(data / "real-pairs")
    scans = load_scans(data / "real-scans", [data / "real-scans" / "judged"])
    with TemporaryDirectory() as scratch:
        known = load_model(model, Path(scratch))
        on_pairs, on_scans = measure_model(known, pairs, scans, SENSITIVITIES)
    shown: Lines = {"dust found, judged by eye": [], "other places taken": []}
    shown |= {"damage found, restored by hand": [], "of what is found, damage": []}
    for on_pair, on_scan in zip(on_pairs.values(), on_scans.values(), strict=True):
        mean, total = with_mean(on_pair)["mean"], with_sum(on_scan)["all"]
        shares = (
            total["found"] / total["dust"],
            total["taken"] / total["not"],
            mean["recall"],
            mean["precision"],
        )
        for line, share in zip(shown.values(), shares, strict=True):
            line.append(share)
    return shown


def draw(shown: Lines, path: Path) -> None:
    """Draw the lines into a PNG."""
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, line), style in zip(shown.items(), ("o-", "s--", "^-", "d:"), strict=True):
        axis.plot(SENSITIVITIES, line, style, label=name, markersize=4)
    axis.set(xlabel="sensitivity", ylabel="share", xlim=(0, 1), ylim=(0, 1))
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=100, format="png")
    plt.close(figure)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", help="fast, 1, 2, 3, an ONNX file or a checkpoint .pt")
    parser.add_argument("--data", type=Path, required=True, help="folder of real-pairs and real-scans")
    parser.add_argument("--plot", type=Path, required=True, help="picture to write, *.png")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    shown = lines(args.model, args.data)
    write_all({args.plot: partial(draw, shown)}, overwrite=True)
    rows = zip(SENSITIVITIES, *shown.values(), strict=True)
    head = "sensitivity: " + ", ".join(shown)
    return "\n".join(
        [head, *(f"{first:.2f}: " + ", ".join(f"{share:.3f}" for share in rest) for first, *rest in rows)]
    )
