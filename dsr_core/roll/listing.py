"""Which files a roll consists of."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsr_core.errors import DsrError
from dsr_core.io.kinds import kind_of
from dsr_core.job import STREAM

_RESULT = ".restored."


@dataclass(frozen=True)
class Found:
    """A file to restore.

    Parameters
    ----------
    path
        The file.
    below
        The folder that it has within a named folder; its results get the same. ``.`` for a file that was
        named itself.
    """

    path: Path
    below: Path = Path()


def find(inputs: Iterable[Path], *, recursive: bool, without: Sequence[Path] = ()) -> list[Found]:
    """Return the files that were named, those in named folders, and those that patterns stand for.

    In a folder, what is a picture by its first bytes counts; hidden files and folders do not. A pattern is
    taken for one only where no file has that very name, as on Windows, whose shell leaves patterns alone.

    Parameters
    ----------
    inputs
        Files, folders and patterns; each file is returned once.
    recursive
        Whether folders within folders count.
    without
        Folders that are not looked into: where results go.

    Raises
    ------
    DsrError
        A folder or a pattern yields no picture, or a folder cannot be read.
    """
    found: dict[Path, Found] = {}
    for path in inputs:
        for file in _expanded(path, recursive=recursive, without=without):
            found.setdefault(file.path, file)
    return list(found.values())


def results_among(found: Iterable[Found], folder: Path | None) -> set[Path]:
    """Return those files that are results of others, by their names: a second run may find them.

    These are ``scan.restored.tif``, ``scan.restored.mask.png`` and the like beside ``scan.tif``, or where its
    results go.
    """
    files = [file for file in found if file.path != STREAM]
    scans = {
        (os.path.realpath(place), file.path.stem)
        for file in files
        for place in (file.path.parent, *([folder / file.below] if folder else []))
    }
    return {
        file.path
        for file in files
        if any((os.path.realpath(file.path.parent), stem) in scans for stem in _stems(file.path.name))
    }


def _stems(name: str) -> Iterator[str]:
    """Yield the names of scans, without suffix, that a file of this name may be a result of."""
    parts = name.split(_RESULT)
    for count in range(1, len(parts)):
        yield _RESULT.join(parts[:count])


def _expanded(path: Path, *, recursive: bool, without: Sequence[Path]) -> Iterator[Found]:
    if path.is_dir():
        files = list(pictures_in(path, recursive=recursive, without=without))
        if not files:
            raise DsrError(f"{path} is a folder without pictures; check its name, or use --recursive.")
        yield from files
    elif path != STREAM and glob.has_magic(str(path)) and not path.exists():
        matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 -- Path.glob knows no drives
        if not matches:
            raise DsrError(f"No file matches {path}; check the name.")
        for match in map(Path, matches):
            yield from _expanded(match, recursive=recursive, without=without)
    else:
        yield Found(path)


def pictures_in(root: Path, *, recursive: bool, without: Sequence[Path] = ()) -> Iterator[Found]:
    """Yield the pictures in a folder, by name; parameters and errors as for `find`."""
    closed = {_identity(folder) for folder in without if folder.is_dir()}

    def refuse(error: OSError) -> None:
        raise DsrError(f"The folder {error.filename} cannot be read ({error.strerror}).") from error

    for folder, inner, names in os.walk(root, onerror=refuse):
        inner[:] = sorted(
            name
            for name in inner
            if recursive and not name.startswith(".") and _identity(Path(folder, name)) not in closed
        )
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and _is_picture(path):
                yield Found(path, Path(folder).relative_to(root))


def _is_picture(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return bool(kind_of(file.read(32)))
    except OSError:  # which picture it is that cannot be read is said when its turn has come
        return True


def _identity(path: Path) -> tuple[int, int]:
    """Return what tells a file or folder from any other, however its name is spelt."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return stat.st_dev, stat.st_ino
