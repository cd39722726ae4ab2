"""Files that are either written whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

from dsr_core.errors import DsrError


def write_all(writers: dict[Path, Callable[[Path], None]], *, overwrite: bool) -> None:
    """Write several files, all or none: each to a temporary name in its own folder first, then renamed.

    Parameters
    ----------
    writers
        Target -> function that writes the file at the path it is given.
    overwrite
        Whether targets that exist are replaced.

    Raises
    ------
    DsrError
        A target exists, or cannot be written; then no target has changed.
    """
    check_free(list(writers), overwrite=overwrite)
    staged = {path: path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}") for path in writers}
    try:
        for path, write in writers.items():
            try:
                write(staged[path])
            except OSError as error:
                reason = error.strerror or error
                raise DsrError(
                    f"{path} cannot be written ({reason}); check its folder and the space on the disk."
                ) from error
        check_free(list(writers), overwrite=overwrite)
        for path, temporary in staged.items():
            temporary.replace(path)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def check_free(targets: list[Path], *, overwrite: bool) -> None:
    """Refuse targets that exist, are folders, lie in no folder or in one without the right to write."""
    for path in targets:
        if path.is_dir():
            raise DsrError(f"{path} is a folder; give the name of a file, or use --output-dir.")
        if path.exists() and not overwrite:
            raise DsrError(f"{path} exists already; choose another name or use --overwrite.")
        if not path.parent.is_dir():
            raise DsrError(f"There is no folder {path.parent}; create it first.")
        if not os.access(path.parent, os.W_OK):
            raise DsrError(f"There is no right to write in the folder {path.parent}; choose another one.")
