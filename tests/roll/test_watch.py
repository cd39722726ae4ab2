"""Files that appear while a scanner works."""

from pathlib import Path

import pytest
import tifffile

from dsr_core.roll import watch
from tests.roll.conftest import names, write


@pytest.fixture
def script(monkeypatch):
    """Return a function that has something happen at each pause between two looks, and Ctrl+C at the end."""

    def play(*steps):
        left = iter(steps)

        def pause(_seconds):
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        monkeypatch.setattr(watch.time, "sleep", pause)

    return play


def nothing():
    pass


def test_a_file_is_restored_when_it_is_whole(folder, call, script):
    (folder / "scans").mkdir()
    write(folder / "whole.tif")
    content = (folder / "whole.tif").read_bytes()
    scan = folder / "scans" / "1.tif"
    seen = []

    def look():
        seen.append(names("out"))

    script(
        nothing,
        lambda: scan.write_bytes(content[:20_000]),
        nothing,
        nothing,
        lambda: scan.write_bytes(content),
        nothing,
        look,
        look,
        look,
        lambda: write(scan, number=50),
        *[nothing] * 4,
    )
    Path("out").mkdir()
    code, out, err = call("scans", "--output-dir", "out", "--watch")
    assert code == 130
    assert seen == [[], [], ["1.restored.tif"]]
    assert out.count("scans/1.tif -> out/1.restored.tif") == 2
    assert "damaged" not in err
    assert tifffile.imread("out/1.restored.tif")[0, 0, 0] == tifffile.imread(scan)[0, 0, 0]


def test_results_in_the_same_folder_are_no_new_scans(folder, call, script):
    (folder / "scans").mkdir()
    write(folder / "scans" / "1.tif")
    script(*[nothing] * 9)
    _, out, _ = call("scans", "--output-dir", "scans", "--watch")
    assert out.count(" -> ") == 1
    assert names("scans") == ["1.restored.tif", "1.tif"]


@pytest.mark.parametrize(
    ("arguments", "words", "exits"),
    [
        (["roll", "--watch"], "--output-dir", 2),
        (["roll/1.tif", "--watch", "--output-dir", "out"], "no folder", 1),
        (["roll", "--watch", "--output-dir", "out", "--report", "r.html"], "has no end", 2),
    ],
)
def test_what_makes_no_sense_is_one_sentence(roll, call, arguments, words, exits):
    del roll
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (exits, "", 1)
    assert words in err
