"""Whole rolls: which files are taken, what of them is done, and what a sudden end leaves."""

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import tifffile

from dsr_core.io import read_picture
from tests.roll.conftest import differences, names, write

ALL = ["1.restored.tif", "2.restored.tif", "strip 2/1.restored.tif"]


def contents(folder):
    return {name: (Path(folder) / name).read_bytes() for name in names(folder)}


def times(folder):
    return {name: (Path(folder) / name).stat().st_mtime_ns for name in names(folder)}


def test_a_folder_is_restored_with_its_structure(roll, call):
    code, out, err = call(
        roll, "--recursive", "--output-dir", "out", "--mask-dir", "masks", "--overlay-dir", "seen"
    )
    assert code == 0
    assert out.count("\n") == 3
    assert err.splitlines()[-1] == "dsr-core: 3 of 3 files restored, 0 failed"
    assert names("out") == ALL
    assert names("masks") == ["1.mask.png", "2.mask.png", "strip 2/1.mask.png"]
    assert names("seen") == ["1.defects.jpg", "2.defects.jpg", "strip 2/1.defects.jpg"]
    for result, mask in zip(ALL, names("masks"), strict=True):
        source = roll / result.replace(".restored", "")
        outside, inside = differences(source, Path("out", result), read_picture(Path("masks", mask)).pixels)
        assert not outside
        assert inside


def test_a_folder_that_cannot_be_made_costs_its_own_files_alone(roll, call):
    Path("out").mkdir()
    Path("out/strip 2").write_text("in the way")
    code, _, err = call(roll, "--recursive", "--output-dir", "out")
    assert code == 1
    assert "The folder out/strip 2 cannot be made" in err
    assert err.splitlines()[-1] == "dsr-core: 2 of 3 files restored, 1 failed"
    assert Path("out/strip 2").read_text() == "in the way"


def test_masks_alone_keep_the_structure(roll, call):
    assert call(roll, "--recursive", "--mask-dir", "masks", "--overlay-dir", "seen")[0] == 0
    assert names("masks") == [name.replace("restored.tif", "mask.png") for name in ALL]
    assert names("seen") == [name.replace("restored.tif", "defects.jpg") for name in ALL]


def test_pipes_and_dead_links_in_a_folder_are_passed_over(roll, call):
    os.mkfifo(roll / "0.tif")
    (roll / "9.tif").symlink_to("nowhere.tif")
    code, out, _ = call(roll, "--output-dir", "out")
    assert (code, out.count("\n")) == (0, 2)


def test_without_recursive_only_the_folder_itself_counts(roll, call):
    assert call(roll, "--output-dir", "out")[0] == 0
    assert names("out") == ALL[:2]


