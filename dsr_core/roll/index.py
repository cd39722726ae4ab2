"""What has been done already: a small database beside the results."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from dsr_core.errors import DsrError
from dsr_core.io.infrared import infrared_file
from dsr_core.job import STREAM, Job
from dsr_core.models import find_model
from dsr_core.version import project_version

NAME = ".dsr-core.sqlite"
_TABLES = """
create table if not exists scans (
    output text primary key, source text, size integer, mtime integer, sha256 text, settings text, record text
);
create table if not exists results (
    path text primary key, size integer, mtime integer, sha256 text, begun integer default 0
);
create index if not exists results_by_size on results (size);
"""
Seen = tuple[int, int, str]

# What a job may say that changes none of the files it writes.
_NO_SETTING = frozenset({"source", "output", "mask", "overlay", "overwrite", "inputs", "provider", "look"})


def settings_of(job: Job) -> str:
    """Return a checksum of all that a job's results depend on, its source aside.

    These are its options, the content of its model, the version of this project, and which files are asked
    for. Not the provider: it is a matter of rounding.

    Raises
    ------
    DsrError
        There is no such model.
    """
    scan = infrared_file(job.infrared, job.source)
    said = {each.name: getattr(job, each.name) for each in fields(job) if each.name not in _NO_SETTING}
    said |= {
        "options": asdict(job.options),
        "model": find_model(job.model).sha256,
        "infrared": (job.infrared, checksum(scan) if scan and scan.is_file() else ""),
        "fill": checksum(job.fill) if job.fill and job.fill.is_file() else "",
        "version": project_version(),
        "written": [path and path.suffix for path in (job.output, job.mask, job.overlay)],
    }
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).hexdigest()


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Index:
    """The database of one folder of results.

    A file is known by its content and by the settings it was restored with. As long as its path, size and
    time are the same, its content is taken to be the same; otherwise it is read. Paths are kept relative to
    the folder, so that both may move. Whatever is begun is written down before, so that after a sudden end
    it is known which of the files there are ours.

    Parameters
    ----------
    folder
        Where the results go.

    Raises
    ------
    DsrError
        The database cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        with self._told():
            self._base = sqlite3.connect(self._path, isolation_level=None, timeout=60)
            self._base.executescript(_TABLES)

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    def done(self, job: Job, settings: str) -> dict[str, Any] | None:
        """Return the record of a source whose results are all there, ``None`` if it has to be done."""
        targets = targets_of(job)
        row = self._row(
            "select source, size, mtime, sha256, record from scans where output = ? and settings = ?",
            self._inside(targets[0]),
            settings,
        )
        if row is None or row[4] is None or not all(self._is_whole(path) for path in targets):
            return None
        source, size, mtime, sha256, record = row
        stat = job.source.stat()
        same = (source, size, mtime) == (self._inside(job.source), stat.st_size, stat.st_mtime_ns)
        if not same and (size != stat.st_size or sha256 != checksum(job.source)):
            return None
        known: dict[str, Any] = json.loads(record)
        return known

    def is_result(self, path: Path) -> bool:
        """Return whether a file holds what was written here once, whatever its name is now."""
        with self._told():
            rows = self._base.execute("select sha256 from results where size = ?", (path.stat().st_size,))
            sums = {row[0] for row in rows} - {None}
        return bool(sums) and checksum(path) in sums

    def is_ours(self, path: Path) -> bool:
        """Return whether a file is a result of ours that nobody has changed since, or half of one."""
        row = self._row("select begun from results where path = ?", self._inside(path))
        return row is not None and (bool(row[0]) or self._is_whole(path))

    def is_changed(self, path: Path) -> bool:
        """Return whether a file that is there was written here and is not what it was."""
        row = self._row("select path from results where path = ?", self._inside(path))
        return row is not None and not self.is_ours(path)

    def begin(self, job: Job) -> None:
        """Write down which files a job is about to write."""
        with self._told():
            self._base.execute("begin")
            for path in targets_of(job):
                name = (self._inside(path),)
                self._base.execute("insert or ignore into results (path) values (?)", name)
                self._base.execute("update results set begun = 1 where path = ?", name)
            self._base.execute("delete from scans where output = ?", (self._inside(targets_of(job)[0]),))
            self._base.execute("commit")

    def fail(self, job: Job) -> None:
        """Write down that a job wrote nothing."""
        with self._told():
            for path in targets_of(job):
                name = (self._inside(path),)
                self._base.execute("delete from results where path = ? and size is null", name)
                self._base.execute("update results set begun = 0 where path = ?", name)

    def finish(self, job: Job, settings: str, files: Mapping[str, Seen], record: Mapping[str, Any]) -> None:
        """Write down what a job wrote; ``files`` are its source and its results, each as `seen` has it."""
        with self._told():
            self._base.execute("begin")
            for path in targets_of(job):
                row = (self._inside(path), *files[str(path)])
                self._base.execute("insert or replace into results values (?, ?, ?, ?, 0)", row)
            scan = (self._inside(targets_of(job)[0]), self._inside(job.source), *files[str(job.source)])
            self._base.execute(
                "insert or replace into scans values (?, ?, ?, ?, ?, ?, ?)",
                (*scan, settings, json.dumps(record)),
            )
            self._base.execute("commit")

    def add(self, path: Path) -> None:
        """Write down that a file beside the results is ours, too."""
        with self._told():
            row = (self._inside(path), *seen(path))
            self._base.execute("insert or replace into results values (?, ?, ?, ?, 0)", row)

    def forget(self, path: Path) -> None:
        """Write down that a result is no more."""
        with self._told():
            self._base.execute("delete from results where path = ?", (self._inside(path),))
            self._base.execute("delete from scans where output = ?", (self._inside(path),))

    def _is_whole(self, path: Path) -> bool:
        row = self._row("select size, mtime, sha256 from results where path = ?", self._inside(path))
        try:
            stat = path.stat()
            same = row is not None and row[0] == stat.st_size
            return bool(same and (row[1] == stat.st_mtime_ns or row[2] == checksum(path)))
        except OSError:
            return False

    def _row(self, question: str, *values: Any) -> Any:
        with self._told():
            return self._base.execute(question, values).fetchone()

    def _inside(self, path: Path) -> str:
        """Return a path as it is kept."""
        try:
            name = os.path.relpath(os.path.realpath(path), os.path.realpath(self._folder))
        except ValueError:  # another drive
            name = os.path.realpath(path)
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DsrError(
                f"{self._path} cannot be used ({error}); remove it, and what is done is done again."
            ) from error


def seen(path: Path) -> Seen:
    """Return size, time in nanoseconds and checksum of a file."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, checksum(path)


def targets_of(job: Job) -> list[Path]:
    """Return the files that a job writes, the restored picture first."""
    return [path for path in (job.output, job.mask, job.overlay) if path not in (None, STREAM)]
