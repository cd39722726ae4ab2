"""Measure models on validation pairs: ``python -m training evaluate --models 1 2 3 --pairs DIR``.

Models run through ``dsr_core.predict`` and ``compose`` with the options a user starts with. Beside them
stand the damaged input and what people use without a network.
"""

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from dsr_core.atomic import write_all
from dsr_core.models import ModelInfo, find_model
from training.measure.groups import GROUPS
from training.measure.methods import BASELINES, Method, model_method
from training.measure.metrics import Measures, measure, summarise
from training.measure.pairs import Loaded, Pair, list_pairs, load_pairs
from training.measure.report import contact_sheet, markdown, write_picture, write_text


def evaluate(pairs: Iterable[Loaded], methods: dict[str, Method]) -> dict[str, dict[str, Measures]]:
    """Measure every method on every pair; return ``{method: {pair: measures}}``."""
    results: dict[str, dict[str, Measures]] = {name: {} for name in methods}
    for pair in pairs:
        for name, method in methods.items():
            outcome = method(pair)
            results[name][pair.name] = measure(
                pair.damaged,
                pair.clean,
                pair.true,
                outcome.restored,
                outcome.found,
                outcome.probability,
                pair.eyes,
            )
    return results


def grouped(
    results: dict[str, dict[str, Measures]], keys: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, dict[str, float]]]:
    """Summarise by group, all pairs first: ``{group: {method: summary}}``; ``keys``: each pair's groups."""
    groups = dict.fromkeys(["all", *(group for rank in zip(*keys.values(), strict=True) for group in rank)])
    return {
        group: {
            method: summarise([m for pair, m in measures.items() if group == "all" or group in keys[pair]])
            for method, measures in results.items()
        }
        for group in groups
    }


def evaluation(
    models: Sequence[ModelInfo], folder: Path, *, provider: str, json_file: Path, markdown_file: Path | None
) -> None:
    """Measure, and write the JSON, the figure beside it and the Markdown."""
    methods = BASELINES | {label(model): model_method(model, provider) for model in models}
    keys = {pair.name: headings(pair) for pair in list_pairs(folder)}
    results = evaluate(tqdm(load_pairs(folder), unit="pair", total=len(keys), disable=None), methods)
    summary = grouped(results, keys)
    content = {
        "models": [model.metadata | {"sha256": model.sha256} for model in models],
        "groups": _without_nan(summary),
        "pairs": {
            method: _without_nan({pair: summarise([m]) for pair, m in measures.items()})
            for method, measures in results.items()
        },
    }
    writers = {json_file: partial(write_text, json.dumps(content, indent=1) + "\n")}
    if markdown_file:
        writers[markdown_file] = partial(write_text, markdown(models, summary))
    sheets = {}
    for model in models:
        chosen = worst_median_best(results[label(model)])
        shown = sorted(
            (p for p in load_pairs(folder) if p.name in chosen), key=lambda p: chosen.index(p.name)
        )
        sheet = contact_sheet([(p, methods[label(model)](p)) for p in shown])
        sheets[json_file.with_name(f"{json_file.stem}.{model.path.stem}.png")] = partial(write_picture, sheet)
    write_all({**writers, **sheets}, overwrite=True)


def headings(pair: Pair) -> tuple[str, str, str, str]:
    """Return the tables that a pair is part of, besides that of all pairs."""
    kind = "clean" if pair.group == "clean" else "damaged"
    if GROUPS[pair.group].eyes:  # apart, so that figures of the others go on
        return kind, kind, pair.group, pair.group
    if not GROUPS[pair.group].first:
        return kind, "later groups", pair.group, pair.group
    return kind, "first groups", pair.group, pair.group if kind == "clean" else f"scale {pair.scale:g}"


def worst_median_best(measures: dict[str, Measures]) -> list[str]:
    """Name the pairs with the worst, median and best change of SSIM, of those that hold damage."""
    names = sorted(
        (name for name, m in measures.items() if m.defects),
        key=lambda name: measures[name].ssim - measures[name].ssim_before,
    )
    return list(dict.fromkeys([names[0], names[len(names) // 2], names[-1]])) if names else []


def label(model: ModelInfo) -> str:
    """Return what a model is called in the tables."""
    return f"model {model.name} ({model.path.stem})"


def _without_nan(value: object) -> object:
    """Replace NaN, which JSON does not know, by None."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--models", nargs="*", default=["1", "2", "3"], help="1, 2, 3 or paths (default: all)"
    )
    parser.add_argument("--pairs", type=Path, required=True, help="folder that `pairs` wrote")
    parser.add_argument(
        "--json", type=Path, default=Path("runs/evaluation.json"), help="figures go beside it"
    )
    parser.add_argument("--markdown", type=Path, help="write the tables here too, such as docs/results.md")
    parser.add_argument("--provider", choices=["auto", "cuda", "cpu"], default="auto")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    args.json.parent.mkdir(parents=True, exist_ok=True)
    evaluation(
        [find_model(model) for model in args.models],
        args.pairs,
        provider=args.provider,
        json_file=args.json,
        markdown_file=args.markdown,
    )
    return str(args.json)
