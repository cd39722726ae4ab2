"""A small roll to work on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from dsr_core.cli import main
from tests.dusty import dusty


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def roll(folder):
    """Return a folder with two scans, one more in a folder below, and what is no scan."""
    (folder / "roll" / "strip 2").mkdir(parents=True)
    for number, name in enumerate(("1.tif", "2.tif", "strip 2/1.tif")):
        write(folder / "roll" / name, number)
    (folder / "roll" / "notes.txt").write_text("Kodak Gold, 1998")
    (folder / "roll" / ".hidden.tif").write_bytes((folder / "roll" / "1.tif").read_bytes())
    return folder / "roll"


def write(path, number=0, height=80, width=96):
    """Write a scan that differs from those of other numbers."""
    picture = dusty(height, width)
    tifffile.imwrite(path, picture - picture.dtype.type(number), photometric="rgb")


@pytest.fixture
def call(toy_model, capfd):
    """Return a function that restores with the toy model and returns exit code, output and errors."""

    def run(*arguments):
        code = main(["restore", *map(str, arguments), "--model", str(toy_model), "--provider", "cpu"])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def start(toy_model):
    """Return a function that starts the same in a process of its own."""
    started = []

    def run(*arguments):
        command = [Path(sys.executable).with_name("dsr-core"), "restore", *arguments]
        process = subprocess.Popen(
            [*map(str, command), "--model", str(toy_model), "--provider", "cpu"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def names(folder):
    """Return the names of all files in a folder and below, but for the index."""
    found = (path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.name != ".dsr-core.sqlite")


def differences(source, result, mask):
    """Return whether samples outside the mask differ, and whether some inside it do."""
    before, after = tifffile.imread(source), tifffile.imread(result)
    changed = (before != after).any(axis=2)
    return bool(changed[mask == 0].any()), bool(np.any(changed))
