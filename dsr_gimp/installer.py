"""Puts the plug-in into a profile folder and takes it out again."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import dsr_core
from dsr_core.errors import DsrError
from dsr_core.options import described
from dsr_core.version import project_version
from dsr_gimp.profiles import Profile

NAME = "dust_scratch_removal"
SOURCE = Path(__file__).parent / NAME / f"{NAME}.py"
SHEBANG = "#!/usr/bin/env python3"
# A name that only our own interpreter entry knows; GIMP takes it in place of what the search path would find.
OWN_SHEBANG = "#!/usr/bin/env dust-scratch-removal-python"
# Modules of the standard library alone that the plug-in imports by the names that they have here.
_SHARED = ("editor/__init__.py", "editor/wire.py", "editor/client.py", "infrared_names.py")
_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3")
_TRIAL = "import gi; gi.require_version('Gimp', '3.0'); from gi.repository import Gegl, Babl"


def plugin_folder(profile: Profile) -> Path:
    """Return the plug-in's own folder in a profile."""
    return profile.path / "plug-ins" / NAME


def interpreter_entry(profile: Profile) -> Path:
    """Return the file that tells GIMP which Python to run the plug-in with, where that is needed."""
    return profile.path / "interpreters" / f"{NAME}.interp"


def plugin_files() -> dict[str, str]:
    """Return the plug-in's files, all but the settings of this installation: path in its folder -> text."""
    own = sorted([*SOURCE.parent.glob("*.py"), *SOURCE.parent.glob("*.html")])
    files = {path.name: path.read_text(encoding="utf-8") for path in own}
    core = Path(dsr_core.__file__).parent
    files["dsr_core/__init__.py"] = '"""Modules that the plug-in shares with the installed package."""\n'
    files |= {f"dsr_core/{name}": (core / name).read_text(encoding="utf-8") for name in _SHARED}
    files["options.json"] = json.dumps([asdict(option) for option in described()], indent=2) + "\n"
    return files


def can_run_plugins(python: str, patience: float = 60) -> bool:
    """Say whether a Python can load GIMP's bindings, and does so within so many seconds."""
    nothing = subprocess.DEVNULL  # a pipe would be waited for as long as any process holds it
    try:
        trial = subprocess.run(
            [python, "-c", _TRIAL],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            timeout=patience,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


def plugin_python(profile: Profile) -> str | None:
    """Return the Python that GIMP has to be told of, ``None`` where the one it finds by itself will do.

    On Windows, on a Mac and in a flatpak or snap GIMP brings its own Python and knows it.
    """
    if profile.kind != "native" or sys.platform in ("win32", "darwin"):
        return None
    found = shutil.which("python3")
    if found and can_run_plugins(found):
        return None
    return next((python for python in _PYTHONS if Path(python).exists() and can_run_plugins(python)), None)


def install(profile: Profile) -> list[str]:
    """Install into a profile, or bring what is there up to date.

    Returns
    -------
    list
        What was done, one line each; none if everything was there already.

    Raises
    ------
    DsrError
        A file cannot be written.
    """
    folder, entry = plugin_folder(profile), interpreter_entry(profile)
    python = plugin_python(profile)
    files = plugin_files()
    if python:
        files[SOURCE.name] = files[SOURCE.name].replace(SHEBANG, OWN_SHEBANG, 1)
    try:
        made, outdated = _listed(folder, "folders_made"), set(_listed(folder, "files")) - set(files)
        for needed in (folder, *([entry.parent] if python else [])):
            for path in (needed.parent, needed):
                if not path.is_dir():
                    path.mkdir()
                    made.append(path.relative_to(profile.path).as_posix())
        (folder / "dsr_core" / "editor").mkdir(parents=True, exist_ok=True)
        done = [_write(folder / name, text, executable=name == SOURCE.name) for name, text in files.items()]
        done += [_remove(folder / name) for name in sorted(outdated)]
        if python:
            done.append(_write(entry, f"{OWN_SHEBANG.split()[1]}={python}\n"))
        else:
            done.append(_remove(entry))
        settings = {
            "python": sys.executable,
            "version": project_version(),
            "files": list(files),
            "folders_made": made,
        }
        done.append(_write(folder / "engine.json", json.dumps(settings, indent=2) + "\n"))
    except OSError as error:
        raise DsrError(
            f"{error.filename} cannot be written ({error.strerror}); check the folder's owner."
        ) from error
    return [line for line in done if line]


def uninstall(profile: Profile) -> list[str]:
    """Remove what `install` wrote, and nothing else; return what was done, one line each.

    Raises
    ------
    DsrError
        A file cannot be removed.
    """
    folder = plugin_folder(profile)
    try:
        made, files = _listed(folder, "folders_made"), _listed(folder, "files")
        written = [folder / name for name in dict.fromkeys([*plugin_files(), *files, "engine.json"])]
        done = [_remove(path) for path in (*written, interpreter_entry(profile))]
        own = [folder / "dsr_core" / "editor", folder / "dsr_core"]
        for path in (*own, folder):
            shutil.rmtree(path / "__pycache__", ignore_errors=True)
        for path in (*own, *(profile.path / name for name in reversed(made))):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    except OSError as error:
        raise DsrError(
            f"{error.filename} cannot be removed ({error.strerror}); check the folder's owner."
        ) from error
    return [line for line in done if line]


def read_settings(folder: Path) -> dict[str, object]:
    """Return what the installer wrote beside the plug-in; nothing if that is missing or damaged."""
    try:
        settings = json.loads((folder / "engine.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _listed(folder: Path, key: str) -> list[str]:
    """Return a list out of the settings."""
    names = read_settings(folder).get(key)
    return [str(name) for name in names] if isinstance(names, list) else []


def _remove(path: Path) -> str:
    """Remove a file; return what was done, or nothing if there is none."""
    if not path.exists():
        return ""
    path.unlink()
    return f"removed {path}"


def _write(path: Path, text: str, *, executable: bool = False) -> str:
    """Write a file, whole or not at all; return what was done, or nothing if it held that text already."""
    mode = 0o755 if executable else 0o644
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        if os.name == "nt" or path.stat().st_mode & 0o777 == mode:
            return ""
        path.chmod(mode)
        return f"made executable {path}"
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.chmod(mode)
    partial.replace(path)
    return f"wrote {path}"
