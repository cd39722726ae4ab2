"""The sample picture in napari's File > Open Sample."""

from pathlib import Path
from typing import Any

import numpy as np

from dsr_core.io import read_picture

_HERE = Path(__file__).resolve().parent


def scan() -> list[tuple[np.ndarray, dict[str, Any], str]]:
    """Return a small damaged scan as napari layer data."""
    inside = _HERE / "scan.tif"  # in the installed package; a source tree has it among the examples
    pixels = read_picture(inside if inside.is_file() else _HERE.parent / "examples" / "scan.tif").pixels
    limits = (0, np.iinfo(pixels.dtype).max) if np.issubdtype(pixels.dtype, np.integer) else (0, 1)
    return [(pixels, {"name": "scan", "contrast_limits": limits}, "image")]
