"""One file through the filter: read, restore, write everything that was asked for or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsr_core.atomic import check_free, write_all
from dsr_core.errors import DsrError
from dsr_core.filter import restore_steps, run
from dsr_core.io import check_target, read_picture, write_mask, write_picture, write_plain
from dsr_core.options import Options
from dsr_core.pixels import painted, pick
from dsr_core.prediction import Progress


@dataclass(frozen=True)
class Job:
    """What to do with one file.

    Parameters
    ----------
    source
        The image.
    options, model, provider
        As for `dsr_core.restore`.
    output, mask, overlay
        Where the restored image, the mask (8 bit, 0 and 255) and a picture of the defects go; ``None`` for
        nowhere.
    overwrite
        Whether these files may exist already.
    """

    source: Path
    options: Options
    model: str
    provider: str
    output: Path | None
    mask: Path | None
    overlay: Path | None
    overwrite: bool

    def run(self, on_progress: Callable[[Progress], None]) -> dict[str, Any]:
        """Do it and return a report whose values JSON can hold.

        Raises
        ------
        DsrError
            The file cannot be read, restored or written; then nothing was written.
        """
        targets = [path for path in (self.output, self.mask, self.overlay) if path is not None]
        if len({path.resolve() for path in targets}) < len(targets):
            raise DsrError("Result, mask and overlay need a name each; two of them are the same.")
        check_free(targets, overwrite=self.overwrite)
        picture = read_picture(self.source)
        if self.output is not None:
            check_target(self.output, picture.pixels)
        try:
            result = run(
                restore_steps(picture.pixels, self.options, model=self.model, provider=self.provider),
                on_progress,
            )
        except MemoryError as error:
            raise DsrError(
                f"{self.source} is too large for this machine's memory; cut it into parts."
            ) from error
        writers: dict[Path, Callable[[Path], None]] = {}
        if self.output is not None:
            writers[self.output] = lambda path: write_picture(path, result.image, picture)
        if self.mask is not None:
            writers[self.mask] = lambda path: write_mask(path, result.mask, picture)
        if self.overlay is not None:
            marked = painted(picture.pixels, result.mask)
            writers[self.overlay] = lambda path: write_plain(path, marked, picture)
        write_all(writers, overwrite=self.overwrite)
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
            "changed": float(changed / result.mask.size),
            "notes": list(result.notes),
        }


def output_for(source: Path, folder: Path | None) -> Path:
    """Return ``scan.restored.tif`` for ``scan.tif``, beside it or in ``folder``."""
    return (folder or source.parent) / f"{source.stem}.restored{source.suffix}"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
