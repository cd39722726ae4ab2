"""Where results go: no input replaced unasked, all or none, whatever names, links and streams there are."""

import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from dsr_core import DsrError, atomic, job
from dsr_core.atomic import write_all
from dsr_core.cli import main
from dsr_core.console import Console
from dsr_core.io import read_picture
from tests.core.made_files import page, png, tiff
from tests.dusty import dusty

SCAN = tiff(page(dusty(dtype="uint8")))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.tif").write_bytes(SCAN)
    return tmp_path


@pytest.fixture
def call(folder, toy_model, capfd):
    """Return a function that runs a command with the toy model and returns exit code, output and errors."""
    del folder

    def run(command, *arguments):
        code = main([command, *map(str, arguments), "--model", str(toy_model), "--provider", "cpu"])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def names():
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.parametrize("spelling", ["a.tif", "./a.tif", "x/../a.tif", "link.tif", "hard.tif"])
def test_a_mask_never_replaces_a_scan(call, spelling):
    Path("x").mkdir()
    Path("link.tif").symlink_to("a.tif")
    Path("hard.tif").hardlink_to("a.tif")
    for arguments in (
        ("detect", "a.tif", "-o", spelling),
        ("restore", "a.tif", "-o", "b.tif", "--mask", spelling),
        ("restore", "a.tif", "-o", "b.tif", "--overlay", spelling),
    ):
        code, _, err = call(*arguments, "--overwrite")
        assert (code, "is the input" in err) == (1, True)
    assert Path("a.tif").read_bytes() == SCAN
    assert not Path("b.tif").exists()
    assert call("restore", "a.tif", "-o", spelling, "--overwrite")[0] == 0


def test_a_result_never_replaces_another_input(call):
    Path("a.restored.tif").write_bytes(SCAN)
    Path("sub").mkdir()
    Path("sub/a.tif").write_bytes(SCAN)
    code, _, err = call("restore", "sub/a.tif", "a.restored.tif", "--output-dir", ".", "--overwrite")
    assert code == 0
    assert "is the result of another input" in err


def test_a_second_run_leaves_the_first_ones_results_out(call):
    Path("b.png").write_bytes(png(dusty(dtype="uint8")))
    for _ in range(2):
        code, _, _ = call("restore", *names(), "--overwrite")
        assert code == 0
    assert names() == ["a.restored.tif", "a.tif", "b.png", "b.restored.png"]
    assert call("restore", "a.restored.tif")[0] == 0  # by itself it is what somebody wants


def test_links_and_permissions_stay(call):
    Path("real.tif").write_bytes(SCAN)
    Path("real.tif").chmod(0o600)
    Path("link.tif").symlink_to("real.tif")
    assert call("restore", "a.tif", "-o", "link.tif", "--overwrite")[0] == 0
    assert Path("link.tif").is_symlink()
    assert Path("real.tif").read_bytes() != SCAN
    assert stat.S_IMODE(Path("real.tif").stat().st_mode) == 0o600
    Path("real.tif").chmod(0o444)
    code, _, err = call("restore", "a.tif", "-o", "real.tif", "--overwrite")
    assert (code, "protected against writing" in err) == (1, True)
    Path("round.tif").symlink_to("round.tif")
    code, _, err = call("restore", "a.tif", "-o", "round.tif", "--overwrite")
    assert (code, err.count("\n")) == (1, 1)


def write(text):
    return lambda path: path.write_text(text)


