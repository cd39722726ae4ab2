"""Files that appear while a scanner works."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsr_core.errors import DsrError
from dsr_core.roll.listing import Found, pictures_in

_EVERY = 1.0  # seconds between two looks: network drives, where scanners write, report no events
_QUIET = 3  # looks at which a file must be the same before it counts as whole

_Stamp = tuple[int, int]


def batches(folders: Sequence[Path], *, recursive: bool, without: Sequence[Path]) -> Iterator[list[Found]]:
    """Yield new and changed files of some folders, as soon as they are whole; never end.

    A file is whole when its size and time have been the same for three seconds. One that turns out to be
    damaged comes again when it has grown.

    Raises
    ------
    DsrError
        One of these is no folder, or cannot be read.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DsrError(f"{folder} is no folder; --watch looks at folders.")
    looks: dict[Path, tuple[_Stamp, int]] = {}
    while True:
        whole = []
        for folder in folders:
            for file in pictures_in(folder, recursive=recursive, without=without):
                stamp = _stamp(file.path)
                before, count = looks.get(file.path, (stamp, -1))
                count = count + 1 if stamp == before else 0
                looks[file.path] = stamp, count
                if count == _QUIET:
                    whole.append(file)
        if whole:
            yield whole
        time.sleep(_EVERY)


def _stamp(path: Path) -> _Stamp:
    try:
        stat = path.stat()
    except OSError:  # it is gone again
        return (0, 0)
    return stat.st_size, stat.st_mtime_ns
