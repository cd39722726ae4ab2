"""The wheel in an environment of its own, without torch."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dsr_core.io import Picture, write_picture
from tests.dusty import dusty
from tests.toy_model import write_toy_model

REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, REPOSITORY, cwd=folder)
    return next(folder.glob("dust_scratch_removal-*.whl"))


def test_the_wheel_holds_the_models_and_only_what_is_installed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {
        "dsr_core",
        "dsr_napari",
        "dsr_gimp",
    }
    code = [
        path for top in ("dsr_core", "dsr_napari", "dsr_gimp") for path in (REPOSITORY / top).rglob("*.py")
    ]
    assert {path.relative_to(REPOSITORY).as_posix() for path in code} <= set(names)
    shipped = sorted(path.name for path in (REPOSITORY / "onnx_models").glob("*.onnx"))
    assert [name.split("/")[-1] for name in sorted(names) if name.endswith(".onnx")] == shipped
    assert all(f"dsr_core/onnx_models/{name}" in names for name in shipped)


def test_the_base_install_restores_without_torch(wheel, tmp_path):
    run(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    brought = run(python, "-m", "pip", "list", "--format", "freeze", cwd=tmp_path).lower()
    assert "onnxruntime==" in brought
    assert "onnxruntime-gpu" not in brought, "340 MB that few can use, and that hide the other one"
    assert "nvidia" not in brought
    model = write_toy_model(tmp_path / "toy.onnx")
    pixels = dusty()
    write_picture(tmp_path / "scan.tif", pixels, Picture(pixels, "tiff"))
    script = """
import sys
import dsr_core
heavy = {"onnxruntime", "cv2", "tifffile", "imagecodecs"}
assert not heavy & set(sys.modules), "importing dsr_core must stay light"
import importlib.util
for absent in ("torch", "onnx", "napari", "training", "tests"):
    assert importlib.util.find_spec(absent) is None, absent
import numpy as np
image = np.full((40, 50, 3), 90, np.uint8)
image[20, 20] = 255
result = dsr_core.restore(image, model=sys.argv[1])
assert result.defects == 1
assert np.array_equal(result.image[~result.mask], image[~result.mask])
"""
    run(python, "-W", "error", "-c", script, model, cwd=tmp_path)
    line = run(tmp_path / "env/bin/dsr-core", "restore", "scan.tif", "--model", model, "--json", cwd=tmp_path)
    assert json.loads(line)["defects"] == 3
    if any((REPOSITORY / "onnx_models").glob("*.onnx")):
        assert "sha256" in run(tmp_path / "env/bin/dsr-core", "models", cwd=tmp_path)
