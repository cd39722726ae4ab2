import json

import numpy as np
import pytest
import tifffile

from dsr_core.cli import main
from tests.infrared_film import film

SCAN = film(specks=60, lettering=False)
RGBI = np.concatenate([SCAN.image, SCAN.infrared[:, :, None]], axis=2)


@pytest.fixture
def restore(toy_model, tmp_path, monkeypatch, capfd):
    """Return a function that restores a file and returns its report and what was said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["restore", *arguments, "--model", str(toy_model), "--provider", "cpu", "--json"])
        out, err = capfd.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return run


def write(name, *pages, **how):
    with tifffile.TiffWriter(name) as tiff:
        for page in pages:
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            tiff.write(page, photometric=photometric, metadata=None, **how)


def used(report):
    return report["sources"].get("infrared", 0) > 0


def test_a_fourth_channel_is_used_and_comes_back(restore):
    write("scan.tif", RGBI, extrasamples=["UNSPECIFIED"])
    code, (report,), err = restore("scan.tif", "-o", "out.tif", "--mask", "mask.tif")
    assert code == 0
    assert used(report)
    assert "taken from the fourth channel" in err
    after, mask = tifffile.imread("out.tif"), tifffile.imread("mask.tif")
    assert np.array_equal(after[:, :, 3], SCAN.infrared)
    assert np.array_equal(after[mask == 0], RGBI[mask == 0])


@pytest.mark.parametrize("thumbnail", [False, True])
def test_a_dng_of_four_channels_holds_infrared(restore, thumbnail):
    how = {"photometric": 34892, "planarconfig": "contig", "metadata": None}
    dng = [(50706, 1, 4, bytes([1, 4, 0, 0]), True), (50708, 2, 8, "Scanner\0", True)]
    with tifffile.TiffWriter("scan.dng") as tiff:
        if thumbnail:  # before the scan, which then hangs below it
            small = (SCAN.image[::8, ::8] >> 8).astype(np.uint8)
            tiff.write(small, photometric="rgb", subifds=1, subfiletype=1, metadata=None, extratags=dng)
        tiff.write(RGBI, **how, extratags=[] if thumbnail else dng)
    code, (report,), err = restore("scan.dng", "-o", "out.tif", "--mask", "mask.tif")
    assert code == 0
    assert used(report)
    assert "taken from the fourth channel" in err
    assert "linear light" in err
    with tifffile.TiffFile("out.tif") as result:
        assert result.pages[0].extrasamples == (0,)  # no alpha, through which it would be seen
        after = result.pages[0].asarray()
    mask = tifffile.imread("mask.tif")
    assert np.array_equal(after[:, :, 3], SCAN.infrared)
    assert np.array_equal(after[mask == 0], RGBI[mask == 0])


def test_alpha_is_not_taken_for_infrared_unless_it_is_named(restore):
    write("scan.tif", RGBI, extrasamples=["UNASSALPHA"])
    assert not used(restore("scan.tif", "-o", "plain.tif")[1][0])
    assert used(restore("scan.tif", "-o", "out.tif", "--infrared", "scan.tif")[1][0])


def test_a_second_page_is_used_and_goes_along(restore):
    write("scan.tif", SCAN.image, SCAN.infrared)
    code, (report,), err = restore("scan.tif", "-o", "out.tif")
    assert code == 0
    assert used(report)
    assert "taken from page 2" in err
    with tifffile.TiffFile("out.tif") as result:
        assert np.array_equal(result.pages[1].asarray(), SCAN.infrared)


def test_a_page_that_is_a_mask_is_not_infrared(restore):
    write("scan.tif", SCAN.image, SCAN.dust.astype(np.uint8) * 255)
    assert not used(restore("scan.tif", "-o", "out.tif")[1][0])


def test_a_file_beside_is_used_and_is_no_input_of_its_own(restore, tmp_path):
    write("scan.tif", SCAN.image)
    write("scan_ir.tif", SCAN.infrared)
    code, (report,), err = restore("scan.tif", "scan_ir.tif")
    assert code == 0
    assert used(report)
    assert "scan_ir.tif is the infrared scan of another input" in err
    assert not (tmp_path / "scan_ir.restored.tif").exists()
    assert np.array_equal(tifffile.imread("scan_ir.tif"), SCAN.infrared)


def test_a_named_file_is_used_and_off_leaves_all_aside(restore):
    write("scan.tif", RGBI, extrasamples=["UNSPECIFIED"])
    write("other.tif", SCAN.infrared)
    report, err = restore("scan.tif", "-o", "a.tif", "--infrared", "other.tif")[1:]
    assert used(report[0])
    assert "taken from other.tif" in err
    code, (report,), err = restore("scan.tif", "-o", "b.tif", "--infrared", "off")
    assert (code, report["sources"], err) == (0, {}, "")


def test_white_is_zero_in_infrared_is_turned_round(restore):
    write("scan.tif", SCAN.image)
    with tifffile.TiffWriter("ir.tif") as tiff:
        tiff.write(65535 - SCAN.infrared, photometric="miniswhite", metadata=None)
    assert used(restore("scan.tif", "-o", "out.tif", "--infrared", "ir.tif")[1][0])


@pytest.mark.parametrize(
    ("infrared", "said"),
    [
        (SCAN.infrared[:-1], "480 x 399 pixels, the picture 480 x 400"),
        (SCAN.image, "is in colour"),
        (None, "There is no file"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(restore, tmp_path, infrared, said):
    write("scan.tif", SCAN.image)
    if infrared is not None:
        write("ir.tif", infrared)
    code, _, err = restore("scan.tif", "-o", "out.tif", "--infrared", "ir.tif")
    assert code == 1
    assert said in err
    assert not (tmp_path / "out.tif").exists()
