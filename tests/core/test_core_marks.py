"""A painted mask as input, a region alone, sizes on the film."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

import dsr_core
from dsr_core import DsrError, Options, Prediction, compose, fill, find_defects, predict, run, sweep
from dsr_core.cli import main
from dsr_core.detect import USUAL, find_marks
from dsr_core.filling import fill_doubtful
from dsr_core.io import Picture, read_picture
from dsr_core.io.marks import read_marks
from dsr_core.io.orientation import lying, stored_region, upright
from dsr_core.io.picture import Wishes
from dsr_core.pixels import full_scale
from dsr_core.region import Region
from tests.core.made_files import SHORT, page, tiff
from tests.core.scan_files import write_scan
from tests.dusty import SPECKS, dusty

FAINT = (30, 40, 6)  # row, column, side: what the model does not find


@pytest.fixture
def restore(toy_model, tmp_path, monkeypatch, capfd):
    """Return a function that restores in an empty folder and returns code, reports and what was said."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = main(
            ["restore", *map(str, arguments), "--model", str(toy_model), "--provider", "cpu", "--json"]
        )
        out, err = capfd.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return call


def faint():
    """Return a scan with three specks that are found and one that is not, and where this lies."""
    image = dusty()
    row, column, side = FAINT
    place = slice(row, row + side), slice(column, column + side)
    image[place] = (image[place] * 0.9).astype(image.dtype)
    marks = np.zeros(image.shape[:2], np.bool_)
    marks[place] = True
    return image, marks


def oriented(name, pixels, number):
    Path(name).write_bytes(tiff(page(pixels, (274, SHORT, [number]))))


@pytest.mark.parametrize("options", [[], ["--grow", "6"], ["--sensitivity", "0.9"], ["--max-size", "3"]])
def test_a_mask_that_comes_back_unchanged_gives_the_same_picture(restore, options):
    write_scan(Path("scan.tif"), faint()[0])
    assert restore("scan.tif", "-o", "a.tif", "--mask", "mask.png", *options)[0] == 0
    code, (report,), _ = restore(
        "scan.tif", "-o", "b.tif", "--mask", "again.png", "--fill", "mask.png", *options
    )
    assert code == 0
    assert report["defects"] > 0
    assert np.array_equal(tifffile.imread("a.tif"), tifffile.imread("b.tif"))
    assert np.array_equal(read_picture(Path("again.png")).pixels, read_picture(Path("mask.png")).pixels)


def test_what_a_mask_marks_is_repaired_and_nothing_else(restore):
    image, marks = faint()
    write_scan(Path("scan.tif"), image)
    cv2.imwrite("mask.png", marks * np.uint8(255))
    code, (report,), _ = restore("scan.tif", "-o", "out.tif", "--fill", "mask.png")
    after = tifffile.imread("out.tif")
    assert (code, report["defects"]) == (0, 1)
    assert np.array_equal(after[~marks], image[~marks])
    assert (after[marks] != image[marks]).all()


@pytest.mark.parametrize(("only", "outside"), [("40,30,56,50", 0), ("43,30,9,9", 18), ("0,0,9,9", 36)])
def test_marks_outside_of_the_region_are_told(restore, only, outside):
    image, marks = faint()
    write_scan(Path("scan.tif"), image)
    cv2.imwrite("mask.png", marks * np.uint8(255))
    code, (report,), err = restore("scan.tif", "-o", "out.tif", "--fill", "mask.png", "--only", only)
    said = f"{outside} of 36 marked pixels lie outside of the region that may change, and stay."
    assert code == 0
    assert (said in err, said in report["notes"]) == (outside > 0, outside > 0)
    assert (tifffile.imread("out.tif") != image).any(axis=2).sum() == 36 - outside


def test_the_mask_with_a_value_for_each_kind_comes_back_too(restore):
    write_scan(Path("scan.tif"), dusty())
    restore("scan.tif", "-o", "a.tif", "--mask", "mask.png", "--mask-kinds")
    restore("scan.tif", "-o", "b.tif", "--fill", "mask.png")
    assert np.array_equal(tifffile.imread("a.tif"), tifffile.imread("b.tif"))


MARKS = faint()[1]
GREY = MARKS * np.uint8(255)
RED = np.dstack([GREY, np.zeros_like(GREY), np.zeros_like(GREY)])
PICTURE = Picture(faint()[0], "tiff")


def in_palette(path):
    image = Image.fromarray(MARKS.view(np.uint8), "P")
    image.putpalette([10, 10, 10, 255, 255, 0])
    image.save(path)


