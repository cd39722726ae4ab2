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


def module_name(path: Path) -> str:
    """Return the dotted name of a file."""
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def modules(names: set[str]) -> set[str]:
    """Return which of these names are modules of ours, packages aside, which only hand names on."""
    found = {REPOSITORY / f"{name.replace('.', '/')}.py" for name in names}
    return {module_name(path) for path in found if path.is_file()}


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


SHARED = {"dsr_core.editor.wire", "dsr_core.editor.client", "dsr_core.infrared_names"}
"""Modules that are copied beside the plug-in."""


def test_the_gimp_plug_in_is_standard_library_and_gi_only():
    for path in files("dsr_gimp"):
        names = imports(path)
        if path.parent.name == "dsr_gimp":  # the installer
            assert tops(names) & OURS <= {"dsr_gimp", "dsr_core"}, path
        else:
            own = {other.stem for other in path.parent.glob("*.py")}
            assert tops(names) <= sys.stdlib_module_names | {"gi", "dsr_core"} | own, path
            assert modules(names) <= SHARED, path


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_the_plug_in_shares_is_standard_library_only(name):
    names = imports(REPOSITORY / f"{name.replace('.', '/')}.py")
    assert tops(names) <= sys.stdlib_module_names | {"dsr_core"}
    assert modules(names) <= SHARED


@pytest.mark.parametrize("folder", ["dsr_core", "dsr_napari", "dsr_gimp", "training"])
def test_no_module_imports_itself_by_way_of_others(folder):
    known = {module_name(path): modules(imports(path)) for path in files(folder)}
    plugin = {path.stem for path in files("dsr_gimp/dust_scratch_removal")}
    if folder == "dsr_gimp":  # GIMP runs the plug-in with its own folder on the path
        known |= {path.stem: tops(imports(path)) & plugin for path in files("dsr_gimp/dust_scratch_removal")}
    while ready := {name for name, others in known.items() if not others & set(known)}:
        known = {name: others for name, others in known.items() if name not in ready}
    assert not known, "these import one another in a circle, or something that does"


@pytest.mark.parametrize("folder", ["dsr_core", "dsr_napari", "dsr_gimp", "training"])
def test_no_module_is_long(folder):
    for path in files(folder):
        if "nn" not in path.parts:
            assert len(path.read_text().splitlines()) <= 300, path