def test_patterns_that_the_shell_left_alone_are_understood(roll, call):
    assert call(roll / "?.tif", "--output-dir", "out")[0] == 0
    assert names("out") == ALL[:2]
    code, _, err = call(roll / "*.png", "--output-dir", "out")
    assert (code, "No file matches" in err) == (1, True)
    write(roll / "[3].tif")
    assert call(roll / "[3].tif")[0] == 0
    assert (roll / "[3].restored.tif").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "one.tif"], "--output-dir"),
        (["--mask", "one.png"], "--mask-dir"),
        (["--resume"], "--output-dir"),
        (["--infrared", "ir.tif"], "scan_ir.tif beside it"),
        (["--mask-kinds"], "--mask-dir"),
        (["--output-dir", "out", "--jobs", "0"], "--jobs"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(roll, call, arguments, words):
    code, out, err = call(roll, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not Path("out").exists()


def test_a_folder_without_pictures_is_named(folder, call):
    (folder / "empty" / "below").mkdir(parents=True)
    code, _, err = call("empty", "--output-dir", "out")
    assert (code, err.count("\n")) == (1, 1)
    assert "--recursive" in err


def test_results_are_never_taken_for_inputs(roll, call):
    assert call(roll, "--recursive")[0] == 0
    assert call(roll, "--recursive", "--output-dir", roll / "out")[0] == 0
    (roll / "1.restored.mask.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Path(roll / "out" / "2.restored.tif").rename(roll / "copy.tif")
    code, out, err = call(roll, "--recursive", "--output-dir", roll / "out", "--resume")
    assert code == 0
    assert "copy.tif is a result of an earlier run" in err
    assert out.startswith(str(roll / "2.tif"))
    assert out.count("\n") == 1
    assert names(roll / "out") == ALL


def test_what_is_done_is_passed_over_whatever_its_name_and_time(roll, call):
    every = (roll, "--recursive", "--output-dir", "out", "--resume")
    assert call(*every)[0] == 0
    before = times("out")
    os.utime(roll / "1.tif")
    roll.rename(roll.with_name("moved"))
    code, out, err = call(roll.with_name("moved"), *every[1:])
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == "dsr-core: 0 of 3 files restored, 0 failed, 3 done before"
    assert times("out") == before


def test_what_has_changed_is_done_again(roll, call):
    every = (roll, "--recursive", "--output-dir", "out", "--resume", "--json")
    assert call(*every)[0] == 0
    stat = (roll / "1.tif").stat()
    write(roll / "1.tif", number=99)
    os.utime(roll / "1.tif", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    done = [json.loads(line) for line in call(*every)[1].splitlines()]
    assert [Path(each["input"]).name for each in done if not each.get("before")] == ["1.tif"]
    assert tifffile.imread("out/1.restored.tif")[0, 0, 0] == tifffile.imread(roll / "1.tif")[0, 0, 0]
    for changed in (["--grow", "2"], ["--grow", "2", "--mask-dir", "masks"]):
        done = [json.loads(line) for line in call(*every, *changed)[1].splitlines()]
        assert not any(each.get("before") for each in done), changed
        assert len(done) == 3
    Path("out/2.restored.tif").unlink()
    done = [json.loads(line) for line in call(*every, "--grow", "2", "--mask-dir", "masks")[1].splitlines()]
    assert [Path(each["input"]).name for each in done if not each.get("before")] == ["2.tif"]


def test_what_others_put_there_or_changed_stays(roll, call):
    Path("out").mkdir()
    Path("out/1.restored.tif").write_text("precious")
    every = (roll, "--recursive", "--output-dir", "out", "--resume")
    code, _, err = call(*every)
    assert (code, "exists already" in err) == (1, True)
    assert names("out") == ALL
    Path("out/2.restored.tif").write_text("retouched by hand")
    code, _, err = call(*every, "--grow", "3")
    assert code == 1
    assert "out/2.restored.tif was changed after it was written and is left alone" in err
    assert err.splitlines()[-1] == "dsr-core: 1 of 3 files restored, 1 failed, 1 passed over"
    assert Path("out/1.restored.tif").read_text() == "precious"
    assert Path("out/2.restored.tif").read_text() == "retouched by hand"
    assert call(*every, "--overwrite")[0] == 0
    assert tifffile.imread("out/1.restored.tif").shape == (80, 96, 3)


def test_a_result_that_was_changed_is_no_failure(roll, call):
    every = (roll, "--recursive", "--output-dir", "out", "--resume", "--json")
    call(*every)
    os.utime("out/1.restored.tif")  # still the same
    Path("out/2.restored.tif").write_text("retouched by hand")
    before = times("out")
    for more in ([], ["--dry-run"]):
        code, out, err = call(*every, *more)
        assert (code, times("out")) == (0, before)
        assert "--overwrite makes it again" in err
        assert "1 passed over" in err
    code, out, err = call(*every)
    assert err.splitlines()[-1] == "dsr-core: 0 of 3 files restored, 0 failed, 2 done before, 1 passed over"
    said = [each for line in out.splitlines() if "passed_over" in (each := json.loads(line))]
    assert [Path(each["input"]).name for each in said] == ["2.tif"]
    assert call(*every, "--overwrite")[0] == 0
    assert tifffile.imread("out/2.restored.tif").shape == (80, 96, 3)


def test_a_dry_run_says_what_the_run_would_refuse(roll, call):
    call(roll / "1.tif")
    for arguments in (
        [roll],
        [roll / "1.tif"],
        [roll / "1.tif", "--output-dir", "out", "--mask", roll / "1.restored.tif"],
        [roll / "2.tif", "-o", "nowhere/2.tif"],
    ):
        code, out, err = call(*arguments, "--dry-run")
        run = call(*arguments)
        assert code == run[0] == 1
        assert len(out.splitlines()) == len(run[1].splitlines())
        assert err.splitlines()[0] in run[2].splitlines()
        assert "1 would fail" in err
    assert call(roll / "1.tif", "--overwrite", "--dry-run")[0] == 0
    assert call(roll / "1.tif", "--mask-dir", "masks", "-o", "new.tif", "--dry-run")[0] == 0


def test_a_dry_run_writes_nothing_and_says_what_and_how_long(roll, call):
    every = (roll, "--recursive", "--output-dir", "out")
    code, out, err = call(*every, "--dry-run")
    assert code == 0
    assert out.splitlines() == [f"{roll / name.replace('.restored', '')} -> out/{name}" for name in ALL]
    assert "3 of 3 files would be restored, 0.0 MP; about 1 seconds here" in err
    assert not Path("out").exists()
    call(*every)
    code, out, err = call(*every, "--resume", "--dry-run")
    assert (code, out) == (0, "")
    assert "0 of 3 files would be restored, 0.0 MP, 3 are done" in err


def test_many_failures_are_told_again_at_the_end(folder, call):
    (folder / "roll").mkdir()
    write(folder / "roll" / "good.tif")
    for number in range(11):
        (folder / "roll" / f"{number:02}.tif").write_bytes(b"II*\0 and no more")
    code, out, err = call("roll", "--output-dir", "out")
    assert (code, out.count("\n")) == (1, 1)
    assert err.count("dsr-core: failed: roll/") == 11
    assert err.splitlines()[-1] == "dsr-core: 1 of 12 files restored, 11 failed"


MANY = 40  # files: a roll that is not over before it is killed


def large(folder, count):
    (folder / "roll").mkdir()
    for number in range(count):
        write(folder / "roll" / f"{number}.tif", number, 500, 700)


def wait_until(condition):
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.025)
    pytest.fail("this never happened")


def test_a_run_that_was_killed_is_resumed(folder, call, start):
    large(folder, MANY)
    every = ("roll", "--output-dir", "out", "--mask-dir", "masks", "--jobs", "2")
    first = start(*every)
    wait_until(lambda: list(Path("out").glob("*.restored.tif")))
    workers = psutil.Process(first.pid).children()
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_until(lambda: not any(process.is_running() for process in workers))
    left = times("out")
    assert 0 < len([name for name in left if name.endswith(".restored.tif")]) < MANY
    second = start(*every, "--resume")
    _, err = second.communicate()
    assert second.returncode == 0, err
    assert call("roll", "--output-dir", "straight", "--mask-dir", "straight masks", "--jobs", "1")[0] == 0
    assert contents("out") == contents("straight")
    assert contents("masks") == contents("straight masks")
    before = int(err.rsplit(" done before", 1)[0].rsplit(" ", 1)[1]) if "done before" in err else 0
    assert sum(times("out").get(name) == when for name, when in left.items()) >= before
    assert f"{MANY - before} of {MANY} files restored, 0 failed" in err


def test_a_process_that_dies_takes_nothing_with_it(folder, start):
    large(folder, MANY)
    run = start("roll", "--output-dir", "out", "--jobs", "2")
    wait_until(lambda: list(Path("out").glob("*.restored.tif")))
    victims = [
        each for each in psutil.Process(run.pid).children() if "spawn_main" in " ".join(each.cmdline())
    ]
    victims[0].send_signal(signal.SIGKILL)
    out, err = run.communicate()
    assert run.returncode == 0, err
    assert f"{MANY} of {MANY} files restored, 0 failed" in err
    assert out.count("\n") == MANY
    assert names("out") == sorted(f"{number}.restored.tif" for number in range(MANY))


def test_ctrl_c_ends_every_process_and_leaves_nothing_half_done(folder, start):
    large(folder, 10 * MANY)
    run = start("roll", "--output-dir", "out", "--jobs", "2")
    wait_until(lambda: list(Path("out").glob("*.restored.tif")))
    workers = psutil.Process(run.pid).children()
    run.send_signal(signal.SIGINT)
    _, err = run.communicate()
    assert run.returncode == 130
    assert err.splitlines()[-1] == "dsr-core: Stopped; nothing was left behind."
    assert "Traceback" not in err
    wait_until(lambda: not any(process.is_running() for process in workers))
    assert all(tifffile.imread(Path("out", name)).shape == (500, 700, 3) for name in names("out"))
