"""Where GIMP 3 keeps a person's plug-ins, on every system."""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsr_core.errors import DsrError

_VERSION = re.compile(r"3\.\d+")
_PROGRAMS = ("gimp", "gimp-3", "gimp-3.0")


@dataclass(frozen=True)
class Profile:
    """One GIMP's profile folder.

    Parameters
    ----------
    path
        The folder that holds ``plug-ins`` and ``gimprc``.
    kind
        ``"native"``, ``"flatpak"`` or ``"snap"``: whose Python GIMP runs, and what it can see of the machine.
    """

    path: Path
    kind: str

    @property
    def label(self) -> str:
        """What to call it in a report."""
        packed = "" if self.kind == "native" else f", {self.kind}"
        return (
            f"GIMP {self.path.name}{packed} ({self.path})"
            if _VERSION.fullmatch(self.path.name)
            else str(self.path)
        )


def find_profiles(
    env: Mapping[str, str] = os.environ, home: Path | None = None, platform: str = sys.platform
) -> list[Profile]:
    """Return the profile folder of every GIMP 3 that was started at least once, in a steady order.

    A folder that is not there yet is not made: GIMP would take it for a profile and not carry settings over.

    Parameters
    ----------
    env
        Environment variables; ``GIMP3_DIRECTORY`` names a folder beside the usual ones.
    home, platform
        Home folder and ``sys.platform``.

    Raises
    ------
    DsrError
        There is none.
    """
    home = home or Path.home()
    found = []
    if named := env.get("GIMP3_DIRECTORY"):
        found.append(Profile(home / named, "native"))
    for base, kind in _bases(env, home, platform):
        if base.is_dir():
            versions = (
                folder for folder in base.iterdir() if folder.is_dir() and _VERSION.fullmatch(folder.name)
            )
            ordered = sorted(versions, key=lambda folder: int(folder.name[2:]))
            found += [Profile(folder, kind) for folder in ordered]
    unique = {profile.path.resolve(): profile for profile in reversed(found) if profile.path.is_dir()}
    if not unique:
        raise DsrError(
            "No GIMP 3 profile folder was found; start GIMP 3 once, or set GIMP3_DIRECTORY to the folder "
            "that Edit > Preferences > Folders shows."
        )
    return list(reversed(unique.values()))


def _bases(env: Mapping[str, str], home: Path, platform: str) -> list[tuple[Path, str]]:
    """Return the folders in which each version of GIMP has one."""
    if platform == "win32":
        return [(Path(env.get("APPDATA") or home / "AppData" / "Roaming") / "GIMP", "native")]
    if platform == "darwin":
        return [(home / "Library" / "Application Support" / "GIMP", "native")]
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    own = home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP"
    shared = "native" if own.is_dir() or not _only_flatpak(env, home) else "flatpak"
    return [
        (config / "GIMP", shared),
        (own, "flatpak"),
        (home / "snap" / "gimp" / "current" / ".config" / "GIMP", "snap"),
    ]


def _only_flatpak(env: Mapping[str, str], home: Path) -> bool:
    """Return whether GIMP is here as a flatpak only, which shares the profile folder of a native one."""
    folders = (
        home / ".var" / "app",
        home / ".local" / "share" / "flatpak" / "app",
        Path("/var/lib/flatpak/app"),
    )
    packed = any((folder / "org.gimp.GIMP").is_dir() for folder in folders)
    return packed and not any(shutil.which(name, path=env.get("PATH", "")) for name in _PROGRAMS)
