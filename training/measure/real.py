"""Measure models on real film: ``python -m training real 3 runs/new/model.pt --data DIR``.

DIR holds ``real-pairs`` (scans that an expert restored by hand) and ``real-scans`` (scans on which places
were judged by eye). The filter runs as it ships, once over each picture; every sensitivity is composed from
that one prediction.
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dsr_core import DsrError, Options, Prediction, compose, predict, run
from dsr_core.atomic import write_all
from dsr_core.detect import find_defects
from dsr_core.models import find_model
from dsr_core.nn.checkpoint import load_checkpoint, save_checkpoint
from dsr_core.nn.export import REQUIRED, export_onnx
from training.measure.methods import BASELINES, Method, Outcome, telea_true_mask
from training.measure.metrics import Mask
from training.measure.pairs import Loaded
from training.measure.report import write_text
from training.measure.scans import Scan, load_pairs, load_scans, pair_figures, scan_figures
from training.measure.scans_report import Figures, Measured, page, tables, with_mean, with_sum
from training.measure.sheets import write_crops, write_sheets
from training.photos import read_photo

SENSITIVITIES = (0.7, 0.15, 0.05)
"""Measured beside the default one, unless others are asked for."""


def load_model(model: str, scratch: Path) -> Measured:
    """Find a model, or export a checkpoint.

    Parameters
    ----------
    model
        As `dsr_core.models.find_model` takes it, or a checkpoint ``.pt``, which need not say
        its licence, steps and the like yet.
    scratch
        Folder for the export.

    Raises
    ------
    DsrError
        There is no such file, or it is not usable.
    """
    path = Path(model)
    if path.suffix != ".pt":
        info = find_model(model)
        return Measured(info.path.stem, info.path, info.sha256)
    network, said = load_checkpoint(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    complete = scratch / f"{sha256}.pt"
    save_checkpoint(complete, network, said | {key: said.get(key) or "unknown" for key in REQUIRED})
    exported = export_onnx(complete, complete.with_suffix(".onnx"), overwrite=True)
    return Measured(f"{path.resolve().parent.name}/{path.stem}", exported.path, sha256)


def others(pairs: Sequence[Loaded], peers: dict[str, Mask]) -> Figures:
    """Measure what works without a model of this project, with the published network's masks among it."""
    methods: dict[str, Method] = {
        **BASELINES,
        "published U-Net + Telea": lambda pair: Outcome(*telea_true_mask(pair.damaged, peers[pair.name])),
    }
    return {
        name: {pair.name: pair_figures(pair, method(pair)) for pair in pairs}
        for name, method in methods.items()
    }


def measure_model(
    model: Measured,
    pairs: Sequence[Loaded],
    scans: Sequence[Scan],
    sensitivities: Sequence[float],
    *,
    provider: str = "auto",
    sheets: Path | None = None,
    crops: Path | None = None,
) -> tuple[Figures, Figures]:
    """Run a model once over every picture and measure it at each sensitivity.

    Parameters
    ----------
    model, pairs, scans
        What runs on what.
    sensitivities
        Each in [0, 1].
    provider
        ``"auto"``, ``"cuda"`` or ``"cpu"``.
    sheets, crops
        Folders for pictures to look at, made with the default options; ``None``: none.

    Returns
    -------
    tuple
        Figures of the pairs and of the scans; the methods are the model at each sensitivity.

    Raises
    ------
    DsrError
        The model cannot be run, or a picture not be written.
    """
    rows = {f"{model.label} at {value:g}": Options(sensitivity=value) for value in sensitivities}
    on_pairs: Figures = {row: {} for row in rows}
    on_scans: Figures = {row: {} for row in rows}
    prefix = model.label.replace("/", "-")
    with tqdm(total=len(pairs) + len(scans), desc=model.label, unit="picture", disable=None) as progress:
        for pair in pairs:
            prediction = run(predict(pair.damaged, model=model.path, provider=provider))
            for row, options in rows.items():
                on_pairs[row][pair.name] = pair_figures(pair, _outcome(prediction, options))
            if crops:
                write_crops(crops, prefix, pair, _outcome(prediction, Options()))
            progress.update()
        for scan in scans:
            image = read_photo(scan.path)
            prediction = run(predict(image, model=model.path, provider=provider))
            for row, options in rows.items():
                mask = find_defects(prediction, options)
                on_scans[row][scan.path.stem] = scan_figures(scan, mask)
            if sheets:
                write_sheets(sheets, prefix, scan, image, _outcome(prediction, Options()))
            progress.update()
    return on_pairs, on_scans


def _outcome(prediction: Prediction, options: Options) -> Outcome:
    restoration = compose(prediction, options)
    return Outcome(np.asarray(restoration.image, np.uint8), restoration.mask)


def command(args: argparse.Namespace) -> str:
    """Measure what the command line asks for, write the files, and return the tables."""
    pairs, peers = load_pairs(args.data / "real-pairs")
    folders = args.judged or [args.data / "real-scans" / "judged"]
    scans = load_scans(args.data / "real-scans", folders)
    for path in filter(None, (args.json, args.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    sensitivities = list(dict.fromkeys([Options().sensitivity, *args.sensitivity]))
    with tempfile.TemporaryDirectory() as scratch:
        models = [load_model(model, Path(scratch)) for model in dict.fromkeys(args.models)]
        if len({model.label for model in models}) < len(models):
            raise DsrError("Two of the models have one name, so no table could tell them apart; rename one.")
        on_pairs: Figures = others(pairs, peers)
        on_scans: Figures = {}
        for model in models:
            figures = measure_model(
                model,
                pairs,
                scans,
                sensitivities,
                provider=args.provider,
                sheets=args.sheets,
                crops=args.crops,
            )
            on_pairs |= figures[0]
            on_scans |= figures[1]
    on_pairs = {method: with_mean(figures) for method, figures in on_pairs.items()}
    on_scans = {method: with_sum(figures) for method, figures in on_scans.items()}
    shown = tables(on_pairs, on_scans)
    content = {
        "models": {model.label: model.sha256 for model in models},
        "pairs": on_pairs,
        "scans": on_scans,
    }
    texts = {args.json: json.dumps(content, indent=1) + "\n"}
    if args.markdown:
        before = args.markdown.read_text() if args.markdown.exists() else ""
        texts[args.markdown] = page(models, shown, before)
    write_all({path: partial(write_text, text) for path, text in texts.items() if path}, overwrite=True)
    return "\n\n".join(shown)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="1, 2, 3, an ONNX file or a checkpoint .pt"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of real-pairs and real-scans")
    parser.add_argument(
        "--judged",
        type=Path,
        nargs="+",
        help="folders of judged places (default: real-scans/judged in the data)",
    )
    parser.add_argument(
        "--sensitivity",
        type=float,
        nargs="*",
        default=SENSITIVITIES,
        metavar="S",
        help="measured beside the default; 1 less the threshold (default: 0.7 0.15 0.05)",
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--markdown", type=Path, help="write the page here, such as docs/real-scans.md")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write sheets of places nobody judged")
    parser.add_argument("--crops", type=Path, metavar="DIR", help="write the pairs at 100 %%")
    parser.add_argument("--provider", choices=["auto", "cuda", "cpu"], default="auto")
