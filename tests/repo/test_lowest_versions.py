"""The lowest versions of what the package needs, on the lowest Python: the core's tests pass on them, too."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        sys.version_info[:2] != (3, 11), reason="the lowest versions are for the lowest Python"
    ),
]


def lowest() -> list[str]:
    """Return each dependency that counts here, pinned to the lowest series that the project allows."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    needed = [Requirement(text) for text in project["dependencies"]]
    return [
        f"{each.name}=={next(iter(each.specifier)).version}.*"
        for each in needed
        if each.marker is None or each.marker.evaluate()
    ]


def test_the_core_passes_its_tests_on_the_lowest_versions(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    tools = ["pytest", "pytest-timeout", "hypothesis", "pillow", "onnx"]
    subprocess.run([python, "-m", "pip", "install", "-q", *lowest(), *tools], check=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\ntimeout = 900\n")
    files = ["files", "promises", "io", "filter", "compose", "pixels", "installation"]
    ran = subprocess.run(
        [python, "-m", "pytest", "-q", "-c", tmp_path / "pytest.ini", "-p", "no:cacheprovider"]
        + [REPOSITORY / "tests" / "core" / f"test_core_{name}.py" for name in files],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}", "PATH": str(python.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-1000:]
