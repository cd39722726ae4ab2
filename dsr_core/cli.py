"""The command line ``dsr-core``."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsr_core.errors import DsrError
from dsr_core.models import NUMBERS
from dsr_core.options import PROVIDERS, Options, described

_INTERRUPTED = 130  # what shells return for Ctrl+C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 if something failed, 2 for wrong usage."""
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.command(chosen)
    except DsrError as error:
        _note(str(error))
        return 1
    except KeyboardInterrupt:
        _note("Stopped; nothing was left behind.")
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dsr-core", description="Remove dust, hairs and scratches from scanned film."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    restore = commands.add_parser("restore", help="write restored images", description=_restore.__doc__)
    restore.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="TIFF, PNG, JPEG or WebP")
    target = restore.add_mutually_exclusive_group()
    target.add_argument(
        "-o", "--output", type=Path, help="where one result goes (INPUT.restored.* beside it)"
    )
    target.add_argument("--output-dir", type=Path, help="folder for the results; made if it does not exist")
    restore.add_argument("--mask", type=Path, metavar="FILE", help="write what was repaired: 255, else 0")
    restore.add_argument("--overlay", type=Path, metavar="FILE", help="write a picture of the defects in red")
    restore.set_defaults(command=_restore)

    detect = commands.add_parser("detect", help="write only the mask", description=_detect.__doc__)
    detect.add_argument("input", type=Path, metavar="INPUT")
    detect.add_argument("-o", "--output", type=Path, required=True, metavar="MASK")
    detect.set_defaults(command=_detect)

    for command in (restore, detect):
        _add_options(command)
        command.add_argument("--model", default="3", metavar="1|2|3|PATH", help="default: %(default)s")
        command.add_argument(
            "--quality",
            choices=("best", "fast"),
            default="best",
            help="fast: 8 bits, for CPUs; default: best",
        )
        command.add_argument("--provider", choices=PROVIDERS, default="auto", help="default: %(default)s")
        command.add_argument("--overwrite", action="store_true", help="replace files that exist")
        command.add_argument("--json", action="store_true", help="one line of JSON for each file")

    models = commands.add_parser("models", help="list the models", description=_models.__doc__)
    models.set_defaults(command=_models)
    doctor = commands.add_parser("doctor", help="check the installation", description=_doctor.__doc__)
    doctor.set_defaults(command=_doctor)
    export = commands.add_parser(
        "export-onnx", help="turn a checkpoint into a model", description=_export.__doc__
    )
    export.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    export.add_argument("output", type=Path, metavar="OUTPUT")
    export.set_defaults(command=_export)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    for option in described():
        limits: dict[str, Any] = {"type": type(option.default), "metavar": option.unit.upper() or "NUMBER"}
        if option.choices:
            limits = {"choices": tuple(option.choices)}
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            default=option.default,
            help=f"{option.help}; default: %(default)s",
            **limits,
        )


def _model(chosen: argparse.Namespace) -> str:
    """Return the name of the model that --model and --quality ask for."""
    model: str = chosen.model
    if chosen.quality == "best":
        return model
    if model not in NUMBERS:
        raise DsrError(f"--quality fast goes with the models {', '.join(NUMBERS)}, not with {model}.")
    return f"{model}-fast"


def _options(chosen: argparse.Namespace) -> Options:
    return Options(**{option.name: getattr(chosen, option.name) for option in described()})


def _restore(chosen: argparse.Namespace) -> int:
    """Restore images; outside the mask every sample stays as it is."""
    from dsr_core.job import Job, output_for  # noqa: PLC0415 -- `--help` need not load the filter

    several = len(chosen.inputs) > 1
    if several and (chosen.output or chosen.mask or chosen.overlay):
        raise DsrError("-o, --mask and --overlay name one file; with several inputs use --output-dir.")
    options, model = _options(chosen), _model(chosen)
    if chosen.output_dir:
        _make_folder(chosen.output_dir)
    failed, told = 0, set[str]()
    sources: dict[Path, Path] = {}
    for path in chosen.inputs:
        output = chosen.output or output_for(path, chosen.output_dir)
        job = Job(
            path,
            options,
            model,
            chosen.provider,
            output,
            chosen.mask,
            chosen.overlay,
            chosen.overwrite,
        )
        try:
            if sources.setdefault(output.resolve(), path) != path:
                _refuse_twice(output, sources[output.resolve()])
            _run_job(job, chosen, told)
        except DsrError as error:
            failed += 1
            _report_failure(path, error, chosen)
    if several:
        _note(f"{len(chosen.inputs) - failed} of {len(chosen.inputs)} files restored, {failed} failed")
    return 1 if failed else 0


