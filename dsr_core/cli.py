"""The command line ``dsr-core``."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dsr_core.arguments import FORMATS, make_parser
from dsr_core.console import Console
from dsr_core.errors import DsrError, UsageError
from dsr_core.options import Options, described, in_flags

_WRONG_USAGE = 2  # as argparse has it
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
        return _WRONG_USAGE if isinstance(error, UsageError) else 1
    except ImportError as error:
        console.note(f"{error.name or 'A library'} does not load ({error}); run: dsr-core doctor")
        return 1
    except KeyboardInterrupt:
        console.note("Stopped; nothing was left behind.")
        return _INTERRUPTED
    return code or int(console.unsaid)


def _options(chosen: argparse.Namespace) -> Options:
    try:
        options = Options(**{option.name: getattr(chosen, option.name) for option in described()})
    except DsrError as error:
        raise UsageError(in_flags(str(error))) from error
    if chosen.size_um is None:
        return options
    if options.min_size or options.max_size:
        raise UsageError("--size-um takes the place of --min-size and --max-size; give one or the other.")
    if 0 < chosen.size_um[1] < chosen.size_um[0]:
        raise UsageError("The second number of --size-um must be 0 (no limit) or at least the first.")
    return options


def _restore(chosen: argparse.Namespace) -> int:
    """Restore images; outside the mask every sample stays as it is."""
    from dsr_core.roll.command import restore  # noqa: PLC0415 -- `--help` need not load the filter

    return restore(chosen, partial(_job, chosen, _options(chosen)))


def _detect(chosen: argparse.Namespace) -> int:
    """Find the damage and write it as a mask: 8-bit grey, 255 where it is."""
    from dsr_core.roll.run import Roll  # noqa: PLC0415

    return Roll(chosen).run([_job(chosen, _options(chosen), chosen.input, None, chosen.output, None)])


def _job(
    chosen: argparse.Namespace,
    options: Options,
    source: Path,
    output: Path | None,
    mask: Path | None,
    overlay: Path | None,
) -> Any:
    """Return the job for one input."""
    from dsr_core.io.picture import Wishes  # noqa: PLC0415
    from dsr_core.job import Job  # noqa: PLC0415
    from dsr_core.region import Region  # noqa: PLC0415

    return Job(
        source=source,
        options=options,
        model=chosen.model,
        provider=chosen.provider,
        output=output,
        mask=mask,
        overlay=overlay,
        overwrite=chosen.overwrite,
        wishes=Wishes(chosen.picture_only, round(chosen.most_megapixels * 1_000_000)),
        form=FORMATS.get(chosen.format),
        linear=chosen.linear,
        white=chosen.white,
        keep_date=chosen.keep_date,
        mask_kinds=chosen.mask_kinds,
        infrared=chosen.infrared,
        fill=chosen.fill,
        only=chosen.only and Region(*chosen.only),
        size_um=chosen.size_um,
    )


def _models(chosen: argparse.Namespace) -> int:
    """List the models that come with this installation."""
    from dsr_core.models import list_models, models_folder  # noqa: PLC0415

    infos = list_models()
    if not infos:
        raise DsrError(f"There is no model in {models_folder()}; install the package again.")
    chosen.console.say(
        "What --model takes; 3 is the default. Each with name, version and the loss it was trained with,\n"
        "its file, and the checksum by which cards and pages of figures name it.\n"
    )
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


if __name__ == "__main__":
    sys.exit(main())
