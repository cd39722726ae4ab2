"""The results as a page and a plot."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.skipping import SIDE

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
is what the samples go through before and after the network, the grain included; *rest* is all else: the start
of Python, imports, loading the model. *Peak* is the most memory that the process held.
"""

NETWORKS = """\
## Networks and other methods

Networks in onnxruntime on one tile of 1024 pixels, the fastest of three runs; *of the peak*: what the
multiply-adds of their convolutions come to, against products of large matrices of the same type in the same
run. OpenCV works on 6 megapixels of 8 bits.
"""

TILES = """\
### Tiles

A scan of 24 megapixels by tiles of other sizes; *computed*: pixels with margins and padding against pixels of
the scan; *seconds* in the network.
"""

SECONDS = {"model-3.onnx": 40, "model-fast.onnx": 10}
"""Aims for a scan of 24 megapixels on two cores."""

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
    parts = [
        LEGEND,
        _conditions(results),
        "## Aims\n",
        "\n".join(_aims(results)) + "\n",
        SCANS,
        _scans(results),
    ]
    parts += [f"![Seconds and memory against megapixels]({picture})\n", NETWORKS, _networks(results)]
    parts += ["## What was tried\n", TILES, _tiles(results), OPTIONS, _options(results)]
    parts += [_skipping(results["skipping"])] if results["skipping"] else []
    return "\n".join([*parts, TRIED])


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def _conditions(results: Results) -> str:
    machine, models = results["machine"], results["models"]
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']:.0f} GB"
    lines = [
        f"- {hardware}; {machine['system']}",
        f"- {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}",
        f"- load of the machine in the minute before: {machine['load']:.1f}",
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
            yield f"- `{name}`, {text}: **{figure:.4g}**, at most {limit}: {_verdict(figure / limit - 1)}"


def _verdict(excess: float) -> str:
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
    return _table(["", "total, s", "MP/s", *STEPS, "outside the network", "peak, MB"], rows)


def _networks(results: Results) -> str:
    peaks = results["machine"]["peak"]
    rows = []
    for network in results["networks"]:
        giga = 2 * network["kmac"] * network["speed"]
        share = f"{giga / peaks[network['type']]:.0%}"
        rows.append(
            [network["name"], f"{network['kmac']:.1f}", f"{network['speed']:.2f}", f"{giga:.0f}", share]
        )
    rows += [[name, "", f"{speed:.2f}", "", ""] for name, speed in results["classical"].items()]
    table = _table(["", "kMAC a pixel", "MP/s", "billion operations a second", "of the peak"], rows)
    peak = ", ".join(f"{name} {speed:.0f}" for name, speed in peaks.items())
    return f"{table}\nThe machine's peak, in billions of operations a second: {peak}.\n"


def _tiles(results: Results) -> str:
    rows = [
        [f"`{name}`, {row['size']} pixels", row["tiles"], f"{row['computed']:.2f}", f"{row['speed']:.2f}",
         f"{row['seconds']:.2f}"]
        for name, found in results["tiles"].items() for row in found
    ]  # fmt: skip
    return _table(["", "tiles", "computed", "MP/s", "seconds"], rows)


def _options(results: Results) -> str:
    models = results["options"]
    rows = [
        [what, *(f"{speeds[what]:.2f}" for speeds in models.values())] for what in next(iter(models.values()))
    ]
    return _table(["", *(f"`{name}`" for name in models)], rows)


def _skipping(look: Results) -> str:
    clean, skipped, missed = (f"{look[name]:.1%}" for name in ("clean", "skipped", "missed"))
    return (
        "### Skipping what is clean\n\n"
        f"Of {look['squares']} squares of {SIDE} pixels in the validation pairs, {clean} hold no damage.\n"
        "A first look by the same network at half the size would cost a quarter of the time.\n"
        f"It would skip {skipped} of the squares, and {missed} of the damaged pixels with them.\n"
    )


def plot(results: Results, path: Path) -> None:
    """Draw seconds and memory of each model against the megapixels of 16-bit scans."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for model, style in zip(results["models"], ("o-", "s--", "^:", "d-."), strict=False):
        name = model["file"]
        runs = [run for run in results["runs"] if run["bits"] == 16 and run["model"] == name]  # noqa: PLR2004
        megapixels = [run["megapixels"] for run in runs]
        axes[0].plot(megapixels, [run["seconds"]["total"] for run in runs], style, label=name)
        axes[1].plot(megapixels, [run["peak"] / 1000 for run in runs], style, label=name)
    for axis, label in zip(axes, ("seconds", "gigabytes at the peak"), strict=True):
        axis.set(xlabel="megapixels, 16 bit", ylabel=label, xlim=(0, None), ylim=(0, None))
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=100, format="png")
    plt.close(figure)
