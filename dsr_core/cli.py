"""The command line ``dsr-core``."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsr_core.arguments import FORMATS, make_parser
from dsr_core.console import Console
from dsr_core.errors import DsrError
from dsr_core.options import Options, described

_INTERRUPTED = 130  # what shells return for Ctrl+C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 if something failed, 2 for wrong usage."""
    # Nothing here uses the threads of OpenCV's OpenBLAS; each takes 128 MiB of address space and ends
    # the process where there is less.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    console = Console()
    commands = {
        "restore": _restore,
        "detect": _detect,
        "models": _models,
        "doctor": _doctor,
        "export-onnx": _export,
    }
    chosen = make_parser(commands).parse_args(arguments, argparse.Namespace(console=console))
    try:
        code: int = chosen.command(chosen)
    except DsrError as error:
        console.note(str(error))
        return 1
    except ImportError as error:
        console.note(f"{error.name or 'A library'} does not load ({error}); run: dsr-core doctor")
        return 1
    except KeyboardInterrupt:
        console.note("Stopped; nothing was left behind.")
        return _INTERRUPTED
    return code or int(console.unsaid)


def _options(chosen: argparse.Namespace) -> Options:
    return Options(**{option.name: getattr(chosen, option.name) for option in described()})


def _restore(chosen: argparse.Namespace) -> int:
    """Restore images; outside the mask every sample stays as it is."""
    from dsr_core.io.reader import ShadowFileError  # noqa: PLC0415 -- `--help` need not load the filter
    from dsr_core.job import STREAM  # noqa: PLC0415

    several = len(chosen.inputs) > 1
    if several and (chosen.output or chosen.mask or chosen.overlay):
        raise DsrError("-o, --mask and --overlay name one file; with several inputs use --output-dir.")
    if chosen.output_dir:
        _make_folder(chosen.output_dir)
    outputs = {path: _output(path, chosen) for path in dict.fromkeys(chosen.inputs)}
    earlier = _results_among(chosen)
    chosen.inputs = [path for path in outputs if path not in earlier]
    done, failed, told = 0, 0, set[str]()
    sources: dict[str, Path] = {}
    for path, output in outputs.items():
        if path in earlier:
            chosen.console.note(f"{path} is the result of another input; it is passed over.")
            continue
        job = _job(path, output, chosen.mask, chosen.overlay, chosen)
        try:
            if output != STREAM and sources.setdefault(os.path.realpath(output), path) != path:
                _refuse_twice(output, sources[os.path.realpath(output)])
            _run_job(job, chosen, told)
            done += 1
        except ShadowFileError as error:
            chosen.console.note(str(error))
        except DsrError as error:
            failed += 1
            _report_failure(path, error, chosen)
    if several:
        chosen.console.note(f"{done} of {len(outputs)} files restored, {failed} failed")
    return 1 if failed else 0


def _output(path: Path, chosen: argparse.Namespace) -> Path:
    """Return where the result of an input goes."""
    from dsr_core.job import STREAM, output_for  # noqa: PLC0415

    if chosen.output or (path == STREAM and not chosen.output_dir):
        return chosen.output or STREAM
    return output_for(path, chosen.output_dir, FORMATS.get(chosen.format))


def _results_among(chosen: argparse.Namespace) -> set[Path]:
    """Return those inputs that are results of others: a pattern such as *.tif takes them in a second run."""
    from dsr_core.job import STREAM, output_for  # noqa: PLC0415

    form = FORMATS.get(chosen.format)
    results = {
        os.path.realpath(output_for(path, folder, wanted))
        for path in chosen.inputs
        if path != STREAM
        for folder in {None, chosen.output_dir}
        for wanted in {None, form}
    }
    return {path for path in chosen.inputs if os.path.realpath(path) in results}


def _refuse_twice(output: Path, first: Path) -> None:
    raise DsrError(f"{output} is the result of {first} already; restore this file by itself with -o.")


def _detect(chosen: argparse.Namespace) -> int:
    """Find the damage and write it as a mask: 8-bit grey, 255 where it is."""
    chosen.inputs = [chosen.input]
    job = _job(chosen.input, None, chosen.output, None, chosen)
    try:
        _run_job(job, chosen, set())
    except DsrError as error:
        _report_failure(chosen.input, error, chosen)
        return 1
    return 0


def _job(
    source: Path, output: Path | None, mask: Path | None, overlay: Path | None, chosen: argparse.Namespace
) -> Any:
    """Return the job for one input."""
    from dsr_core.io.picture import Wishes  # noqa: PLC0415
    from dsr_core.job import Job  # noqa: PLC0415

    return Job(
        source=source,
        options=_options(chosen),
        model=chosen.model,
        provider=chosen.provider,
        output=output,
        mask=mask,
        overlay=overlay,
        overwrite=chosen.overwrite,
        inputs=tuple(chosen.inputs),
        wishes=Wishes(chosen.picture_only, round(chosen.most_megapixels * 1_000_000)),
        form=FORMATS.get(chosen.format),
        linear=chosen.linear,
        white=chosen.white,
        keep_date=chosen.keep_date,
    )


def _run_job(job: Any, chosen: argparse.Namespace, told: set[str]) -> None:
    """Run a job with a progress bar on a terminal, and report what it did; tell each note once."""
    from tqdm import tqdm  # noqa: PLC0415

    from dsr_core.job import STREAM  # noqa: PLC0415

    start = time.perf_counter()
    silent = True if sys.stderr is None else None  # None: tqdm is silent where there is no terminal
    with tqdm(desc=job.source.name, unit="tile", leave=False, disable=silent, file=sys.stderr) as bar:

        def show(progress: Any) -> None:
            of_file = progress.total == 0 and len(job.inputs) > 1
            note = f"{job.source}: {progress.note}" if of_file else progress.note
            if progress.note and note not in told:
                told.add(note)
                bar.clear()
                chosen.console.note(note)
            bar.total = progress.total
            bar.update(progress.done - bar.n)

        report = job.run(show)
    report["seconds"] = round(time.perf_counter() - start, 3)
    say = chosen.console.say if job.output != STREAM else chosen.console.note
    if chosen.json:
        say(json.dumps(report))
    else:
        place = "the CPU" if report["provider"] == "cpu" else report["provider"].upper()
        found = f"{report['defects']} defects, {report['changed']:.2%} of the pixels"
        effort = f"{report['megapixels']:.1f} MP in {report['seconds']:.1f} s on {place}"
        say(f"{report['input']} -> {report['output'] or report['mask']}: {found}; {effort}")


def _models(chosen: argparse.Namespace) -> int:
    """List the models that come with this installation."""
    from dsr_core.models import list_models, models_folder  # noqa: PLC0415

    infos = list_models()
    if not infos:
        raise DsrError(f"There is no model in {models_folder()}; install the package again.")
    for info in infos:
        chosen.console.say(
            f"{info.path.stem.removeprefix('model-')}  {info.name} {info.version}, loss {info.loss}"
        )
        chosen.console.say(f"   {info.path}\n   sha256 {info.sha256}")
    return 0


def _doctor(chosen: argparse.Namespace) -> int:
    """Show versions, models and providers, and run one tile on each."""
    from dsr_core.doctor import examine  # noqa: PLC0415

    sound = True
    for finding in examine():
        sound &= finding.good
        chosen.console.say(finding.text)
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
    chosen.console.say(f"{chosen.checkpoint} -> {chosen.output}")
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
    chosen.console.note(text if str(path) in text else f"{path}: {text}")
    if chosen.json:
        chosen.console.say(json.dumps({"input": str(path), "error": text}))
