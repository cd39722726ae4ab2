"""The results as a page and a plot."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from benchmarks.skipping import MIDDLE

Results = dict[str, Any]

STEPS = ("read", "network", "repair", "write", "rest")
RAW = 6
"""Bytes of a pixel of a 16-bit scan."""

TRIED = Path(__file__).with_name("tried.md").read_text()
"""What a person wrote about what was tried."""

LEGEND = """\
# Performance

Written by `python -m benchmarks.restore`; do not edit.
"""

SCANS = """\
## A scan from file to file

`dsr-core restore` in a process of its own, one run each: uncompressed TIFF in and out, the example scan and
its mirror images side by side. *Total* is what a user waits, from the start of the interpreter on. *Repair*
is what comes before and after the network: scratches, grain, composing, and waiting for the samples of a
tile; what is done while the network runs does not count. *Rest* is all else: the start of Python, imports,
loading the model. *Peak* is the most memory that the process held.
"""

NETWORKS = """\
## Networks and other methods

Networks in onnxruntime on one tile of 1024 pixels, the fastest of three runs; *of the peak*: what the
multiply-adds of their convolutions come to, against products of large matrices of the same type in the same
run. Networks in PyTorch have random weights and run on a tile of 256 pixels. What works without a network
runs on 6 megapixels of 8 bits, biharmonic inpainting on a square of 256 pixels of them; what only fills is
told where. *Finds*: the share of the defects of the validation pairs of which a quarter of the pixels or more
is found; *right*: the share of the marks that lie on damage or within two pixels of it.
"""

TILES = """\
### Tiles

A scan of 24 megapixels by tiles of other sizes; *computed*: pixels with margins and padding against pixels of
the scan; *seconds* in the network.
"""

SECONDS = {"model-3.onnx": 40, "model-fast.onnx": 10}
"""Aims for a scan of 24 megapixels on two cores."""

SKIPPING = f"""\
### The small network first

The middle {MIDDLE} x {MIDDLE} pixels of each real scan, in squares that the large network skips where the
small one sees nothing suspicious; *computed*: pixels that it still computes for a pixel of the scan, margins
included; the usual tiles compute 1.3. *Missed*: what it would have found in the squares that are skipped.
"""

OPTIONS = """\
### onnxruntime

Megapixels a second on tiles of 1024 pixels.
"""


def page(results: Results, picture: str) -> str:
    """Return the page.

    Parameters
    ----------
    results
        As `benchmarks.restore.measure` returns them.
    picture
        Where the plot lies, as seen from the page.
    """
    parts = [LEGEND, _conditions(results)]
    if results["runs"]:
        parts += ["## Aims\n", "\n".join(_aims(results)) + "\n", SCANS, _scans(results)]
    parts.append(f"![Seconds, memory, and what is found against speed]({picture})\n")
    if "networks" in results:
        parts += [NETWORKS, _networks(results)]
    parts.append("## What was tried\n")
    parts += [TILES, _tiles(results)] if "tiles" in results else []
    parts += [OPTIONS, _options(results)] if "options" in results else []
    parts += [_skipping(results)] if "skipping" in results else []
    return "\n".join([*parts, TRIED])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def _conditions(results: Results) -> str:
    machine, models = results["machine"], results["models"]
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']:.0f} GB"
    lines = [
        f"- {hardware}; {machine['system']}",
        f"- {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}",
        f"- load of the machine in the minute before: {results['load']:.1f}",
        *(
            f"- `{model['file']}`: version {model['version']}, {model['kmac']:.0f} kMAC a pixel, "
            f"margin {model['margin']} pixels, sha256 `{model['sha256']}`"
            for model in models
        ),
    ]
    if machine["cuda"]:
        lines.append(f"- CUDA was not tried: {machine['cuda']}")
    return "\n".join(lines) + "\n"


def _outside(run: Results) -> float:
    """Return the share of a run's time that was not spent in the network."""
    return 1 - float(run["seconds"]["network"] / run["seconds"]["total"])


def _aims(results: Results) -> Iterator[str]:
    """Yield a line for each aim: the figure, and whether it is met or by how much it is missed."""
    runs = {(run["model"], run["megapixels"]): run for run in results["runs"] if run["bits"] == 16}  # noqa: PLR2004
    for model in results["models"]:
        name = model["file"]
        most = []
        if run := runs.get((name, 24)):
            if name in SECONDS:
                most = [
                    ("24 megapixels, 16-bit TIFF in and out: seconds", run["seconds"]["total"], SECONDS[name])
                ]
            most += [
                ("24 megapixels: megabytes at the peak", run["peak"], 1500),
                ("24 megapixels: per cent of the time outside the network", 100 * _outside(run), 15),
            ]
        if run := runs.get((name, 100)):
            most.append(("100 megapixels: megabytes at the peak", run["peak"], 1500 + 3 * 100 * RAW))
        for text, figure, limit in most:
            yield f"- `{name}`, {text}: **{figure:.4g}**, at most {limit}: {verdict(figure / limit - 1)}"


def verdict(excess: float) -> str:
    """Return whether an aim is met that is exceeded by this share."""
    return "met" if excess <= 0 else f"missed by {excess:.0%}"


