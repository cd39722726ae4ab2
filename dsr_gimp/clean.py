"""Runs the recipe that cleans a folder of scans in a GIMP without a window."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsr_core.errors import DsrError

RECIPE = Path(__file__).parent / "recipes" / "clean_folder.py"
_NAMES = ("gimp-console-3", "gimp-console-3.2", "gimp-console-3.0", "gimp-console")


def gimp_program() -> str:
    """Return the GIMP that needs no window.

    Raises
    ------
    DsrError
        There is none.
    """
    known = [path for name in _NAMES if (path := shutil.which(name))]
    known += [str(path) for path in _usual_places()]
    if not known:
        raise DsrError("No GIMP 3 was found; name its program gimp-console with --gimp.")
    return known[0]


def _usual_places(platform: str = sys.platform) -> Iterator[Path]:
    if platform == "win32":
        for variable in ("PROGRAMFILES", "LOCALAPPDATA"):
            base = Path(os.environ.get(variable, "")) / ("Programs" if variable == "LOCALAPPDATA" else "")
            yield from sorted((base / "GIMP 3" / "bin").glob("gimp-console-3*.exe"))
    if platform == "darwin":
        yield from sorted(Path("/Applications").glob("GIMP*.app/Contents/MacOS/gimp-console*"))


def clean(gimp: str, scans: Path, results: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """Clean every scan in a folder; what is in the other folder already stays as it is.

    Parameters
    ----------
    gimp
        The program.
    scans, results
        Where the scans are, and where an ``.xcf`` for each goes.
    settings
        Arguments of the filter in GIMP.

    Yields
    ------
    str
        What became of each scan.

    Raises
    ------
    DsrError
        A folder is missing, GIMP cannot be started, or it says that something failed.
    """
    if not scans.is_dir():
        raise DsrError(f"There is no folder {scans}; name the one that holds the scans.")
    names = {"SCANS": str(scans.resolve()), "RESULTS": str(results.resolve())}
    env = {**os.environ, **names, "SETTINGS": json.dumps(dict(settings))}
    batch = ["--batch-interpreter=python-fu-eval", "-b", f"exec(open({str(RECIPE)!r}).read())", "--quit"]
    try:
        running = subprocess.Popen(
            [gimp, "-i", "-d", "-f", *batch],
            env=env,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise DsrError(f"{gimp} cannot be started ({error.strerror}); name GIMP's with --gimp.") from error
    said, told = [], 0
    with running:
        for line in running.stdout or ():
            said.append(line.rstrip())
            if any(line.startswith(f"{scan.name}: ") for scan in scans.iterdir()):
                told += 1
                yield line.rstrip()
    if running.returncode:
        why = "see above" if told else "\n".join(said[-3:]) or "it said nothing"
        raise DsrError(f"GIMP did not clean all of the scans: {why}.")