@pytest.mark.parametrize("existing", [(), ("one",), ("two",), ("one", "two")])
def test_if_one_rename_fails_the_others_are_taken_back(tmp_path, monkeypatch, existing):
    targets = [tmp_path / name for name in ("one", "two")]
    for name in existing:
        (tmp_path / name).write_text("old")
    replace, calls = Path.replace, []

    def fail_once(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(DsrError, match="two cannot be written"):
        write_all({path: write("new") for path in targets}, overwrite=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(existing, "old")


def test_what_cannot_be_taken_back_is_named(tmp_path, monkeypatch):
    replace, calls = Path.replace, []

    def fail_after_the_first(self, target):
        calls.append(target)
        if len(calls) > 1:
            raise OSError(errno.EBUSY, "busy")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_after_the_first)
    (tmp_path / "one").write_text("old")
    with pytest.raises(DsrError, match=r"two cannot be written .*one is new"):
        write_all({tmp_path / name: write("new") for name in ("one", "two")}, overwrite=True)


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = atomic._here()
    dead, mine = (tmp_path / f".dsr-{here}-{number}-0.part.tif" for number in (ended.pid, os.getpid()))
    other = tmp_path / f".dsr-00000000-{ended.pid}-0.part.tif"
    for path in (dead, mine, other):
        path.touch()
    write_all({tmp_path / "x": write("new")}, overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([mine.name, other.name, "x"])


def test_a_name_of_the_longest_kind(call):
    name = "b" * 251 + ".tif"
    assert call("restore", "a.tif", "-o", name)[0] == 0
    assert Path(name).exists()
    code, _, err = call("restore", name)
    assert (code, "cannot be written" in err) == (1, True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_names_that_are_no_text_and_consoles_that_lack_letters(call, monkeypatch):
    name = os.fsdecode(b"scan-\xe9.tif")
    Path(name).write_bytes(SCAN)
    assert call("restore", name, "-o", os.fsdecode(b"out-\xe9.tif"))[0] == 0
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "cp1252"))
    Console().say("скан.tif")
    assert raw.getvalue() == rb"\u0441\u043a\u0430\u043d.tif" + b"\n"


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, text)

    def fileno(self):
        raise ValueError


@pytest.mark.parametrize("stream", [None, Broken()])
@pytest.mark.parametrize("which", ["stdout", "stderr"])
def test_nobody_to_listen_is_no_reason_to_stop(call, monkeypatch, which, stream):
    monkeypatch.setattr(sys, which, stream)
    Path("b.tif").write_bytes(SCAN)
    assert call("restore", "a.tif", "b.tif")[0] == 1
    assert {"a.restored.tif", "b.restored.tif"} <= set(names())


def test_the_date_is_kept_on_request(call):
    os.utime("a.tif", (1_000_000_000, 1_000_000_000))
    assert call("restore", "a.tif", "--keep-date")[0] == 0
    assert Path("a.restored.tif").stat().st_mtime == 1_000_000_000


def test_another_format_for_a_batch(call):
    Path("b.png").write_bytes(png(dusty(dtype="uint8")))
    assert call("restore", "a.tif", "b.png", "--format", "png", "--output-dir", "out")[0] == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.restored.png", "b.restored.png"]
    assert call("restore", "b.png", "-o", "odd.name", "--format", "tif")[0] == 0
    assert tifffile.imread("odd.name").shape == (80, 96, 3)


def test_standard_input_and_output(folder, toy_model):
    program = Path(sys.executable).with_name("dsr-core")
    command = [program, "restore", "-", "--model", toy_model, "--provider", "cpu", "--mask", "m.png"]
    for extra, kind in (([], "tiff"), (["--format", "png"], "png")):
        ran = subprocess.run(
            [*command, *extra, "--overwrite"], input=SCAN, capture_output=True, check=True, cwd=folder
        )
        result = read_picture(ran.stdout)
        assert result.format == kind
        outside = read_picture(Path("m.png")).pixels == 0
        assert np.array_equal(result.pixels[outside], dusty(dtype="uint8")[outside])
        assert b"- -> -: 3 defects" in ran.stderr
    ran = subprocess.run(
        [*command, "--overlay", "-"], input=SCAN, capture_output=True, check=False, cwd=folder
    )
    assert (ran.returncode, ran.stdout) == (1, b"")


def test_linear_light_reaches_the_filter(call):
    masks = []
    for flag in ("--linear", "--no-linear"):
        assert call("restore", "a.tif", "-o", "b.tif", "--overwrite", flag)[0] == 0
        masks.append(tifffile.imread("b.tif"))
    assert not np.array_equal(*masks)


def test_killed_at_any_moment(folder, toy_model):
    """The input stays, each target is whole or not there, and the next run leaves nothing else."""
    program = Path(sys.executable).with_name("dsr-core")
    big = tiff(page(np.tile(dusty(dtype="uint8"), (8, 8, 1))))
    Path("a.tif").write_bytes(big)
    command = [program, "restore", "a.tif", "-o", "b.tif", "--mask", "m.png", "--overlay", "o.png"]
    command += ["--overwrite", "--model", toy_model, "--provider", "cpu"]
    for _ in range(3):
        before = set(names())
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while child.poll() is None and set(names()) == before:
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert Path("a.tif").read_bytes() == big
        for name in {"b.tif", "m.png", "o.png"} & set(names()):
            assert read_picture(Path(name)).pixels.shape[:2] == (640, 768)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert names() == ["a.tif", "b.tif", "m.png", "o.png"]


