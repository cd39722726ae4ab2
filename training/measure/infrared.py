"""Measure what infrared adds: ``python -m training infrared --photos FOLDER --markdown docs/infrared.md``.

Photographs are damaged as for the validation pairs, each is scanned in infrared in several ways, and a model
restores them with and without. The table replaces what stands below the page's line ``TABLE``.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dsr_core import Options, Prediction, add_evidence, compose, predict, run
from dsr_core.errors import DsrError
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

HEAD = (
    "| | found | with | right | with | in damage, dB | with | clean changed | with |\n|---"
    + "|---:" * 8
    + "|"
)


def measure_scans(
    photos: Sequence[Path], damage_data: Path | None, model: str, *, count: int, size: int, seed: int
) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Return for each way of scanning the figures without and with infrared.

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
    results = {}
    known: dict[str, tuple[Prediction, Image, Mask, Any]] = {}
    for name, (changes, scan) in tqdm(SCANS.items(), disable=None):
        plain: list[Measures] = []
        both: list[Measures] = []
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
            prediction, clean, true, opacity = known[key]
            infrared = infrared_of(clean, opacity, scan, np.random.default_rng(seed + number))
            dirt, _ = find_infrared(prediction, infrared)
            joined = run(add_evidence(prediction, {"infrared": dirt}))
            for each, into in ((prediction, plain), (joined, both)):
                into.append(_measured(each, clean, true))
        results[name] = summarise(plain), summarise(both)
    return results


def _measured(prediction: Prediction, clean: Image, true: Mask) -> Measures:
    damaged = np.asarray(prediction.image, np.uint8)
    restored = np.asarray(compose(prediction, Options()).image, np.uint8)
    found = compose(prediction, Options(grow=0)).mask
    return measure(damaged, clean, true, restored, found, prediction.probability)


def table(results: Mapping[str, tuple[dict[str, float], dict[str, float]]]) -> str:
    """Return the figures as a table in Markdown."""
    rows = [HEAD]
    for name, pair in results.items():
        cells = [name]
        for key, form in (
            ("defects_found", ".1%"),
            ("marks_right", ".1%"),
            ("psnr_damage", ".2f"),
            ("clean_changed", ".3%"),
        ):
            cells += ["" if np.isnan(each[key]) else format(each[key], form) for each in pair]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--damage-data", type=Path, help="folder with frames/ (default: procedural damage)")
    parser.add_argument("--model", default="3", help="1, 2, 3, fast or a path (default: 3)")
    parser.add_argument("--count", type=int, default=6, help="pictures of each kind (default: 6)")
    parser.add_argument("--size", type=int, default=512, help="their longest side in pixels (default: 512)")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--markdown", type=Path, help="page whose table is written anew")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    if args.markdown and TABLE not in args.markdown.read_text():
        raise DsrError(f"'{args.markdown}' has no line {TABLE!r} to write the table below.")
    results = measure_scans(
        list_photos(args.photos),
        args.damage_data,
        args.model,
        count=args.count,
        size=args.size,
        seed=args.seed,
    )
    if args.markdown:
        text = args.markdown.read_text()
        args.markdown.write_text(text[: text.index(TABLE)] + f"{TABLE}\n\n{table(results)}")
    return table(results)
