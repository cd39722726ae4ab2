"""Every command and every program in the README runs as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsr_core.arguments import make_parser
from dsr_core.models import models_folder

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.split("  #")[0].strip()
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.splitlines()
    if line.strip()
]
PROGRAMS = [block for kind, block in BLOCKS if kind == "python"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what a reader has in front of him."""
    needed = REPOSITORY / "examples" / "scan.tif", models_folder() / "model-3.onnx"
    if not all(path.is_file() for path in needed):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"missing: {needed}")
    folder = tmp_path_factory.mktemp("reader")
    for name in ("examples", "dsr_core", "dsr_napari", "dsr_gimp", "onnx_models", ".ci"):
        shutil.copytree(
            REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.restored*")
        )
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(REPOSITORY / name, folder / name)
    # The environment that the tests run in stands for the one that `make` would spend minutes to fill.
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def run(*command: str, cwd: Path) -> str:
    """Run a command as somebody new, in an environment with this Python; it must succeed."""
    home = cwd / "home"
    home.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"HOME": str(home), "PATH": path}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_readme_has_commands_and_programs():
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert any(command.startswith("pip install") for command in COMMANDS)
    assert PROGRAMS


@pytest.mark.slow
@pytest.mark.parametrize("command", dict.fromkeys(COMMANDS))
def test_every_command_runs(reader, command):
    if command == "make test":  # it would run this test
        command += " --dry-run"
    # What installs would change the environment that the tests run in.
    if command.startswith("make"):
        command += " -o .venv/installed -o .venv/installed-for-tests"
    if command.startswith("pip install"):
        command += " --dry-run"
    output = run("bash", "-c", command, cwd=reader)
    if command.startswith("make demo"):
        assert (reader / "examples" / "scan.restored.tif").is_file()
        assert str(reader / "examples" / "scan.restored.tif") in output


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_runs(reader, program):
    run(sys.executable, "-W", "error", "-c", program, cwd=reader)


def test_the_table_has_every_option():
    """What `--help` lists and what the table lists are the same."""
    table = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `-")]
    parser = make_parser(dict.fromkeys(("restore", "detect", "models", "doctor", "export-onnx"), len))
    chosen = vars(parser.parse_args(["restore", "scan.tif"])).keys() - {"inputs", "command"}
    named = {name.strip("` -").replace("-", "_") for cell in table for name in cell.split(",")}
    short = {"o": "output", "except": "excepted", "no_linear": "linear"}
    assert {short.get(name, name) for name in named} == chosen


def test_links_and_pictures_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (REPOSITORY / target).exists(), target


def test_what_the_examples_write_leaves_a_checkout_as_it_was():
    written = re.findall(r"(?:-o|--mask|--overlay|--output-dir|--report|>) ([\w./]+)", "\n".join(COMMANDS))
    written += re.findall(r'write_picture\(Path\("([^"]+)"\)', "\n".join(PROGRAMS))
    assert {"clean.tif", "mask.png", "restored", "restored.tif"} <= set(written)
    for name in written:
        command = ["git", "check-ignore", "--quiet", name if "." in name else f"{name}/"]
        assert subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0, name