def _refuse_twice(output: Path, first: Path) -> None:
    raise DsrError(f"{output} is the result of {first} already; restore this file by itself with -o.")


def _detect(chosen: argparse.Namespace) -> int:
    """Find the damage and write it as a mask: 8-bit grey, 255 where it is."""
    from dsr_core.job import Job  # noqa: PLC0415

    job = Job(
        chosen.input,
        _options(chosen),
        _model(chosen),
        chosen.provider,
        None,
        chosen.output,
        None,
        chosen.overwrite,
    )
    try:
        _run_job(job, chosen, set())
    except DsrError as error:
        _report_failure(chosen.input, error, chosen)
        return 1
    return 0


def _run_job(job: Any, chosen: argparse.Namespace, told: set[str]) -> None:
    """Run a job with a progress bar on a terminal, and report what it did; tell each note once."""
    from tqdm import tqdm  # noqa: PLC0415

    start = time.perf_counter()
    with tqdm(desc=job.source.name, unit="tile", leave=False, disable=None, file=sys.stderr) as bar:

        def show(progress: Any) -> None:
            if progress.note and progress.note not in told:
                told.add(progress.note)
                tqdm.write(f"dsr-core: {progress.note}", file=sys.stderr)
            bar.total = progress.total
            bar.update(progress.done - bar.n)

        report = job.run(show)
    report["seconds"] = round(time.perf_counter() - start, 3)
    if chosen.json:
        _say(json.dumps(report))
    else:
        place = "the CPU" if report["provider"] == "cpu" else report["provider"].upper()
        found = f"{report['defects']} defects, {report['changed']:.2%} of the pixels"
        effort = f"{report['megapixels']:.1f} MP in {report['seconds']:.1f} s on {place}"
        _say(f"{report['input']} -> {report['output'] or report['mask']}: {found}; {effort}")


def _models(_chosen: argparse.Namespace) -> int:
    """List the models that come with this installation."""
    from dsr_core.models import list_models, models_folder  # noqa: PLC0415

    infos = list_models()
    if not infos:
        raise DsrError(f"There is no model in {models_folder()}; install the package again.")
    for info in infos:
        _say(f"{info.path.stem.removeprefix('model-')}  {info.name} {info.version}, loss {info.loss}")
        _say(f"   {info.path}\n   sha256 {info.sha256}")
    return 0


def _doctor(_chosen: argparse.Namespace) -> int:
    """Show versions, models and providers, and run one tile on each."""
    from dsr_core.doctor import examine  # noqa: PLC0415

    sound = True
    for finding in examine():
        sound &= finding.good
        _say(finding.text)
    return 0 if sound else 1


def _export(chosen: argparse.Namespace) -> int:
    """Turn a training checkpoint into an ONNX model, and check the one against the other."""
    try:
        from dsr_core.nn.export import export_onnx  # noqa: PLC0415
    except ImportError as error:
        raise DsrError(
            f"export-onnx needs {error.name}; run: pip install 'dust-scratch-removal[train]'."
        ) from error
    export_onnx(chosen.checkpoint, chosen.output)
    _say(f"{chosen.checkpoint} -> {chosen.output}")
    return 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DsrError(
            f"The folder {folder} cannot be made ({error.strerror}); choose another one."
        ) from error


def _report_failure(path: Path, error: DsrError, chosen: argparse.Namespace) -> None:
    text = str(error)
    _note(text if str(path) in text else f"{path}: {text}")
    if chosen.json:
        _say(json.dumps({"input": str(path), "error": text}))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    sys.stderr.write(f"dsr-core: {text}\n")