def test_no_traces_in_the_home(folder, toy_model):
    """Neither the command, nor the API, nor an editor's worker leaves a file."""
    home, temporary = folder / "home", folder / "tmp"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    api = "import dsr_core, numpy, sys; dsr_core.restore(numpy.zeros((9, 9), 'u1'), model=sys.argv[1])"
    worker = "import dsr_core.editor.session, dsr_core.editor.worker"
    program = Path(sys.executable).with_name("dsr-core")
    for command in (
        [program, "restore", "a.tif", "--overwrite", "--model", toy_model],
        [program, "models"],
        [sys.executable, "-c", api, toy_model],
        [sys.executable, "-c", worker],
    ):
        home.mkdir()
        temporary.mkdir()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        home.rmdir()  # which an empty folder lets happen
        temporary.rmdir()


def test_the_report_tells_what_was_assumed(call):
    Path("b.tif").write_bytes(tiff(page(dusty() // 16)))
    _, out, err = call("restore", "b.tif", "--json")
    assert json.loads(out)["notes"] == [err.removeprefix("dsr-core: ").strip()]


def test_a_file_that_another_process_made_meanwhile_stays(tmp_path):
    def write_while_another_does(path):
        path.write_text("ours")
        (tmp_path / "two").write_text("theirs")

    writers = {tmp_path / "one": write("ours"), tmp_path / "two": write_while_another_does}
    with pytest.raises(DsrError, match="two exists already"):
        write_all(writers, overwrite=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"two": "theirs"}


def test_a_name_that_is_taken_at_the_last_moment_stays_with_whom_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "check_free", lambda *_, **__: None)
    (tmp_path / "two").write_text("theirs")
    with pytest.raises(DsrError, match="two exists already"):
        write_all({tmp_path / name: write("ours") for name in ("one", "two")}, overwrite=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"two": "theirs"}


def test_disks_without_second_names(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)
    write_all({tmp_path / "one": write("new")}, overwrite=False)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("change", ["grows", "goes", "is replaced"])
def test_a_scan_that_changes_meanwhile_is_not_replaced(call, monkeypatch, change):
    real = job.restore_steps

    def meanwhile(*arguments, **more):
        if change == "grows":
            Path("a.tif").write_bytes(SCAN + b"more")
        elif change == "goes":
            Path("a.tif").unlink()
        else:
            Path("new").write_bytes(SCAN)
            Path("new").replace("a.tif")
        return real(*arguments, **more)

    monkeypatch.setattr(job, "restore_steps", meanwhile)
    code, _, err = call("restore", "a.tif", "-o", "a.tif", "--overwrite")
    assert (code, err) == (
        1,
        "dsr-core: a.tif has changed meanwhile; restore it again when it is complete.\n",
    )
    assert change == "goes" or Path("a.tif").read_bytes().startswith(SCAN)


class OpenCvLacksMemory(cv2.error):
    code = cv2.Error.StsNoMem


@pytest.mark.parametrize("error", [MemoryError(), OpenCvLacksMemory()])
@pytest.mark.parametrize("where", ["read_picture", "restore_steps", "write_all"])
def test_too_little_memory_is_a_sentence_wherever_it_is_noticed(call, monkeypatch, where, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(job, where, fail)
    code, _, err = call("restore", "a.tif")
    assert (code, err) == (1, "dsr-core: a.tif is too large for this machine's memory; cut it into parts.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the address space has no limit")
@pytest.mark.parametrize("limit", [250, 350, 400, 450])
def test_little_address_space_is_a_sentence_and_no_crash(folder, toy_model, limit):
    """At 400 MiB the threads of OpenCV's OpenBLAS ended the process while it was loaded."""
    program = str(Path(sys.executable).with_name("dsr-core"))
    command = [program, "restore", "a.tif", "--model", str(toy_model), "--provider", "cpu"]
    ran = subprocess.run(
        ["sh", "-c", f'ulimit -v {limit << 10}; exec "$@"', "sh", *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1)
    assert "Traceback" not in ran.stderr
