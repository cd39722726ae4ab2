"""Pages with figures say which model files they measured, and these are the files that ship."""

import hashlib
import re
from pathlib import Path

import pytest

from dsr_core.models import find_model, installed_names
from dsr_core.sweep import LOADS
from dsr_core.tiles import Grid
from training.measure.timing import kmac

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "onnx_models"
NAMED = re.compile(r"(model-\w+)(?:(?!model-).)*?\bsha256\s+`([0-9a-f]{12,64})`", re.DOTALL)
PAGES = ("docs/results.md", "docs/real-scans.md", "docs/performance.md")
LEAST = {"model-3", "model-fast"}
"""Models that every page measures: the default one, and the one for CPUs."""

names = pytest.mark.parametrize("name", installed_names())


def measured(page: str) -> dict[str, str]:
    """Return the models that a page names, with what it says of their checksums."""
    text = (REPOSITORY / page).read_text()
    found = NAMED.findall(text)
    assert len(found) == len(dict(found)) == len(re.findall("sha256", text)), "a checksum without a model"
    return dict(found)


def shipped(model: str) -> str:
    """Return the checksum of a file that ships."""
    path = MODELS / f"{model}.onnx"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none: it does not ship"


def faults(page: str) -> list[str]:
    """Say which checksums of a page are not those of what ships."""
    return [
        f"{page} measured another {model}: {checksum}, not {shipped(model)[:12]}"
        for model, checksum in measured(page).items()
        if not shipped(model).startswith(checksum)
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_measured_what_ships(page):
    assert faults(page) == []
    assert set(measured(page)) >= LEAST


@names
def test_a_card_is_of_the_model_beside_it(name):
    page = f"onnx_models/model-{name}.md"
    assert faults(page) == []
    assert list(measured(page)) == [f"model-{name}"]


@names
def test_a_card_says_what_the_model_costs(name):
    said = re.findall(r"([\d.]+) kMAC a pixel", (MODELS / f"model-{name}.md").read_text())
    assert [float(cost) for cost in said] == [pytest.approx(kmac(MODELS / f"model-{name}.onnx"), abs=0.5)]


@names
def test_tiles_compute_little_twice(name):
    model, (height, width) = find_model(name), (4000, 6000)
    grid = Grid(height, width, LOADS["cpu"].tile, model.margin, model.multiple_of)
    tall, wide = grid.tile_shape
    assert len(grid) * tall * wide / (height * width) < 1.35