WRITERS = {
    "8 bits": ("m.png", lambda path: cv2.imwrite(path, GREY)),
    "16 bits": ("m.tif", lambda path: tifffile.imwrite(path, GREY.astype(np.uint16) * 257)),
    "0 and 1": ("m.tif", lambda path: tifffile.imwrite(path, MARKS.view(np.uint8))),
    "float": ("m.tif", lambda path: tifffile.imwrite(path, MARKS.astype(np.float32))),
    "1 bit PNG": ("m.png", lambda path: Image.fromarray(MARKS).save(path)),
    "1 bit BMP": ("m.bmp", lambda path: Image.fromarray(MARKS).save(path)),
    "1 bit TIFF": ("m.tif", lambda path: tifffile.imwrite(path, MARKS, photometric="minisblack")),
    "1 bit, white is zero": ("m.tif", lambda path: tifffile.imwrite(path, ~MARKS, photometric="miniswhite")),
    "white is zero": ("m.tif", lambda path: tifffile.imwrite(path, 255 - GREY, photometric="miniswhite")),
    "palette": ("m.png", in_palette),
    "red on black": ("m.png", lambda path: Image.fromarray(RED).save(path)),
    "white on nothing": (
        "m.png",
        lambda path: Image.fromarray(np.dstack([np.full_like(RED, 255), GREY])).save(path),
    ),
    "soft edges": ("m.png", lambda path: cv2.imwrite(path, cv2.GaussianBlur(GREY, (3, 3), 0.3))),
}


@pytest.mark.parametrize("how", WRITERS)
def test_masks_of_any_kind_are_understood(tmp_path, how):
    name, write = WRITERS[how]
    path = tmp_path / name
    write(str(path))
    marks, said = read_marks(path, PICTURE, Wishes())
    assert said == ""
    assert np.array_equal(marks, MARKS)


def test_a_picture_of_one_bit_is_still_refused_as_a_scan(tmp_path):
    Image.fromarray(MARKS).save(tmp_path / "m.png")
    with pytest.raises(DsrError, match="1 bit a pixel"):
        read_picture(tmp_path / "m.png")


def test_an_empty_mask_is_told(restore):
    write_scan(Path("scan.tif"), dusty())
    cv2.imwrite("mask.png", np.zeros((80, 96), np.uint8))
    code, (report,), err = restore("scan.tif", "-o", "out.tif", "--fill", "mask.png")
    assert (code, report["changed"]) == (0, 0)
    assert "mask.png marks nothing" in err


@pytest.mark.parametrize("number", range(1, 9))
def test_a_mask_and_a_region_lie_as_the_picture_is_shown(tmp_path, number):
    image, marks = faint()
    oriented(tmp_path / "scan.tif", image, number)
    picture = read_picture(tmp_path / "scan.tif")
    shown = upright(marks, picture.tags)
    assert np.array_equal(lying(shown, picture.tags), marks)
    cv2.imwrite(str(tmp_path / "m.png"), shown * np.uint8(255))
    assert np.array_equal(read_marks(tmp_path / "m.png", picture, Wishes())[0], marks)
    oriented(tmp_path / "m.tif", marks * np.uint8(255), number)  # as --mask writes it
    assert np.array_equal(read_marks(tmp_path / "m.tif", picture, Wishes())[0], marks)
    rows, columns = np.nonzero(shown)
    place = Region(int(columns.min()), int(rows.min()), FAINT[2], FAINT[2])
    assert marks[stored_region(place, marks.shape, picture.tags).slices].all()


def test_outside_a_region_nothing_changes(restore, tmp_path):
    image = dusty()
    oriented(tmp_path / "scan.tif", image, 6)  # shown, it is turned to the right
    row, column, side = SPECKS[2]
    region = len(image) - row - side - 1, column - 1, side + 2, side + 2
    code, (report,), _ = restore("scan.tif", "-o", "out.tif", "--only", ",".join(map(str, region)))
    after = tifffile.imread("out.tif")
    changed = (after != image).any(axis=2)
    assert (code, report["defects"]) == (0, 1)
    assert changed[row : row + side, column : column + side].all()
    changed[row - 1 : row + side + 1, column - 1 : column + side + 1] = False
    assert not changed.any()


def test_a_region_is_restored_as_in_the_whole_picture_by_a_part_of_the_tiles(toy_model, monkeypatch):
    monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 1, 512))
    image = np.tile(dusty(channels=4), (30, 4, 1))
    tiles = []
    how = {"model": toy_model, "provider": "cpu"}
    whole = run(dsr_core.restore_steps(image, **how), lambda progress: tiles.append(progress.total))
    parts = []
    steps = dsr_core.restore_steps(image, only=(100, 800, 96, 160), **how)
    part = run(steps, lambda progress: parts.append(progress.total))
    assert max(parts) < max(tiles)
    rows, columns = slice(800, 960), slice(100, 196)
    assert np.array_equal(part.image[rows, columns], whole.image[rows, columns])
    assert np.array_equal(part.mask[rows, columns], whole.mask[rows, columns])
    assert part.mask.sum() == part.mask[rows, columns].sum() > 0
    assert part.labels.max() == part.defects
    assert np.array_equal(part.image[~part.mask], image[~part.mask])