def _scans(results: Results) -> str:
    rows = []
    for run in results["runs"]:
        seconds = run["seconds"]
        rows.append([
            f"{run['megapixels']:g} MP, {run['bits']} bit, `{run['model']}`",
            f"{seconds['total']:.2f}", f"{run['megapixels'] / seconds['total']:.2f}",
            *(f"{seconds[step]:.2f}" for step in STEPS),
            f"{_outside(run):.0%}", f"{run['peak']:.0f}",
        ])  # fmt: skip
    return table(["", "total, s", "MP/s", *STEPS, "outside the network", "peak, MB"], rows)


def _networks(results: Results) -> str:
    peaks, finds = results["peak"], results.get("found", {})

    def shares(name: str) -> list[str]:
        return [f"{finds[name][what]:.0%}" if name in finds else "" for what in ("finds", "right")]

    rows = []
    for network in results["networks"]:
        name, giga = network["name"], 2 * network["kmac"] * network["speed"]
        costs = f"{network['kmac']:.1f}", f"{network['speed']:.3g}", f"{giga:.0f}"
        rows.append([name, *costs, f"{giga / peaks[network['type']]:.0%}", *shares(name)])
    for name, speed in results["classical"].items():
        rows.append([name, "", f"{speed:.3g}", "", "", *shares(name)])
    head = ["", "kMAC a pixel", "MP/s", "billion operations a second", "of the peak", "finds", "right"]
    lines = table(head, rows)
    peak = ", ".join(f"{name} {speed:.0f}" for name, speed in peaks.items())
    return f"{lines}\nThe machine's peak, in billions of operations a second: {peak}.\n"


def _tiles(results: Results) -> str:
    rows = [
        [f"`{name}`, {row['size']} pixels", row["tiles"], f"{row['computed']:.2f}", f"{row['speed']:.2f}",
         f"{row['seconds']:.2f}"]
        for name, found in results["tiles"].items() for row in found
    ]  # fmt: skip
    return table(["", "tiles", "computed", "MP/s", "seconds"], rows)


def _options(results: Results) -> str:
    models = results["options"]
    rows = [
        [what, *(f"{speeds[what]:.2f}" for speeds in models.values())] for what in next(iter(models.values()))
    ]
    return table(["", *(f"`{name}`" for name in models)], rows)


def _skipping(results: Results) -> str:
    look = results["skipping"]
    rows = [
        [f"{row['side']} pixels, {row['suspect']} of 255", f"{row['skipped']:.0%}", f"{row['computed']:.2f}",
         f"{row['missed']} of {row['defects']}"]
        for row in look
    ]  # fmt: skip
    head = ["squares, suspicious from", "skipped", "computed", "defects missed"]
    return "\n".join([SKIPPING, table(head, rows)])


def plot(results: Results, path: Path) -> None:
    """Draw seconds and memory against the megapixels of 16-bit scans, and what is found against speed."""
    finds = results["found"] if {"found", "networks"} <= results.keys() else {}  # parts run one by one
    figure, axes = plt.subplots(
        1, 3 if finds else 2, figsize=(13.5 if finds else 9, 3.6), layout="constrained"
    )
    for model, style in zip(results["models"], ("o-", "s--", "^:", "d-."), strict=False):
        name = model["file"]
        runs = [run for run in results["runs"] if run["bits"] == 16 and run["model"] == name]  # noqa: PLR2004
        megapixels = [run["megapixels"] for run in runs]
        axes[0].plot(megapixels, [run["seconds"]["total"] for run in runs], style, label=name)
        axes[1].plot(megapixels, [run["peak"] / 1000 for run in runs], style, label=name)
    for axis, label in zip(axes, ("seconds", "gigabytes at the peak"), strict=False):
        axis.set(xlabel="megapixels, 16 bit", ylabel=label, xlim=(0, None), ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend()
    if finds:
        _draw_choice(axes[2], results, finds)
    figure.savefig(path, dpi=100, format="png")
    plt.close(figure)


def _draw_choice(axis: Axes, results: Results, finds: Results) -> None:
    """Draw how well methods tell damage from picture against speed; a line joins what nothing beats in both.

    What counts is the harmonic mean of the defects found and of the marks that are right: to mark everything
    is no merit, nor to mark nothing.
    """
    speeds = {each["name"]: each["speed"] for each in results["networks"]} | results["classical"]
    points = []
    for name, each in finds.items():
        points.append((speeds[name], statistics.harmonic_mean(each.values())))
        label = f"{name.strip('`')}: {each['finds']:.0%} found, {each['right']:.0%} right"
        axis.plot(*points[-1], "o", label=label, zorder=3)
    best: list[tuple[float, float]] = []
    for speed, score in sorted(points, reverse=True):
        if not best or score > best[-1][1]:
            best.append((speed, score))
    axis.plot(*zip(*best, strict=True), color="tab:grey", alpha=0.5)
    axis.set(xlabel="megapixels a second", ylabel="found and right, harmonic mean", xscale="log")
    axis.set(ylim=(0, 1.4), yticks=np.linspace(0, 1, 6))  # above is room for the legend
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")
    axis.grid(alpha=0.3)
    axis.legend(loc="upper left", fontsize="small")
