"""Says whether the filter will appear in GIMP, and if not, why."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np

from dsr_core.editor.client import Client, WorkerEndedError
from dsr_core.editor.wire import PlugInError
from dsr_core.errors import DsrError
from dsr_gimp.installer import (
    OWN_SHEBANG,
    SHEBANG,
    SOURCE,
    can_run_plugins,
    interpreter_entry,
    plugin_files,
    plugin_folder,
    read_settings,
)
from dsr_gimp.profiles import Profile

_REINSTALL = "run `dsr-gimp install`"


def faults(profile: Profile) -> list[str]:
    """Return why the filter will not appear or work in this GIMP, a sentence each; none if all is well."""
    plugin = plugin_folder(profile) / SOURCE.name
    if not plugin.is_file():
        return [f"it is not installed here: {_REINSTALL}"]
    shebang, _, body = plugin.read_text(encoding="utf-8").partition("\n")
    found = []
    files = plugin_files()
    same = body == files.pop(SOURCE.name).partition("\n")[2]
    if not same or any(_text(plugin.parent / name) != text for name, text in files.items()):
        found.append(f"it is of another version than the installed package: {_REINSTALL} again")
    if os.name != "nt" and not os.access(plugin, os.X_OK):
        found.append(f"{plugin} is not executable: {_REINSTALL} again")
    found += _interpreter_faults(profile, shebang)
    found += _path_faults(profile)
    found += _engine_faults(profile)
    return found


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _interpreter_faults(profile: Profile, shebang: str) -> list[str]:
    """Check the Python that GIMP will run the plug-in with; packed GIMPs bring theirs."""
    if profile.kind != "native" or sys.platform in ("win32", "darwin"):
        return []
    if shebang == SHEBANG:
        python = shutil.which("python3")
    elif shebang == OWN_SHEBANG and interpreter_entry(profile).is_file():
        python = interpreter_entry(profile).read_text(encoding="utf-8").strip().partition("=")[2]
    else:
        return [f"its first line names an interpreter that GIMP does not know: {_REINSTALL} again"]
    if python and can_run_plugins(python):
        return []
    return [
        (
            f"{python or 'python3'} cannot load GIMP's bindings: install them (Debian, Ubuntu: apt install "
            f"gir1.2-gimp-3.0 python3-gi) and {_REINSTALL} again"
        )
    ]


def _path_faults(profile: Profile) -> list[str]:
    """Check that GIMP looks into the profile's own folder of plug-ins."""
    settings = profile.path / "gimprc"
    text = settings.read_text(encoding="utf-8", errors="replace") if settings.is_file() else ""
    paths = re.findall(r'^\s*\(plug-in-path\s+"([^"]*)"\)', text, re.MULTILINE)
    places = (str(profile.path / "plug-ins"), "${gimp_dir}/plug-ins", "${gimp_dir}" + os.sep + "plug-ins")
    if not paths or any(place.rstrip("/\\") in places for place in paths[-1].split(os.pathsep)):
        return []
    return [
        "GIMP does not look into its own plug-ins folder: add it in Edit > Preferences > Folders > Plug-ins"
    ]


def _engine_faults(profile: Profile) -> list[str]:
    """Check the Python that does the work."""
    python = str(read_settings(plugin_folder(profile)).get("python", ""))
    if not python or not Path(python).is_file():
        return [f"the Python that it was installed from is gone ({python or 'unknown'}): {_REINSTALL} again"]
    if profile.kind == "flatpak" and Path(python).resolve().is_relative_to("/usr"):
        return [
            (
                f"a flatpak cannot see {Path(python).resolve()}: install this package with a Python "
                f"in your home folder (for instance `uv tool install`) and {_REINSTALL} from there"
            )
        ]
    return []


def round_trip(python: str, patience: float = 120) -> str:
    """Send a small picture with one speck through the worker process, as GIMP would; return what ran.

    Parameters
    ----------
    python
        The interpreter that runs the worker.
    patience
        Seconds without an answer after which the worker is given up.

    Raises
    ------
    DsrError
        It did not come back restored.
    """
    try:
        with Client(python, patience) as client:
            return _exchange(client)
    except WorkerEndedError as error:
        raise DsrError(
            f"The worker process ended unexpectedly ({error.reason}); install the package again."
        ) from error
    except PlugInError as error:
        raise DsrError(str(error)) from error


def _exchange(client: Client) -> str:
    if not client.models:
        raise DsrError("No model is installed; install the package again.")
    picture = np.full((128, 128, 3), 90, np.uint8)
    picture[60:66, 60:66] = 250
    shape = {"width": 128, "height": 128, "channels": 3, "dtype": "u8", "linear": False, "clip": False}
    chosen = {"model": client.models[-1], "provider": "auto"}
    request = client.send("predict", picture.nbytes, [picture.tobytes()], **shape, **chosen)
    ran = f"model {chosen['model']} on {client.wait(request)[0]['provider']}"
    request = client.send("compose", options={}, region=[0, 0, 128, 128], alpha="kept")
    if not client.wait(request)[0]["changed"]:
        raise DsrError(f"The speck in the test picture was not found ({ran}); install the package again.")
    return f"{ran}, which finds the speck in a test picture"
