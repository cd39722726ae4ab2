"""CONTRIBUTING.md's example: a new option reaches all three front ends from one file."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "CONTRIBUTING.md").read_text()
FIELD, HEED = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)

FRONT_ENDS = """
import json
from collections import defaultdict
from dsr_core.arguments import make_parser
from dsr_core.options import described
from dsr_gimp.installer import plugin_files
from dsr_napari.rows import _option_row

parser = make_parser(defaultdict(lambda: print))
assert parser.parse_args(["restore", "x", "--min-contrast", "0.5"]).min_contrast == 0.5
row = _option_row(described()[-1])
assert (row.label, row["min_contrast"].min, row["min_contrast"].max) == ("Least contrast row", 0, 1)
assert row["min_contrast"].tooltip == "Leave defects alone that hardly differ from their repair."
option = json.loads(plugin_files()["options.json"])[-1]
assert (option["name"], option["default"], option["low"], option["high"]) == ("min_contrast", 0.0, 0, 1)
"""

FILTER = """
import numpy as np
from dsr_core import DsrError, Options, Prediction, find_defects

image = np.full((30, 30, 3), 100, np.uint8)
image[5:8, 5:8], image[20:23, 20:23] = 110, 250
probability = np.where(image[..., 0] > 100, 255, 0).astype(np.uint8)
prediction = Prediction(image, np.full_like(image, 100), probability, None, "cpu")
assert find_defects(prediction, Options(grow=0)).sum() == 18
assert find_defects(prediction, Options(grow=0, min_contrast=0.2)).sum() == 9
try:
    Options(min_contrast=2)
except DsrError as error:
    assert str(error) == "min_contrast must be a number from 0 to 1, not 2."
"""


@pytest.fixture(scope="module")
def with_option(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the packages, changed as CONTRIBUTING.md has it."""
    folder = tmp_path_factory.mktemp("contributor")
    for name in ("dsr_core", "dsr_napari", "dsr_gimp"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "onnx_models").mkdir()
    for name, text, before in (
        ("options.py", FIELD, "\n    def __post_init__"),
        ("detect.py", HEED, "    if decided is not None:"),
    ):
        path = folder / "dsr_core" / name
        assert path.read_text().count(before) == 1
        path.write_text(path.read_text().replace(before, text + before))
    return folder


@pytest.mark.parametrize("program", [FRONT_ENDS, FILTER], ids=["front ends", "filter"])
def test_an_option_added_as_the_guide_says(with_option: Path, program: str):
    environment = os.environ | {"PYTHONPATH": str(with_option), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environment, cwd=with_option, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", GUIDE):
        assert (REPOSITORY / target).exists(), target


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "dsr_core").glob("[!_]*.py")), ids=lambda path: path.stem
)
def test_the_map_has_every_module_of_the_core(path: Path):
    assert re.search(rf"`(dsr_core/)?{path.name}`", GUIDE)
