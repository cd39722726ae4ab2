"""What ``dsr-gimp install`` wrote beside the plug-in: the options and the Python that does the work."""

import json
from pathlib import Path

from dsr_core.editor.wire import PlugInError

_FOLDER = Path(__file__).parent

OPTIONS = json.loads((_FOLDER / "options.json").read_text(encoding="utf-8"))
"""Fields of `dsr_core.options.Described`, one dictionary for each option."""


def argument(option):
    """Return the name of an option's argument in GIMP."""
    return option["name"].replace("_", "-")


def everything(config):
    """Say whether all that is selected is to be repaired, and not what the network finds."""
    return config.get_property("what") == "selected"


def adds(config):
    """Say whether an earlier result is kept: what is selected is always added to it."""
    return everything(config) or config.get_property("earlier") == "add"


def wanted(config):
    """Return what is chosen, as the worker expects it."""
    options = {option["name"]: config.get_property(argument(option)) for option in OPTIONS}
    return {"options": options, "everything": everything(config)}


def worker_python():
    """Return the interpreter of the environment that the plug-in was installed from."""
    try:
        return json.loads((_FOLDER / "engine.json").read_text(encoding="utf-8"))["python"]
    except (OSError, ValueError, KeyError) as error:
        raise PlugInError(
            "The filter does not know its Python environment; run `dsr-gimp install` again."
        ) from error
