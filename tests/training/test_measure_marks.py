"""The commands that measure scratches and kinds, on little."""

import json
import re

import cv2
import numpy as np
import pytest

from dsr_core.errors import DsrError
from training.__main__ import main
from training.measure.faint import KINDS, judge, scratch
from training.measure.scratch_rolls import DRAWN, FRAMES, measure_rolls


@pytest.fixture
def photo():
    rows, columns = np.mgrid[:480, :360]
    plane = 0.45 + 0.15 * np.sin(rows / 60) + 0.1 * np.cos(columns / 80)
    return np.repeat(plane[:, :, None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scratch_changes_what_it_covers_alone(photo, kind):
    scratched, where = scratch(photo, 0.2, kind, np.random.default_rng(3))
    changed = (scratched != photo).any(axis=2)
    assert changed[where].mean() > 0.9  # both lines of a refracting pair cancel where they meet
    near = cv2.dilate(where.astype(np.uint8), np.ones((1, 5), np.uint8)) > 0
    assert not changed[~near].any()


def test_what_is_found_is_better_afterwards(photo):
    case = judge(photo, *scratch(photo, 0.15, "plain", np.random.default_rng(1)), 0.15, "plain")
    assert case.found
    assert case.share > 0.9
    assert case.after > case.before + 6


def test_the_page_on_scratches_counts_pictures(photo, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(FRAMES):
        cv2.imwrite(str(folder / f"{number}.png"), np.rint(np.roll(photo, 50 * number, axis=0) * 255))
    page = tmp_path / "page.md"
    assert main(["scratches", "--photos", str(folder), "--output", str(page)]) == 0
    text = page.read_text()
    assert "False lines: 0 of 8 clean pictures" in text
    assert "| 4% deep | 2 |" in text
    alone, together = re.search(r"^\| 4% deep \| 8 \| (\d+)% \| (\d+)% \|", text, re.MULTILINE).groups()
    assert int(together) >= int(alone)
    assert f"False places: 0 of {DRAWN} clean rolls" in text
    assert "0 of 8" in capsys.readouterr().out


def test_a_roll_needs_photographs(tmp_path, photo):
    cv2.imwrite(str(tmp_path / "one.png"), np.rint(photo * 255))
    with pytest.raises(DsrError, match="A roll takes 8 photographs"):
        measure_rolls([tmp_path / "one.png"])


def test_the_page_on_dense_pictures_says_of_which_nothing_is_replaced(photo, tmp_path, toy_model):
    folder, page = tmp_path / "photos", tmp_path / "page.md"
    folder.mkdir()
    cv2.imwrite(str(folder / "one.png"), np.rint(photo * 255))
    arguments = ["--photos", str(folder), "--model", str(toy_model), "--count", "1", "--output", str(page)]
    assert main(["dense", *arguments]) == 0
    row = r"^\| (\w+) \| [\d.]+% \| ([\d.]+)% \| (\d) of 1 \| [\d.]+% \|$"
    rows = {name: told for name, *told in re.findall(row, page.read_text(), re.MULTILINE)}
    assert list(rows) == ["halftone", "stars", "paint"]
    assert rows["halftone"] == rows["paint"] == ["0.00", "1"]
    assert float(rows["stars"][0]) > 0


def test_the_page_on_kinds_counts_outlines(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    outlines = [
        {"label": "Dust", "points": [[10, 10], [16, 10], [16, 16], [10, 16]]},
        {"label": "Scratch", "points": [[30, 30], [34, 30], [34, 290], [30, 290]]},
        {"label": "Short hair", "points": [[100, 100], [150, 100], [150, 110], [100, 110]]},
    ]
    for number in ("01", "08"):
        (frames / f"frame-{number}.json").write_text(json.dumps(outlines))
    page = tmp_path / "page.md"
    assert main(["kinds", "--damage-data", str(tmp_path), "--output", str(page)]) == 0
    text = page.read_text()
    assert text.count("| dust | 3 | 0 | 0 | 0 | 100% |") == 2
    assert text.count("| scratch | 0 | 0 | 3 | 0 | 100% |") == 2
