"""Measure what infrared adds: ``python -m training infrared --photos FOLDER --markdown docs/infrared.md``.

Photographs are damaged as for the validation pairs, each is scanned in infrared in several ways, and a model
restores them with and without; ways to join both are set side by side. Legend and tables replace what stands
below the page's line ``TABLE``.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dsr_core import Options, Prediction, add_evidence, compose, predict, run
from dsr_core.errors import DsrError
from dsr_core.evidence import joined
from dsr_core.infrared import find_infrared
from training.damage.infrared import InfraredScan, infrared_of, with_opacity
from training.measure.groups import simulators
from training.measure.metrics import Image, Mask, Measures, measure, summarise
from training.measure.pairs import cropped_photo
from training.photos import list_photos

TABLE = "<!-- written by `python -m training infrared`; do not edit below -->"

SLIDE: dict[str, Any] = {"dark": (1.0, 0.0, 0.0), "film": (0.0, 0.0, 0.3)}
NEGATIVE: dict[str, Any] = {"dark": (0.0, 1.0, 0.0), "film": (0.0, 0.0, 0.3)}
_SHARED: dict[str, Any] = {
    "clean": 0.0,
    "scratches": 0.0,
    "amount": (0.7, 1.0),
    "jpeg": 0.0,
    "scale": (0.5, 0.5),
}

SCANS: dict[str, tuple[dict[str, Any], InfraredScan]] = {
    "slide": (SLIDE, InfraredScan()),
    "slide, dyes leak much": (SLIDE, InfraredScan(leak=(0.2, 0.08, 0.03))),
    "slide, moved and scaled": (SLIDE, InfraredScan(shift=(3.4, -2.3), scale=0.003)),
    "slide, unsharp": (SLIDE, InfraredScan(blur=2.0)),
    "slide, halos": (SLIDE, InfraredScan(halo=0.1)),
    "slide, noisy": (SLIDE, InfraredScan(noise=0.03)),
    "negative": (NEGATIVE, InfraredScan(leak=(-0.05, -0.02, 0.0))),
    "silver": (SLIDE, InfraredScan(leak=(0.33, 0.33, 0.33))),
    "lettering, halos": (
        {**SLIDE, "details": 1.0, "detail_kinds": ("lettering", "print")},
        InfraredScan(halo=0.1),
    ),
    "clean film": ({**SLIDE, "clean": 1.0, "amount": (0.0, 0.0)}, InfraredScan()),
}
"""What is measured: changes to the conditions of damage, and how infrared was scanned."""

LEGEND = """\
*Found*: defects that the picture shows of which a quarter or more was found. *Right*: marks that lie on dirt,
whether the picture shows it or not. *In damage*: PSNR there after restoring. *Clean changed*: pixels away
from any dirt that are no longer what they were. The second of each two columns is with infrared. Below, what
the filter does, the noisy-or, beside other ways to join both probabilities; all scans together, silver and
clean film among them. {count} pictures of {size} pixels for each row.

