"""Write the card of a model from what its file says and what was measured on it."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from dsr_core.atomic import write_all
from dsr_core.errors import DsrError
from dsr_core.models import ModelInfo, find_model
from training.measure.evaluate import label
from training.measure.report import write_text
from training.measure.timing import kmac

KEPT = "## Known failures"
"""What stands from this heading on is written by hand and stays."""

FACTS = ("version", "loss", "steps", "caution", "margin", "training_data", "hardware", "licence")


def card(model: ModelInfo, results: Path, real: Path) -> str:
    """Return the card in Markdown, without what is written by hand.

    Parameters
    ----------
    model
        The model.
    results, real
        JSON files of ``python -m training evaluate`` and ``python -m training real``.

    Raises
    ------
    DsrError
        A file cannot be read, or measured another model.
    """
    rows = [f"| {name.replace('_', ' ')} | {model.metadata.get(name, '-')} |" for name in FACTS]
    pairs, film = _read(results), _read(real)
    measured = {entry["sha256"] for entry in pairs["models"]}
    if model.sha256 not in measured or film["models"].get(model.path.stem) != model.sha256:
        raise DsrError(f"{results} and {real} do not hold the figures of {model.path}; measure it again.")
    first = pairs["groups"]["first groups"][label(model)]
    clean = pairs["groups"]["clean"][label(model)]
    method = f"{model.path.stem} at 0.5"
    gain, places = film["pairs"][method]["mean"], film["scans"][method]["all"]
    figures = [
        f"| cost | {kmac(model.path):.0f} kMAC a pixel |",
        f"| F1, validation pairs, first groups | {first['f1']:.2f} |",
        f"| clean pixels changed there | {first['clean_changed']:.3%} |",
        f"| SSIM of clean pictures | {clean['ssim']:.5f} |",
        f"| gain on real film restored by hand, F1 | {gain['gain']:+.2f} dB, {gain['f1']:.2f} |",
        f"| dust found on judged scans | {places['found'] / places['dust']:.0%} |",
        f"| what is not dust taken there | {places['taken'] / places['not']:.0%} |",
    ]
    head = [
        f"# {model.name}",
        "",
        f"Removes dust, hairs and scratches from scanned film: `{model.path.name}`, sha256",
        f"`{model.sha256[:12]}`. Written by `python -m training card`, but for its last part.",
    ]
    return "\n".join([*head, "", "| | |", "|---|---|", *rows, *figures, ""])


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DsrError(f"{path} holds no figures: {error}.") from error
    return content


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("models", nargs="+", help="fast, 1, 2, 3 or paths")
    parser.add_argument("--results", type=Path, default=Path("runs/evaluation.json"), help="of `evaluate`")
    parser.add_argument("--real", type=Path, default=Path("runs/real.json"), help="of `real`")


def command(args: argparse.Namespace) -> str:
    """Write ``MODEL.md`` beside each model."""
    written = [find_model(model).path.with_suffix(".md") for model in args.models]
    for name, path in zip(args.models, written, strict=True):
        text = card(find_model(name), args.results, args.real)
        before = path.read_text() if path.exists() else ""
        kept = before[before.index(KEPT) :] if KEPT in before else ""
        write_all({path: partial(write_text, f"{text}\n{kept}".rstrip() + "\n")}, overwrite=True)
    return "\n".join(map(str, written))
