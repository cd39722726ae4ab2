"""``--roll``: what is too faint in a frame counts where others have it at the same place."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from dsr_core.io import read_picture
from tests.roll.conftest import names, write
from tests.scratched import PLACE, frames


@pytest.fixture
def scratched(folder):
    """Return a folder with a roll of which every frame has the same faint scratch, and one other file."""
    (folder / "film").mkdir()
    for number, scan in enumerate(frames(0.1, count=4)):
        tifffile.imwrite(folder / "film" / f"{number}.tif", scan, photometric="rgb")
    write(folder / "film" / "other.tif")
    return folder / "film"


def columns(told):
    """Return how many files of how many have a line at about `PLACE`, for each such sentence."""
    sentence = r"A line comes back at column (\d+) of (\d+) of the (\d+) files with 320 x 448 pixels"
    found = re.findall(sentence, told)
    assert all(abs(int(column) - PLACE) <= 2 for column, *_ in found)
    assert len(found) == told.count("comes back at")
    return [tuple(counts) for _, *counts in found]


def masks(folder):
    return [read_picture(Path(folder, f"{number}.mask.png")).pixels > 0 for number in range(4)]


def test_frames_tell_of_each_other_and_the_index_knows_it(scratched, call):
    every = (scratched, "--output-dir", "out", "--mask-dir", "masks", "--resume", "--json")
    assert call(*every)[0] == 0
    before = masks("masks")
    code, out, err = call(*every, "--roll")
    assert code == 0
    assert columns(err) == [("4", "4")]
    done = [json.loads(line) for line in out.splitlines()]
    assert [Path(each["input"]).name for each in done if each.get("before")] == ["other.tif"]
    near = slice(PLACE - 4, PLACE + 5)
    found = [[mask[:, near].any(axis=1).mean() for mask in every] for every in (before, masks("masks"))]
    assert np.mean(found[0]) < 0.5
    assert min(found[1]) > 0.5
    assert all("scratches" in each["sources"] for each in done if not each.get("before"))
    again = [json.loads(line) for line in call(*every, "--roll")[1].splitlines()]
    assert all(each["before"] for each in again)
    assert len(again) == 5


def test_nothing_comes_back_on_a_clean_roll_and_it_is_said(roll, call):
    plain = call(roll, "--recursive", "--output-dir", "one")
    code, _, err = call(roll, "--recursive", "--output-dir", "two", "--roll")
    assert (plain[0], code) == (0, 0)
    assert "No line comes back at the same place of many files" in err
    for name in names("one"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_a_file_that_cannot_be_read_says_so_once_and_the_others_are_compared(scratched, call):
    (scratched / "9.tif").write_bytes(b"II*\0 and no more")
    code, _, err = call(scratched, "--output-dir", "out", "--roll")
    assert code == 1
    assert err.count("9.tif") == 1
    assert columns(err) == [("4", "4")]


def test_a_region_gets_its_part_of_the_places(scratched, call):
    (scratched / "other.tif").unlink()
    only = ("--only", f"{PLACE - 60},40,120,380")
    assert call(scratched, "--output-dir", "out", "--mask-dir", "masks", "--roll", *only)[0] == 0
    for mask in masks("masks"):
        assert mask[40:420, PLACE - 4 : PLACE + 5].any(axis=1).mean() > 0.5
        assert not mask[:40].any()


@pytest.mark.parametrize(
    "arguments", [["film/0.tif", "--roll"], ["film", "--output-dir", "out", "--watch", "--roll"]]
)
@pytest.mark.usefixtures("scratched")
def test_one_file_alone_is_no_roll(call, arguments):
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "give all of a roll at once" in err
