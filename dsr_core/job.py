"""One file through the filter: read, restore, write everything that was asked for or nothing."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dsr_core.atomic import check_free, write_all
from dsr_core.detect import FOUND
from dsr_core.errors import DsrError
from dsr_core.filter import restore_steps, run
from dsr_core.infrared_names import OFF
from dsr_core.io import (
    FORMATS,
    Picture,
    check_mask_target,
    check_target,
    losses,
    read_picture,
    write_mask,
    write_picture,
    write_plain,
)
from dsr_core.io.film import limited_on_film
from dsr_core.io.infrared import find_infrared_scan, infrared_file
from dsr_core.io.kinds import kind_of, suffix_for
from dsr_core.io.marks import read_marks
from dsr_core.io.orientation import stored_region
from dsr_core.io.picture import Wishes
from dsr_core.kinds import values_of
from dsr_core.options import Options
from dsr_core.pixels import painted, pick
from dsr_core.prediction import Progress, Restoration
from dsr_core.region import Region
from dsr_core.scratches import Place

STREAM = Path("-")
"""Stands for standard input or standard output."""


@dataclass(frozen=True)
class Job:
    """What to do with one file.

    Parameters
    ----------
    source
        The image; ``-`` is standard input.
    options, model, provider
        As for `dsr_core.restore`.
    output, mask, overlay
        Where the restored image, the mask (8 bit, 0 and 255) and a picture of the defects go; ``None`` for
        nowhere. An output of ``-`` is standard output.
    overwrite
        Whether these files may exist already.
    wishes
        What may be left out, and how large the picture may be.
    form
        The format to write, ``None`` for the one that the output's name ends with.
    linear
        Whether the samples are linear light; ``None`` for what the file says.
    white
        The number that means white; ``None`` for what the samples look like.
    keep_date
        Whether the result gets the date of the source.
    mask_kinds
        Whether the mask holds a value for each kind of defect (`dsr_core.kinds.VALUES`) instead of 255.
    infrared
        ``"auto"``, ``"off"`` or a file, as for `dsr_core.io.infrared.find_infrared_scan`.
    places
        Where the roll that the file belongs to has scratches.
    fill
        A mask: what it marks is repaired instead of what the options find.
    only
        The region outside of which nothing changes, as the upright picture shows it.
    size_um
        Smallest and largest size of a defect in micrometres of film; ``None`` for the options' own limits.
    look
        Looks at the result; what it returns goes into the report, as ``"look"``.
    """

    source: Path
    options: Options
    model: str
    provider: str
    output: Path | None
    mask: Path | None
    overlay: Path | None
    overwrite: bool
    wishes: Wishes = field(default_factory=Wishes)
    form: str | None = None
    linear: bool | None = None
    white: float | None = None
    keep_date: bool = False
    mask_kinds: bool = False
    infrared: str = OFF
    places: tuple[Place, ...] = ()
    fill: Path | None = None
    only: Region | None = None
    size_um: tuple[float, float] | None = None
    look: Callable[[Restoration], dict[str, Any]] | None = None

    def run(self, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
        """Do it and return a report whose values JSON can hold.

        Raises
        ------
        DsrError
            The file cannot be read, restored or written; then nothing was written.
        """
        try:
            return self._done(on_progress)
        except MemoryError as error:
            raise self._too_large() from error
        except cv2.error as error:
            if error.code != cv2.Error.StsNoMem:
                raise
            raise self._too_large() from error

    def _done(self, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
        if STREAM in (self.mask, self.overlay):
            raise DsrError("Only a restored picture goes to standard output; give the others a name.")
        named = (self.output, self.mask, self.overlay)
        targets = [path for path in named if path is not None and path != STREAM]
        self._check_names(targets)
        if self.mask is not None:
            check_mask_target(self.mask)
        check_free(targets, overwrite=self.overwrite)
        before = self._stamp()
        source = sys.stdin.buffer.read() if self.source == STREAM else self.source
        picture = read_picture(source, self.wishes, white=self.white)
        notes = list(picture.notes)
        if self.linear is not None:
            notes = [note for note in notes if "--no-linear" not in note]
        form = None
        if self.output is not None:
            by_content = self.output == STREAM or _same(self.output, self.source)
            form = self.form or (picture.form_to_write if by_content else None)
            form = check_target(self.output, picture.pixels, form)
            notes += losses(picture, form)
        own = None if self.source == STREAM else self.source
        infrared, told = find_infrared_scan(self.infrared, picture, own, self.wishes)
        marks, empty = (None, "") if self.fill is None else read_marks(self.fill, picture, self.wishes)
        options, limits = self.options, ""
        if self.size_um is not None:
            options, limits = limited_on_film(options, *self.size_um, picture, self.source)
        notes += filter(None, (told, empty, limits))
        for note in notes:  # before anything is written
            on_progress(Progress(0, 0, note))
        steps = restore_steps(
            picture.pixels,
            options,
            model=self.model,
            provider=self.provider,
            linear=picture.linear if self.linear is None else self.linear,
            coding=picture.coding,
            infrared=infrared,
            places=self.places,
            mask=marks,
            only=self.only and stored_region(self.only, picture.pixels.shape, picture.tags),
        )
        result = run(steps, on_progress)
        if self._stamp() != before:
            raise DsrError(f"{self.source} has changed meanwhile; restore it again when it is complete.")
        write_all(self._writers(picture, result, form), overwrite=self.overwrite)
        if self.output == STREAM:
            self._to_stdout(picture, result, form)
        at = np.flatnonzero(result.mask)
        changed = (pick(result.image, at) != pick(picture.pixels, at)).any(axis=1).sum()
        return {
            "input": str(self.source),
            "output": _text(self.output),
            "mask": _text(self.mask),
            "overlay": _text(self.overlay),
            "megapixels": round(result.mask.size / 1e6, 3),
            "provider": result.provider,
            "model": result.model.name,
            "defects": result.defects,
            "sources": dict(result.sources),
            "changed": float(changed / result.mask.size),
            "notes": [*notes, *result.notes],
            **({"look": self.look(result)} if self.look else {}),
        }

    def _check_names(self, targets: list[Path]) -> None:
        """Refuse results that share a file with each other or the source, however the names are spelt."""
        if any(_same(path, other) for n, path in enumerate(targets) for other in targets[:n]):
            raise DsrError("Result, mask and overlay need a name each; two of them are the same.")
        for path in targets:
            if path != self.output and _same(path, self.source):
                raise DsrError(
                    f"{path} is the input {self.source} itself; choose another name for what is written."
                )
            if not _same(path, self.source) and self._is_infrared(path):
                raise DsrError(
                    f"{path} is the infrared scan of {self.source}; choose another name for what is written."
                )
            if self.fill is not None and _same(path, self.fill):
                raise DsrError(
                    f"{path} is the mask that --fill reads; choose another name for what is written."
                )

    def names(self, path: Path) -> bool:
        """Return whether a path leads to a file that this job reads or writes."""
        named = (self.source, self.output, self.mask, self.overlay, self.fill)
        return any(_same(path, other) for other in named if other is not None) or self._is_infrared(path)

    def _is_infrared(self, path: Path) -> bool:
        """Return whether a file that exists is the one that infrared is read from."""
        infrared = infrared_file(self.infrared, self.source) if path.exists() else None
        return infrared is not None and _same(path, infrared)

    def _stamp(self) -> tuple[int, ...]:
        """Return what tells whether the source is still the file that it was."""
        try:
            stat = self.source.stat()
        except OSError:  # the stream; or it is missing, which the reader says
            return ()
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _too_large(self) -> DsrError:
        return DsrError(f"{self.source} is too large for this machine's memory; cut it into parts.")

    def _writers(
        self, picture: Picture, result: Restoration, form: str | None
    ) -> dict[Path, Callable[[Path], None]]:
        """Return what writes each file."""
        writers: dict[Path, Callable[[Path], None]] = {}
        if self.output is not None and self.output != STREAM:
            writers[self.output] = lambda path: self._write(path, picture, result, form)
        if self.mask is not None:
            marks = values_of(result, FOUND) if self.mask_kinds else result.mask * np.uint8(255)
            writers[self.mask] = lambda path: write_mask(path, marks, picture)
        if self.overlay is not None:
            shown = picture.pixels if picture.coding is None else picture.coding.opened(picture.pixels)
            marked = painted(shown, result.mask)
            writers[self.overlay] = lambda path: write_plain(path, marked, picture)
        return writers

    def _write(self, path: Path, picture: Picture, result: Restoration, form: str | None) -> None:
        write_picture(path, result.image, picture, form)
        if self.keep_date and self.source != STREAM:
            stat = self.source.stat()
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def _to_stdout(self, picture: Picture, result: Restoration, form: str | None) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "result")
            write_picture(path, result.image, picture, form)
            try:
                sys.stdout.buffer.write(path.read_bytes())
                sys.stdout.buffer.flush()
            except OSError as error:
                raise DsrError(
                    f"Standard output takes no picture ({error.strerror}); use -o FILE."
                ) from error


def output_for(source: Path, folder: Path | None, form: str | None = None) -> Path:
    """Return ``scan.restored.tif`` for ``scan.tif``, beside it or in ``folder``.

    The suffix is that of ``form``, or of what the source holds; TIFF where that is not written.
    """
    form = form or _written_kind(source) or FORMATS.get(source.suffix.lower(), "tiff")
    return (folder or source.parent) / f"{source.stem}.restored{suffix_for(source, form)}"


def _written_kind(source: Path) -> str:
    """Return the format in which a result of this file is written, ``""`` if the file cannot be read."""
    try:
        with source.open("rb") as file:
            kind = kind_of(file.read(32))
    except OSError:
        return ""
    return kind if kind in FORMATS.values() else kind and "tiff"


def _same(one: Path, other: Path) -> bool:
    """Return whether two names lead to one file."""
    if STREAM in (one, other):
        return False
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return os.path.realpath(one) == os.path.realpath(other)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
