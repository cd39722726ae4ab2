"""``dsr-core restore``: which files become which."""

import argparse
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from dsr_core.arguments import FORMATS
from dsr_core.errors import DsrError, UsageError
from dsr_core.infrared_names import AUTO, OFF
from dsr_core.io.infrared import infrared_beside
from dsr_core.job import STREAM, Job, output_for
from dsr_core.roll.lines import with_places
from dsr_core.roll.listing import Found, find, results_among
from dsr_core.roll.plan import make_folder
from dsr_core.roll.rehearsal import rehearse
from dsr_core.roll.run import Roll
from dsr_core.roll.sheet import check_sheet
from dsr_core.roll.watch import batches

Make = Callable[[Path, Path | None, Path | None, Path | None], Job]


def restore(chosen: argparse.Namespace, make: Make) -> int:
    """Restore what was asked for and return the exit code.

    Parameters
    ----------
    chosen
        The command line.
    make
        Returns the job for a source, a result, a mask and an overlay.

    Raises
    ------
    DsrError
        The command line makes no sense, or nothing can be begun.
    """
    if chosen.watch:
        _check(chosen, several=True)
        chosen.resume = True
        for batch in batches(chosen.inputs, recursive=chosen.recursive, without=_folders(chosen)):
            _restore(chosen, make, batch, several=False)
    found = find(chosen.inputs, recursive=chosen.recursive, without=_folders(chosen))
    several = len(found) > 1 or found[0].path not in chosen.inputs
    _check(chosen, several=several)
    return _restore(chosen, make, found, several=several)


def _folders(chosen: argparse.Namespace) -> list[Path]:
    return [folder for folder in (chosen.output_dir, chosen.mask_dir, chosen.overlay_dir) if folder]


def _restore(chosen: argparse.Namespace, make: Make, found: Sequence[Found], *, several: bool) -> int:
    """Restore these files and return the exit code."""
    form = FORMATS.get(chosen.format)
    earlier = results_among(found, chosen.output_dir)
    for path in sorted(earlier):
        chosen.console.note(f"{path} is the result of another input; it is passed over.")
    infrared = _infrared_among(chosen, found) - earlier
    for path in sorted(infrared):
        chosen.console.note(f"{path} is the infrared scan of another input; it is passed over.")
    left_out = earlier | infrared
    jobs = [make(file.path, *_targets(chosen, file, form)) for file in found if file.path not in left_out]
    excepted = _excepted(chosen)
    kept = {job.source: job for job in jobs if os.path.realpath(job.source) in excepted}
    jobs = [job for job in jobs if job.source not in kept]
    if chosen.roll:
        jobs = with_places(jobs, chosen.console.note)
    folders = _folders(chosen)
    if chosen.dry_run:
        return rehearse(chosen, jobs, folders)
    for folder in folders:
        make_folder(folder)
    return Roll(chosen, several=several).run(jobs, kept.values(), folders)


def _infrared_among(chosen: argparse.Namespace, found: Sequence[Found]) -> set[Path]:
    """Return those inputs that are the infrared scans of others."""
    if chosen.infrared != AUTO:
        return set()
    beside = {infrared_beside(file.path) for file in found}
    return {file.path for file in found if file.path in beside}


def _excepted(chosen: argparse.Namespace) -> set[str]:
    """Return the files that are left alone, as their real paths; a relative one is seen from here."""
    if chosen.excepted is None:
        return set()
    try:
        lines = chosen.excepted.read_text("utf-8-sig", "surrogateescape").splitlines()
    except OSError as error:
        raise DsrError(f"{chosen.excepted} cannot be read ({error.strerror}); check its name.") from error
    return {os.path.realpath(line.strip()) for line in lines if line.strip()}


def _check(chosen: argparse.Namespace, *, several: bool) -> None:
    """Refuse what makes no sense together."""
    _check_files(chosen, several=several)
    if (chosen.resume or chosen.watch) and not chosen.output_dir:
        raise UsageError(
            "--resume and --watch look up in the folder of the results what is done; give --output-dir."
        )
    if chosen.roll and (chosen.watch or not several):
        raise UsageError(
            "--roll compares files with each other; give all of a roll at once, without --watch."
        )
    if chosen.watch and (chosen.report or chosen.contact_sheet or chosen.dry_run):
        raise UsageError("--watch has no end; for a report run the same without it later, with --resume.")
    if (chosen.report or chosen.contact_sheet) and STREAM in (*chosen.inputs, chosen.output):
        raise UsageError("A report needs files to show; give the input and the result a name.")
    if chosen.scheduler and STREAM in (*chosen.inputs, chosen.output):
        raise UsageError("A cluster takes files that all of its machines see; give the input a name.")
    if chosen.scheduler and find_spec("distributed") is None:
        raise DsrError("--scheduler needs Dask; run: pip install 'dust-scratch-removal[cluster]'.")
    if chosen.contact_sheet:
        check_sheet(chosen.contact_sheet)
    if chosen.jobs is not None and chosen.jobs < 1:
        raise UsageError(f"--jobs must be 1 or more, not {chosen.jobs}.")


def _check_files(chosen: argparse.Namespace, *, several: bool) -> None:
    """Refuse files named for one scan where there are several, and values for a mask that nobody wants."""
    if several and (chosen.output or chosen.mask or chosen.overlay):
        raise UsageError(
            "-o, --mask and --overlay name one file, and a folder is several; with several inputs "
            "use --output-dir, --mask-dir and --overlay-dir."
        )
    if several and chosen.infrared not in {OFF, AUTO}:
        raise UsageError(
            "--infrared FILE belongs to one scan; with several, each takes a file such as "
            "scan_ir.tif beside it."
        )
    if several and chosen.fill:
        raise UsageError("--fill names the mask of one scan; with several, restore each by itself.")
    if chosen.mask_kinds and not (chosen.mask or chosen.mask_dir):
        raise UsageError("--mask-kinds says what stands in the mask; give --mask or --mask-dir, too.")


def _targets(
    chosen: argparse.Namespace, file: Found, form: str | None
) -> tuple[Path, Path | None, Path | None]:
    """Return where result, mask and overlay of a file go."""
    name = file.below / file.path.stem
    output = chosen.output
    if output is None and (file.path != STREAM or chosen.output_dir):
        output = output_for(file.path, chosen.output_dir and chosen.output_dir / file.below, form)
    mask = chosen.mask_dir / f"{name}.mask.png" if chosen.mask_dir else chosen.mask
    overlay = chosen.overlay_dir / f"{name}.defects.jpg" if chosen.overlay_dir else chosen.overlay
    return output or STREAM, mask, overlay
