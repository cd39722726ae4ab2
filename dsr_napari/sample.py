"""The sample picture in napari's File > Open Sample."""

from pathlib import Path

from dsr_core.files import read
