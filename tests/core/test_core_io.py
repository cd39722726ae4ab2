from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from dsr_core import DsrError
from dsr_core.atomic import write_all
from dsr_core.io import read_picture, write_mask, write_picture
from dsr_core.tifftags import read_tags
from tests.core.scan_files import IPTC, LENS, XMP, exif_of, srgb_profile, write_scan
from tests.dusty import dusty


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("big", [False, True])
def test_a_scan_keeps_all_it_carries(tmp_path, byteorder, compression, big):
    pixels = dusty()
    source = write_scan(tmp_path / "a.tif", pixels, byteorder=byteorder, compression=compression, big=big)
    picture = read_picture(source)
    assert np.array_equal(picture.pixels, pixels)
    write_picture(tmp_path / "b.tif", picture.pixels, picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        page = tiff.pages[0]
        assert np.array_equal(page.asarray(), pixels)
        assert page.dtype == np.uint16
        assert page.tags["XResolution"].value == (3600, 1)
        assert page.tags["ResolutionUnit"].value == 2  # inch
        assert page.tags["InterColorProfile"].value == srgb_profile()
        assert page.tags["Artist"].value == "Ann"
        assert page.tags["Software"].value == "Scanner 1.0"
        assert page.description == "a roll of film"
        assert page.tags[700].value == XMP
        assert bytes(page.tags[33723].value)[: len(IPTC)] == IPTC
        assert page.tags[65000].value == (1, 2, 3)
        assert (page.compression == 1) == (compression is None)
    exif = exif_of(tmp_path / "b.tif")
    assert exif["ExposureTime"] == (1, 250)
    assert exif["LensModel"] == LENS[:-1].decode()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("channels", [0, 2, 3, 4])
def test_every_kind_of_tiff_comes_back_bit_by_bit(tmp_path, dtype, channels):
    pixels = dusty(channels=channels, dtype=dtype)
    if dtype == "float32":
        pixels[0, 0] = 4.25
    picture = read_picture(write_scan(tmp_path / "a.tif", pixels))
    write_picture(tmp_path / "b.tif", picture.pixels, picture)
    again = tifffile.imread(tmp_path / "b.tif")
    assert again.dtype == pixels.dtype
    assert again.tobytes() == pixels.tobytes()
    if channels in (2, 4):  # a fourth channel that is no alpha, such as infrared, is not turned into one
        with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
            assert tiff.pages[0].tags["ExtraSamples"].value == (0,)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_exif_profile_and_resolution_reach_other_formats(tmp_path, suffix):
    pixels = dusty(dtype="uint8")
    picture = read_picture(write_scan(tmp_path / "a.tif", pixels))
    target = tmp_path / f"b{suffix}"
    write_picture(target, picture.pixels, picture)
    with Image.open(target) as image:
        exif = image.getexif()
        assert exif[315] == "Ann"
        assert exif.get_ifd(34665)[42036] == LENS[:-1].decode()
        assert image.info["icc_profile"] == srgb_profile()
        if suffix != ".webp":  # which has no field for it but EXIF's
            assert image.info["dpi"] == pytest.approx((3600, 3600), rel=1e-4)
        if suffix != ".jpg":
            assert np.array_equal(np.asarray(image), pixels)
    write_picture(tmp_path / "c.tif", pixels, read_picture(target))
    assert exif_of(tmp_path / "c.tif")["ExposureTime"] == (1, 250)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".webp"])
def test_orientation_is_kept_not_applied(tmp_path, suffix):
    exif = Image.Exif()
    exif[274] = 6
    source = tmp_path / f"a{suffix}"
    Image.fromarray(dusty(dtype="uint8")).save(source, exif=exif)
    picture = read_picture(source)
    assert picture.pixels.shape == (80, 96, 3)
    write_picture(tmp_path / f"b{suffix}", picture.pixels, picture)
    write_mask(tmp_path / "mask.png", np.zeros((80, 96), np.uint8), picture)
    for path in (tmp_path / f"b{suffix}", tmp_path / "mask.png"):
        again = read_picture(path)
        assert again.pixels.shape[:2] == (80, 96)
        assert again.tags[274].data[0] == 6


@pytest.mark.parametrize(("subsampling", "expected"), [(0, 0), (2, 2)])
def test_jpeg_keeps_its_chroma_sampling_and_stays_close(tmp_path, subsampling, expected):
    from PIL import JpegImagePlugin  # noqa: PLC0415

    Image.fromarray(dusty(dtype="uint8")).save(tmp_path / "a.jpg", quality=90, subsampling=subsampling)
    picture = read_picture(tmp_path / "a.jpg")
    write_picture(tmp_path / "b.jpg", picture.pixels, picture)
    with Image.open(tmp_path / "b.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == expected
        error = np.abs(np.asarray(image).astype(int) - picture.pixels)
    assert error.mean() < 1  # quality 95 on top of 90


def test_palette_and_low_bit_grey_are_expanded_without_loss(tmp_path):
    colours = Image.fromarray(dusty(dtype="uint8")).quantize(16)
    colours.save(tmp_path / "p.png", bits=4)
    colours.save(tmp_path / "p.tif")
    for name in ("p.png", "p.tif"):
        assert np.array_equal(read_picture(tmp_path / name).pixels, np.asarray(colours.convert("RGB")))


def test_half_floats_are_read_as_floats(tmp_path):
    pixels = dusty(dtype="float16")
    tifffile.imwrite(tmp_path / "h.tif", pixels, photometric="rgb")
    picture = read_picture(tmp_path / "h.tif")
    assert picture.pixels.dtype == np.float32
    assert np.array_equal(picture.pixels, pixels)


@pytest.mark.parametrize(
    ("name", "pixels", "words"),
    [
        ("o.png", dusty(dtype="float32"), "float32"),
        ("o.jpg", dusty(), "uint16"),
        ("o.jpg", dusty(channels=4, dtype="uint8"), "alpha"),
        ("o.webp", dusty(), "uint16"),
        ("o.gif", dusty(), "suffix"),
        ("o", dusty(), "suffix"),
    ],
)
def test_a_format_that_would_lose_something_is_refused(tmp_path, name, pixels, words):
    like = read_picture(write_scan(tmp_path / "a.tif", dusty()))
    with pytest.raises(DsrError, match=words):
        write_picture(tmp_path / name, pixels, like)


def test_files_are_written_all_or_none(tmp_path):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    def write(path: Path) -> None:
        path.write_text("new")

    with pytest.raises(DsrError, match=r"second\.txt cannot be written \(No space left on device\)"):
        write_all({first: write, second: fail}, overwrite=True)
    assert first.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["first.txt"]
    with pytest.raises(DsrError, match=r"first\.txt exists already"):
        write_all({first: write}, overwrite=False)
    write_all({first: write, second: write}, overwrite=True)
    assert first.read_text() == second.read_text() == "new"


@pytest.mark.parametrize(
    "block", [b"", b"II", b"II*\0", b"II*\0\xff\xff\0\0", b"MM\0*\0\0\0\x08\0\x05", b"no TIFF"]
)
def test_tags_of_a_damaged_file_are_an_error(block):
    with pytest.raises(ValueError, match="TIFF"):
        read_tags(BytesIO(block))