"""

FIGURES = {
    "found": ("defects_found", ".1%"),
    "right": ("marks_right", ".1%"),
    "in damage, dB": ("psnr_damage", ".2f"),
    "clean changed": ("clean_changed", ".3%"),
}
"""What a column says, its name in a summary, and how it is written."""

_DIRT = 0.05  # of the infrared light; what takes more is dirt, whether the picture shows it or not
_FEWER = 1 / 99  # odds of damage where nothing is known

Summaries = dict[str, dict[str, float]]


def _by_odds(network: Image, infrared: Image) -> Image:
    """Return the probability times 255 if both judged on their own: their odds multiplied."""
    chances = (np.clip(each / 255, 0.002, 0.998) for each in (network, infrared))
    odds = np.prod([chance / (1 - chance) for chance in chances], axis=0) / _FEWER
    return np.asarray(np.rint(255 * odds / (1 + odds)), np.uint8)


JOININGS: dict[str, Callable[[Image, Image], Image]] = {
    "noisy-or": lambda network, infrared: joined(network, {"infrared": infrared}),
    "the larger": np.maximum,
    "the mean": lambda network, infrared: np.asarray((network.astype(int) + infrared) // 2, np.uint8),
    "odds multiplied": _by_odds,
}
"""Ways to join both probabilities; the first is what the filter does."""


def measure_scans(
    photos: Sequence[Path], damage_data: Path | None, model: str, *, count: int, size: int, seed: int
) -> tuple[dict[str, Summaries], Summaries]:
    """Return figures for each way of scanning, without and with infrared, and for each way of joining.

    The latter are those of all scans together.

    Parameters
    ----------
    photos, damage_data
        As for `training.measure.pairs.make_pairs`.
    model
        As for `dsr_core.predict`.
    count, size
        Pictures of each, and their longest side in pixels.
    seed
        Fixes every pixel.
    """
    normal, _ = simulators(damage_data, seed)
    results: dict[str, Summaries] = {}
    every: dict[str, list[Measures]] = {name: [] for name in JOININGS}
    known: dict[str, tuple[Prediction, Image, Mask, Any]] = {}
    for name, (changes, scan) in tqdm(SCANS.items(), disable=None):
        here: dict[str, list[Measures]] = {"without": [], "with": []}
        for number in range(count):
            key = f"{changes}{number}"
            if key not in known:
                rng = np.random.default_rng(seed + number)
                photo = cropped_photo(photos[number % len(photos)], size, rng, whole=False)
                simulator = normal.with_conditions(**{"details": 0.0, **_SHARED, **changes})
                triplet, opacity = with_opacity(simulator, photo, seed + number)
                damaged, clean = (
                    np.ascontiguousarray((part[0].movedim(0, -1) * 255).round().byte().numpy())
                    for part in triplet[:2]
                )
                known[key] = (
                    run(predict(damaged, model=model, provider="cpu")),
                    clean,
                    triplet.mask[0, 0].numpy(),
                    opacity,
                )
            prediction, clean, shown, opacity = known[key]
            dirty = shown | (opacity > _DIRT)
            infrared = infrared_of(clean, opacity, scan, np.random.default_rng(seed + number))
            dirt, _ = find_infrared(prediction, infrared)
            both = run(add_evidence(prediction, {"infrared": dirt}))
            here["without"].append(_measured(prediction, clean, shown, dirty))
            for way, join in JOININGS.items():
                probability = join(prediction.probability, dirt)
                every[way].append(_measured(replace(both, probability=probability), clean, shown, dirty))
            here["with"].append(every[next(iter(JOININGS))][-1])
        results[name] = {way: summarise(measures) for way, measures in here.items()}
    return results, {way: summarise(measures) for way, measures in every.items()}


def _measured(prediction: Prediction, clean: Image, shown: Mask, dirty: Mask) -> Measures:
    """Measure how damage that the picture shows is found and repaired, and what is done to clean film.

    Dirt of the picture's own tone need not be found, but it is dirt.
    """
    damaged = np.asarray(prediction.image, np.uint8)
    restored = np.asarray(compose(prediction, Options()).image, np.uint8)
    found = compose(prediction, Options(grow=0)).mask
    images = damaged, clean
    of_shown, of_all = (
        measure(*images, true, restored, found, prediction.probability) for true in (shown, dirty)
    )
    return replace(
        of_shown,
        marks_right=of_all.marks_right,
        clean_pixels=of_all.clean_pixels,
        clean_changed=of_all.clean_changed,
    )


def tables(scans: Mapping[str, Summaries], joinings: Summaries) -> str:
    """Return the figures as two tables in Markdown."""
    rows = [f"| | {' | '.join(f'{name} | with' for name in FIGURES)} |", f"|---{'|---:' * 2 * len(FIGURES)}|"]
    rows += [_row(name, list(ways.values())) for name, ways in scans.items()]
    rows += ["", f"| all scans, joined by | {' | '.join(FIGURES)} |", f"|---{'|---:' * len(FIGURES)}|"]
    rows += [_row(way, [summary]) for way, summary in joinings.items()]
    return "\n".join(rows) + "\n"


def _row(name: str, summaries: Sequence[Mapping[str, float]]) -> str:
    cells = [name]
    for key, form in FIGURES.values():
        cells += ["" if np.isnan(each[key]) else format(each[key], form) for each in summaries]
    return f"| {' | '.join(cells)} |"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--damage-data", type=Path, help="folder with frames/ (default: procedural damage)")
    parser.add_argument("--model", default="3", help="1, 2, 3, fast or a path (default: 3)")
    parser.add_argument("--count", type=int, default=6, help="pictures of each kind (default: 6)")
    parser.add_argument("--size", type=int, default=512, help="their longest side in pixels (default: 512)")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--markdown", type=Path, help="page whose table is written again")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    if args.markdown and TABLE not in args.markdown.read_text():
        raise DsrError(f"'{args.markdown}' has no line {TABLE!r} to write the table below.")
    scans, joinings = measure_scans(
        list_photos(args.photos),
        args.damage_data,
        args.model,
        count=args.count,
        size=args.size,
        seed=args.seed,
    )
    text = LEGEND.format(count=args.count, size=args.size) + tables(scans, joinings)
    if args.markdown:
        page = args.markdown.read_text()
        args.markdown.write_text(f"{page[: page.index(TABLE)]}{TABLE}\n\n{text}")
    return text