def test_in_python_a_mask_is_what_is_repaired(toy_model):
    image, marks = faint()
    how = {"model": toy_model, "provider": "cpu"}
    prediction = run(predict(image, **how))
    both = find_defects(prediction, Options()) | marks
    result = dsr_core.restore(image, mask=both, **how)
    wanted = compose(run(fill(prediction, marks)), mask=both)
    assert np.array_equal(result.image, wanted.image)
    assert np.array_equal(result.mask, both)
    with pytest.raises(DsrError, match="must be bool"):
        dsr_core.restore(image, mask=both[1:], **how)


@pytest.mark.parametrize("only", [(0, 0, 97, 9), (-1, 0, 9, 9), (0, 0, 0, 9), (90, 70, 9, 9)])
def test_a_region_outside_the_picture_is_refused(toy_model, only):
    with pytest.raises(DsrError, match="does not lie in the picture of 96 x 80 pixels"):
        dsr_core.restore(dusty(), only=only, model=toy_model)


def test_sizes_on_the_film_are_limits_in_pixels(restore):
    write_scan(Path("scan.tif"), dusty())  # at 3600 per inch a pixel is 7 micrometres wide
    for um, pixels in (("22,0", ("3", "0")), ("0,22", ("0", "3")), ("8,25.4", ("1", "4"))):
        limits = ["--min-size", pixels[0], "--max-size", pixels[1]]
        _, (by_film,), err = restore("scan.tif", "-o", "a.tif", "--size-um", um, "--overwrite")
        _, (by_pixels,), _ = restore("scan.tif", "-o", "b.tif", *limits, "--overwrite")
        assert f"At 3600 pixels per inch, --size-um is {' '.join(limits)}." in err
        assert by_film["defects"] == by_pixels["defects"] > 0
        assert np.array_equal(tifffile.imread("a.tif"), tifffile.imread("b.tif"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size-um", "20,200"], "does not say its resolution"),
        (["--only", "0,0,97,80"], "does not lie in the picture of 96 x 80 pixels"),
        (["--fill", "small.png"], "small.png is 95 x 80 pixels, the picture 96 x 80"),
        (["--fill", "none.png"], "There is no file none.png"),
        (["--fill", "m.png", "--mask", "m.png", "--overwrite"], "m.png is the mask that --fill reads"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(restore, tmp_path, arguments, said):
    cv2.imwrite("scan.png", dusty()[:, :, ::-1])
    cv2.imwrite("m.png", GREY)
    cv2.imwrite("small.png", GREY[:, 1:])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, reports, err = restore(*arguments, "scan.png")
    assert code == 1
    assert said in err + "".join(report["error"] for report in reports)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size-um", "20,200", "--min-size", "3"], "give one or the other"),
        (["--size-um", "20,10"], "at least the first"),
        (["--fill", "m.png", "m.png"], "--fill names the mask of one scan"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(restore, arguments, said):
    code, reports, err = restore(*arguments, "scan.png")
    assert (code, reports) == (2, [])
    assert said in err


@pytest.mark.parametrize(
    "arguments", [["--only", "1,2,3"], ["--only", "1,2,3,x"], ["--size-um", "5"], ["--size-um", "-5,0"]]
)
def test_numbers_that_are_none_are_wrong_usage(restore, arguments):
    with pytest.raises(SystemExit) as error:
        restore("scan.tif", *arguments)
    assert error.value.code == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_large_marks_of_which_the_network_is_not_sure_leave_no_smear(dtype):
    white = full_scale(np.dtype(dtype))
    image = np.full((120, 160, 1), 0.7 * white).astype(dtype)
    probability = np.zeros((120, 160), np.uint8)
    places = {"doubtful": (slice(10, 25), slice(10, 30)), "sure": (slice(10, 25), slice(60, 80))}
    places["small"] = (slice(60, 66), slice(10, 16))
    for name, place in places.items():
        image[place] = (0.1 * white) if np.issubdtype(dtype, np.floating) else int(0.1 * white)
        probability[place] = 240 if name == "sure" else 90
    repaired = np.full_like(image, image[0, 0, 0])
    for place in places.values():
        repaired[place] = (image[place] / 2 + repaired[place] / 2).astype(dtype)
    before = repaired.copy()
    prediction = Prediction(image, repaired, probability, None, "cpu")
    fill_doubtful(prediction, find_marks(prediction, USUAL, USUAL / 4))
    flat = float(image[0, 0, 0]) / white
    assert np.abs(repaired[places["doubtful"]] / white - flat).max() < 0.02
    for name in ("sure", "small"):
        assert np.array_equal(repaired[places[name]], before[places[name]])
    assert np.array_equal(repaired[90:], before[90:])
