"""Dust and scratch removal for scanned film.

>>> import dsr_core
>>> result = dsr_core.restore(image, dsr_core.Options(sensitivity=0.6))  # doctest: +SKIP
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dsr_core.errors import DsrError
from dsr_core.options import Options

# From 1.29 on, onnxruntime records what it is used for, in the user's cache folder; nothing of ours leaves
# traces. It reads this when it is loaded: a call that switches it off later comes too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from dsr_core.coding import Coding
    from dsr_core.composite import compose
    from dsr_core.detect import find_defects
    from dsr_core.filling import add_evidence, fill
    from dsr_core.filter import predict, restore, restore_steps, run
    from dsr_core.lazy import restore_dask
    from dsr_core.prediction import Prediction, Progress, Restoration

__all__ = [
    "Coding",
    "DsrError",
    "Options",
    "Prediction",
    "Progress",
    "Restoration",
    "add_evidence",
    "compose",
    "fill",
    "find_defects",
    "predict",
    "restore",
    "restore_dask",
    "restore_steps",
    "run",
]

_MODULES = {
    "Coding": "coding",
    "compose": "composite",
    "find_defects": "detect",
    **dict.fromkeys(("add_evidence", "fill"), "filling"),
    **dict.fromkeys(("predict", "restore", "restore_steps", "run"), "filter"),
    "restore_dask": "lazy",
    **dict.fromkeys(("Prediction", "Progress", "Restoration"), "prediction"),
}


def __getattr__(name: str) -> Any:
    """Import a module when it is first used: onnxruntime and OpenCV take half a second."""
    if name in _MODULES:
        return getattr(import_module(f"dsr_core.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
