"""Files that are either written whole or not at all."""

import contextlib
import os
import shutil
import socket
import sys
import zlib
from collections.abc import Callable
from itertools import count
from pathlib import Path

from dsr_core.errors import DsrError

_LONGEST_SUFFIX = 16  # a file's whole name may have 255 bytes
_numbers = count()


def write_all(writers: dict[Path, Callable[[Path], None]], *, overwrite: bool) -> None:
    """Write several files, all or none: each to a temporary name in its own folder first, then renamed.

    A target that is a symbolic link stays one, and the file that it points to is replaced; a file that is
    replaced hands its permissions on. A process that is killed in the middle leaves each target whole, old or
    new, and temporary files that the next call for the same folder removes.

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
    real = {path: _resolved(path) for path in writers}
    for folder in {target.parent for target in real.values()}:
        _clear(folder)
    staged = {path: _temporary(real[path], "part") for path in writers}
    try:
        for path, write in writers.items():
            try:
                write(staged[path])
                _settle(staged[path], real[path])
            except OSError as error:
                raise _unwritable(path, error) from error
        check_free(list(writers), overwrite=overwrite)
        _rename({path: (staged[path], real[path]) for path in writers}, overwrite=overwrite)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def check_free(targets: list[Path], *, overwrite: bool) -> None:
    """Refuse targets that exist, are folders, lie in no folder or in one without the right to write."""
    for path in targets:
        try:
            if path.is_dir():
                raise DsrError(f"{path} is a folder; give the name of a file, or use --output-dir.")
            if path.exists() and not overwrite:
                raise _taken(path)
            if path.exists() and not path.stat().st_mode & 0o222:
                raise DsrError(f"{path} is protected against writing; choose another name or unprotect it.")
        except OSError as error:
            raise DsrError(f"{path} cannot be written ({error.strerror}); choose another name.") from error
        folder = _resolved(path).parent
        if not folder.is_dir():
            raise DsrError(f"There is no folder {path.parent}; create it first.")
        if not os.access(folder, os.W_OK):
            raise DsrError(f"There is no right to write in the folder {path.parent}; choose another one.")


def _resolved(path: Path) -> Path:
    """Return where a symbolic link leads, or the path itself."""
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:
        raise DsrError(f"{path} is a link that leads nowhere; choose another name.") from error


def _taken(path: Path) -> DsrError:
    return DsrError(f"{path} exists already; choose another name or use --overwrite.")


def _unwritable(path: Path, error: OSError) -> DsrError:
    reason = error.strerror or error
    return DsrError(f"{path} cannot be written ({reason}); check its folder and the space on the disk.")


def _settle(temporary: Path, target: Path) -> None:
    """Bring a file to the disk, and give it the permissions of the one that it replaces."""
    with temporary.open("r+b") as file:
        os.fsync(file.fileno())
    with contextlib.suppress(FileNotFoundError):
        shutil.copymode(target, temporary)


def _rename(files: dict[Path, tuple[Path, Path]], *, overwrite: bool) -> None:
    """Put each temporary file in its target's place; if one fails, put the old ones back."""
    old = {path: _temporary(target, "old") for path, (_, target) in files.items() if target.exists()}
    done: list[Path] = []
    place = Path.replace if overwrite else _place
    try:
        if len(files) > 1:
            for path, backup in old.items():
                _keep(files[path][1], backup)
        for path, (temporary, target) in files.items():
            place(temporary, target)
            done.append(path)
    except OSError as error:
        failed = next(path for path in files if path not in done)
        stuck = [path for path in done if not _undone(files[path][1], old.get(path))]
        if stuck:
            new = ", ".join(map(str, stuck))
            raise DsrError(f"{failed} cannot be written ({error}), but {new} is new.") from error
        if isinstance(error, FileExistsError):
            raise _taken(failed) from error
        raise _unwritable(failed, error) from error
    finally:
        for backup in old.values():
            backup.unlink(missing_ok=True)


def _place(temporary: Path, target: Path) -> None:
    """Give a file its name, but not that of a file which another process has made meanwhile."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # the disk has no hard links
        temporary.replace(target)


def _keep(target: Path, backup: Path) -> None:
    """Make a second name for a file, or a copy where the disk has no hard links."""
    try:
        backup.hardlink_to(target)
    except OSError:
        shutil.copy2(target, backup)


def _undone(target: Path, backup: Path | None) -> bool:
    """Put the old file back; return whether that was possible."""
    try:
        target.unlink() if backup is None else backup.replace(target)
    except OSError:
        return False
    return True


def _here() -> str:
    """Return a short name of this computer: a folder may be shared by several."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _temporary(target: Path, kind: str) -> Path:
    """Return a free name beside a target that says who made it, short whatever the target's is."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= _LONGEST_SUFFIX else ""
    return target.with_name(f".dsr-{_here()}-{os.getpid()}-{next(_numbers)}.{kind}{suffix}")


def _clear(folder: Path) -> None:
    """Remove what processes of this computer left that were killed while they wrote."""
    if sys.platform == "win32":  # where one cannot ask for a process without harm
        return
    for path in folder.glob(f".dsr-{_here()}-*-*.*"):
        number = path.name.split("-")[2]
        if number.isdecimal() and not _is_alive(int(number)):
            path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
