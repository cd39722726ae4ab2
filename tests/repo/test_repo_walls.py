"""Which part of the product may import which."""

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
OURS = {"dsr_core", "dsr_napari", "dsr_gimp", "training", "tests"}
DESKTOPS = {"napari", "qtpy", "magicgui", "superqt", "vispy", "PyQt5", "PyQt6", "PySide2", "PySide6", "gi"}
TORCH = {"torch", "torchvision", "lightning", "onnx", "onnxscript"}


def imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import, which this test does not follow"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(folder: str) -> list[Path]:
    return sorted((REPOSITORY / folder).rglob("*.py"))


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_this_test_sees_files():
    assert all(files(folder) for folder in ("dsr_core", "dsr_napari", "dsr_gimp", "training"))
    assert "numpy" in imports(REPOSITORY / "dsr_core" / "pixels.py")


@pytest.mark.parametrize("path", files("dsr_core"), ids=lambda path: path.stem)
def test_the_core_knows_neither_desktops_nor_who_uses_it_and_torch_only_in_nn(path):
    names = tops(imports(path))
    assert not names & DESKTOPS
    assert names & OURS <= {"dsr_core"}
    if path.parent.name != "nn":
        assert not names & TORCH


@pytest.mark.parametrize(
    "path", [path for path in files("dsr_core") if path.parent.name != "nn"], ids=lambda p: p.stem
)
def test_nn_is_only_reached_by_the_export_command(path):
    reached = {name for name in imports(path) if name.startswith("dsr_core.nn")}
    assert reached <= (
        {"dsr_core.nn.export", "dsr_core.nn.export.export_onnx"} if path.stem == "cli" else set()
    )


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [("dsr_napari", {"dsr_napari", "dsr_core"}), ("training", {"training", "dsr_core"})],
)
def test_arrows_point_to_the_core(folder, allowed):
    for path in files(folder):
        assert tops(imports(path)) & OURS <= allowed, path


def test_the_gimp_plug_in_is_standard_library_and_gi_only():
    for path in files("dsr_gimp"):
        names = tops(imports(path))
        if path.parent.name == "dsr_gimp":  # the installer
            assert names & OURS <= {"dsr_gimp", "dsr_core"}, path
        else:
            own = {other.stem for other in path.parent.glob("*.py")}
            assert names <= sys.stdlib_module_names | {"gi"} | own, path
