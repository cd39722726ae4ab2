"""Files as people have them: nothing mangled, nothing lost unsaid, no good file refused without need."""

import json
import multiprocessing
import os
import struct
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

import dsr_core
from dsr_core import DsrError
from dsr_core.cli import main
from dsr_core.io import losses, read_picture, write_picture
from dsr_core.io.picture import Wishes
from tests.core.made_files import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    chunks_of,
    exif_with_thumbnail,
    mpf,
    page,
    png,
    segment,
    tiff,
    with_bad_tag,
)
from tests.dusty import dusty


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def restore(folder, toy_model, capfd):
    """Return a function that restores with the toy model and returns exit code, reports and errors."""
    del folder

    def run(*arguments):
        command = ["restore", *map(str, arguments), "--model", str(toy_model), "--provider", "cpu", "--json"]
        code = main(command)
        captured = capfd.readouterr()
        return code, [json.loads(line) for line in captured.out.splitlines()], captured.err

    return run


def first_page(path):
    with tifffile.TiffFile(path) as file:
        return file.pages[0]


def exact_outside(source, output, mask):
    before, after = tifffile.imread(source), tifffile.imread(output)
    outside = cv2.imread(mask, cv2.IMREAD_UNCHANGED) == 0
    assert before.dtype == after.dtype
    assert not outside.all()
    assert np.array_equal(before[outside], after[outside])
    assert not np.array_equal(before, after)
    return before, after


def jpeg(pixels, *segments, quality=95):
    """Return a JPEG with these segments (kind, payload) in front and no others."""
    data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    front = b"".join(segment(kind, payload) for kind, payload in segments)
    return data[:2] + front + data[20:]  # without OpenCV's JFIF


# ---- samples as stored -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_premultiplied_colours_stay_as_stored(restore, dtype):
    picture = dusty(channels=4, dtype=dtype)
    alpha = picture[:, :, 3:] / (1 if dtype == "float32" else np.iinfo(dtype).max)
    picture[:, :, :3] = (picture[:, :, :3] * alpha).astype(dtype)
    tifffile.imwrite("a.tif", picture, photometric="rgb", extrasamples=["assocalpha"])
    assert restore("a.tif", "-o", "b.tif", "--mask", "m.png")[0] == 0
    before, after = exact_outside("a.tif", "b.tif", "m.png")
    assert np.array_equal(before[:, :, 3], after[:, :, 3])
    assert (after[:, :, :3] <= after[:, :, 3:] + before.dtype.type(1e-6 if dtype == "float32" else 1)).all()
    assert first_page("b.tif").extrasamples == (1,)


def test_infrared_that_is_called_premultiplied_alpha_is_left_alone(restore):
    picture = dusty(channels=4)
    picture[:, :, 3] = 9
    tifffile.imwrite("a.tif", picture, photometric="rgb", extrasamples=["assocalpha"])
    code, _, err = restore("a.tif", "-o", "b.tif", "--mask", "m.png")
    assert (code, "is not; it comes back as it is" in err) == (0, True)
    exact_outside("a.tif", "b.tif", "m.png")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_white_is_zero_keeps_its_numbers_and_its_tag(restore, dtype):
    positive = dusty(channels=0, dtype=dtype)
    white = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    tifffile.imwrite("a.tif", (white - positive).astype(dtype), photometric="miniswhite")
    code, reports, _ = restore("a.tif", "-o", "b.tif", "--mask", "m.png")
    assert (code, reports[0]["defects"]) == (0, 3)
    _, after = exact_outside("a.tif", "b.tif", "m.png")
    assert int(first_page("b.tif").photometric) == 0
    assert (white - after)[13, 21] < 0.9 * white  # the speck is as dark as the film around it


def test_white_is_zero_becomes_a_positive_in_png(restore):
    tifffile.imwrite("a.tif", 255 - dusty(channels=0, dtype="uint8"), photometric="miniswhite")
    assert restore("a.tif", "-o", "b.png", "--mask", "m.png")[0] == 0
    outside = cv2.imread("m.png", -1) == 0
    assert np.array_equal(cv2.imread("b.png", -1)[outside], dusty(channels=0, dtype="uint8")[outside])


@pytest.mark.parametrize(
    ("dtype", "white"),
    [("float32", 255), ("float32", 65535), ("uint16", 1023), ("uint16", 4095), ("uint32", 65535)],
)
def test_another_white_is_found_said_and_kept(restore, dtype, white):
    picture = (dusty(dtype="float64") * white).astype(dtype)
    tifffile.imwrite("a.tif", picture, photometric="rgb")
    code, reports, err = restore("a.tif", "-o", "b.tif", "--mask", "m.png")
    assert (code, reports[0]["defects"]) == (0, 3)
    assert f"as if {white} were white" in err
    _, after = exact_outside("a.tif", "b.tif", "m.png")
    assert after[13, 21].max() < 0.9 * white
    code, reports, err = restore("a.tif", "-o", "c.tif", "--white", white * 4)
    assert (code, err) == (0, "")


def test_whites_of_arrays():
    for samples, white in (
        (np.float32([[0.1, 0.9]]), 1),
        (np.float32([[0.1, 0.9, 7.0]]), 1),  # a highlight
        (np.float32([[20, 90, 250]]), 255),
        (np.float64([[20, 90, 300]]), 1023),
        (np.float32([[20, 90, 17000]]), 65535),
        (np.uint16([[20, 300]]), 1023),
        (np.uint16([[0, 0]]), 65535),
        (np.uint8([[0, 3]]), 255),
    ):
        assert dsr_core.filter.guess(samples)[0].white == white, samples


def test_the_white_of_an_array_can_be_given(toy_model):
    picture = (dusty(dtype="float64") * 100).astype(np.float32)
    coding = dsr_core.Coding(white=100)
    result = dsr_core.restore(picture, model=toy_model, provider="cpu", coding=coding)
    assert (result.defects, result.notes) == (3, ())
    assert np.array_equal(result.image[~result.mask], picture[~result.mask])
    with pytest.raises(DsrError, match="White must be"):
        dsr_core.Coding(white=0)


def test_arrays_of_the_other_byte_order(folder, toy_model):
    del folder
    Path("a.tif").write_bytes(tiff(page(dusty())))
    like = read_picture(Path("a.tif"))
    for order in "<>":
        result = dsr_core.restore(dusty().astype(order + "u2"), model=toy_model, provider="cpu")
        write_picture(Path(f"{'lb'[order == '>']}.tif"), result.image, like)
    assert np.array_equal(tifffile.imread("l.tif"), tifffile.imread("b.tif"))


@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_jpeg_inside_tiff_becomes_lossless_and_that_is_said(restore, tile):
    tifffile.imwrite("a.tif", dusty(dtype="uint8"), photometric="rgb", compression="jpeg", tile=tile)
    code, _, err = restore("a.tif", "-o", "b.tif", "--mask", "m.png")
    assert (code, "JPEG compression inside the TIFF is replaced" in err) == (0, True)
    exact_outside("a.tif", "b.tif", "m.png")


@pytest.mark.parametrize("compression", ["zstd", "lzma", "lerc", "packbits", "lzw", "jpeg2000", "deflate"])
def test_compressions_are_read_and_come_back_exact(restore, compression):
    tifffile.imwrite("a.tif", dusty(dtype="uint8"), photometric="rgb", compression=compression)
    assert restore("a.tif", "-o", "b.tif", "--mask", "m.png")[0] == 0
    exact_outside("a.tif", "b.tif", "m.png")
    kept = first_page("b.tif").compression == first_page("a.tif").compression
    assert kept == (compression not in ("lerc", "jpeg2000"))


@pytest.mark.parametrize(
    ("compression", "marker", "at", "claim"),
    [
        ("jpeg", b"\xff\xc0", 5, b"\xff\xff\xff\xff"),
        ("jpeg2000", b"\xff\x51", 6, b"\0\0\xff\xff\0\0\xff\xff"),
    ],
)
def test_a_part_that_claims_more_than_its_place_takes_no_memory(compression, marker, at, claim):
    """It would be 13 gigabytes, found by seed 28 of the fuzz."""
    file = BytesIO()
    tifffile.imwrite(file, dusty(dtype="uint8"), photometric="rgb", compression=compression)
    data = bytearray(file.getvalue())
    start = data.index(marker) + at
    data[start : start + len(claim)] = claim
    with pytest.raises(DsrError, match="a part of it claims to be 65535 x 65535 pixels"):
        read_picture(bytes(data))


@pytest.mark.parametrize("kind", [BYTE, RATIONAL, UNDEFINED])
def test_a_size_that_is_no_number_takes_no_memory(kind):
    """A width of several numbers, times the height, filled the memory: seed 28 of the fuzz again."""
    values = {BYTE: [1, 2, 3, 4], RATIONAL: [9, 7], UNDEFINED: bytes(9)}[kind]
    with pytest.raises(DsrError, match="a size in it is no number"):
        read_picture(tiff(page(dusty(dtype="uint8"), (256, kind, values))))


def test_a_png_that_is_named_as_a_jpeg_stays_exact(restore):
    Path("scan.jpg").write_bytes(png(dusty(dtype="uint8")))
    assert restore("scan.jpg", "--mask", "m.png")[0] == 0
    outside = cv2.imread("m.png", -1) == 0
    assert np.array_equal(cv2.imread("scan.restored.png")[outside], dusty(dtype="uint8")[outside][:, ::-1])
    assert restore("scan.jpg", "-o", "scan.jpg", "--overwrite")[0] == 0
    assert Path("scan.jpg").read_bytes().startswith(b"\x89PNG")
    assert "JPEG is not exact" in restore("scan.jpg", "-o", "x.jpg")[2]


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiles_and_planes(restore, planar):
    pixels = dusty(dtype="uint8")
    data = pixels if planar == "contig" else np.moveaxis(pixels, 2, 0)
    tifffile.imwrite("a.tif", data, photometric="rgb", planarconfig=planar, tile=(32, 48))
    assert np.array_equal(read_picture(Path("a.tif")).pixels, pixels)
    assert restore("a.tif", "-o", "b.tif")[0] == 0


# ---- further pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_scan_below_a_thumbnail_is_restored_with_the_tags_of_both(restore, order):
    scan, small = dusty(), dusty(20, 24, dtype="uint8")
    thumbnail = page(
        small, (254, LONG, [1]), (271, ASCII, b"Nikon\0"), below=[page(scan, (65001, SHORT, [7]))]
    )
    Path("a.nef").write_bytes(tiff(thumbnail, order=order))
    code, _, err = restore("a.nef", "-o", "a.tif", "--mask", "m.png")
    assert (code, "thumbnail" in err) == (0, True)
    with tifffile.TiffFile("a.tif") as result:
        assert len(result.pages) == 1
        assert result.byteorder == order
        outside = cv2.imread("m.png", -1) == 0
        assert np.array_equal(result.pages[0].asarray()[outside], scan[outside])
        assert result.pages[0].tags[271].value == "Nikon"
        assert result.pages[0].tags[65001].value == 7
    assert restore("a.nef")[1][0]["output"] == "a.restored.tif"


def test_a_thumbnail_page_is_left_out_and_other_pages_only_on_request(restore):
    scan = dusty()
    Path("a.tif").write_bytes(tiff(page(dusty(40, 48)), page(scan)))
    code, _, err = restore("a.tif", "-o", "b.tif")
    assert (code, "thumbnail" in err) == (0, True)
    assert tifffile.imread("b.tif").shape == scan.shape
    Path("c.tif").write_bytes(tiff(page(scan), page(dusty(60, 96))))
    code, _, err = restore("c.tif", "-o", "d.tif")
    assert (code, "several pages" in err, Path("d.tif").exists()) == (1, True, False)
    code, _, err = restore("c.tif", "-o", "d.tif", "--picture-only")
    assert (code, "only the largest" in err) == (0, True)


def test_the_infrared_page_goes_along_to_the_bit(restore):
    infrared = dusty(channels=0)
    Path("a.tif").write_bytes(tiff(page(dusty()), page(infrared, (254, LONG, [4]), (65002, SHORT, [3]))))
    assert restore("a.tif", "-o", "b.tif")[0] == 0
    with tifffile.TiffFile("b.tif") as result:
        assert len(result.pages) == 2
        assert np.array_equal(result.pages[1].asarray(), infrared)
        assert result.pages[1].tags[254].value == 4
        assert result.pages[1].tags[65002].value == 3
    assert "1 further pages are left out" in restore("a.tif", "-o", "b.png")[2]


def test_layers_are_lost_only_on_request(restore):
    Path("a.tif").write_bytes(tiff(page(dusty(), (37724, UNDEFINED, b"Adobe Photoshop"))))
    code, _, err = restore("a.tif", "-o", "b.tif")
    assert (code, "layers" in err, Path("b.tif").exists()) == (1, True, False)
    code, _, err = restore("a.tif", "-o", "b.tif", "--picture-only")
    assert (code, "layers are left out" in err) == (0, True)
    assert 37724 not in first_page("b.tif").tags


def test_an_mpo_is_refused_a_preview_is_left_out(restore):
    pixels = dusty(dtype="uint8")
    for kinds, words, code in (
        ([0x30000, 0x20002], "holds several pages", 1),
        ([0x30000, 0x10002], "preview in it is left out", 0),
    ):
        Path("a.jpg").write_bytes(jpeg(pixels, (0xE2, mpf(kinds))) + jpeg(pixels))
        result, _, err = restore("a.jpg", "-o", "b.jpg", "--overwrite")
        assert (result, words in err) == (code, True), err
    assert b"MPF\0" not in Path("b.jpg").read_bytes()
    Path("a.jpg").write_bytes(jpeg(pixels, (0xE2, mpf([0x30000, 0]))) + jpeg(pixels))
    assert "only the first" in restore("a.jpg", "-o", "c.jpg", "--picture-only")[2]


def test_a_linear_raw_becomes_a_plain_tiff_of_linear_light(restore):
    tags = [(50706, BYTE, [1, 4, 0, 0]), (50721, RATIONAL, [1, 1] * 9), (50717, LONG, [65535])]
    Path("a.dng").write_bytes(tiff(page(dusty(), *tags, photometric=34892)))
    code, _, err = restore("a.dng", "-o", "b.tif")
    assert (code, "DNG tags" in err, "linear light" in err) == (0, True, True)
    with tifffile.TiffFile("b.tif") as result:
        assert int(result.pages[0].photometric) == 2
        assert not [tag.code for tag in result.pages[0].tags if tag.code > 50000]
    assert "linear light" not in restore("a.dng", "-o", "c.tif", "--no-linear")[2]


def test_raw_data_of_a_sensor_is_refused():
    data = tiff(page(dusty(channels=0), photometric=32803))
    with pytest.raises(DsrError, match="raw data of a sensor"):
        read_picture(data)


# ---- tags and other company ------------------------------------------------------------------------------


BAD_TAGS = {
    "EXIF beyond the end": (34665, LONG, 1, 1 << 30),
    "GPS beyond the end": (34853, LONG, 1, 1 << 30),
    "value beyond the end": (700, BYTE, 4000, 1 << 30),
    "a senseless count": (65000, SHORT, 0xFFFFFFF0, 8),
    "an unknown type": (65000, 99, 1, 0),
}


@pytest.mark.parametrize("kind", BAD_TAGS)
def test_a_bad_tag_costs_the_tag_and_not_the_picture(restore, kind):
    Path("a.tif").write_bytes(with_bad_tag(tiff(page(dusty())), *BAD_TAGS[kind]))
    code, _, err = restore("a.tif", "-o", "b.tif", "--mask", "m.png")
    assert code == 0
    assert f"tag {BAD_TAGS[kind][0]}" in err
    exact_outside("a.tif", "b.tif", "m.png")


@pytest.mark.parametrize(
    "block", [b"II*\0\x08\0", b"no TIFF", b"II+\0\x08\0\0\0" + b"\xff" * 8, b"II*\0\xff\xff\xff\xff"]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_bad_exif_block_costs_nothing(restore, block, suffix):
    source = Path("a" + suffix)
    if suffix == ".jpg":
        source.write_bytes(jpeg(dusty(dtype="uint8"), (0xE1, b"Exif\0\0" + block)))
    elif suffix == ".png":
        source.write_bytes(png(dusty(dtype="uint8"), (b"eXIf", block)))
    else:
        Image.fromarray(dusty(dtype="uint8")).save(source, lossless=True, exif=block)
    code, _, err = restore(source, "-o", f"b{suffix}")
    assert (code, "EXIF block" in err) == (0, True)
    assert block in Path(f"b{suffix}").read_bytes()


def test_png_keeps_its_chunks_and_gains_none(restore):
    chunks = [
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", struct.pack(">8I", *range(31000, 31008))),
        (b"cICP", bytes([1, 13, 0, 1])),
        (b"sBIT", bytes([8, 8, 8])),
        (b"tIME", struct.pack(">HBBBBB", 1999, 1, 2, 3, 4, 5)),
        (b"tEXt", b"Comment\0box 3"),
        (b"prVt", b"ours"),
    ]
    Path("a.png").write_bytes(png(dusty(dtype="uint8"), *chunks))
    assert restore("a.png", "-o", "b.png")[2] == ""
    assert chunks_of(Path("b.png").read_bytes()) == dict(chunks)
    assert "has no place for cHRM, cICP, gAMA" in restore("a.png", "-o", "b.tif")[2]


def test_tiff_tags_come_back_as_they_were_and_no_others(restore):
    curve = [n * 257 for n in range(256)] * 3
    tags = [(297, SHORT, [1, 3]), (301, SHORT, curve), (282, RATIONAL, [1, 1]), (283, RATIONAL, [1, 1])]
    tags += [(296, SHORT, [1]), (280, SHORT, [0] * 3), (65000, UNDEFINED, b"ours!")]
    Path("a.tif").write_bytes(tiff(page(dusty(dtype="uint8"), *tags)))
    assert restore("a.tif", "-o", "b.tif")[2] == ""
    with tifffile.TiffFile("a.tif") as before, tifffile.TiffFile("b.tif") as after:
        storage = {273, 278, 279, 284, 339}
        old, new = (
            {tag.code: tag.value for tag in file.pages[0].tags if tag.code not in storage}
            for file in (before, after)
        )
    assert {number: str(value) for number, value in new.items()} == {
        n: str(value) for n, value in old.items()
    }
    assert "TransferFunction" in restore("a.tif", "-o", "b.png")[2]


def test_jpeg_keeps_its_comment_and_gains_no_exif(restore):
    Path("a.jpg").write_bytes(jpeg(dusty(dtype="uint8"), (0xFE, b"box 3"), (0xE7, b"private")))
    assert restore("a.jpg", "-o", "b.jpg")[0] == 0
    data = Path("b.jpg").read_bytes()
    assert segment(0xFE, b"box 3") in data
    assert segment(0xE7, b"private") in data
    assert b"Exif" not in data
    assert "the comment" in restore("a.jpg", "-o", "b.png")[2]


def test_thumbnails_in_jpeg_are_left_out(restore):
    small = jpeg(dusty(20, 24, dtype="uint8"))
    photoshop = b"Photoshop 3.0\0" + b"8BIM\x04\x0c\0\0" + struct.pack(">I", 6) + b"stale!"
    Path("a.jpg").write_bytes(
        jpeg(dusty(dtype="uint8"), (0xE1, exif_with_thumbnail(small)), (0xED, photoshop))
    )
    code, _, err = restore("a.jpg", "-o", "b.jpg")
    assert (code, "thumbnail" in err) == (0, True)
    data = Path("b.jpg").read_bytes()
    assert small not in data
    assert b"stale!" not in data
    with Image.open("b.jpg") as image:
        assert image.getexif()[274] == 1


def test_a_jpeg_without_its_end_marker_is_whole_and_a_cut_one_is_not(folder):
    del folder
    whole = jpeg(dusty(dtype="uint8"))
    cut = whole[:-2]
    assert np.array_equal(read_picture(whole).pixels, read_picture(cut).pixels)
    with pytest.raises(DsrError, match="its end is missing"):
        read_picture(whole[: len(whole) * 3 // 4])


def test_a_profile_of_gamma_one_is_noticed():
    def profile(curve):
        head = bytes(128) + struct.pack(">I4sII", 1, b"rTRC", 144, len(curve))
        return head + curve

    for curve, linear in (
        (b"curv" + bytes(8), True),
        (b"curv" + struct.pack(">IIH", 0, 1, 256), True),
        (b"curv" + struct.pack(">IIH", 0, 1, 563), False),
        (b"curv" + struct.pack(">II3H", 0, 3, 0, 32768, 65535), True),
        (b"curv" + struct.pack(">II3H", 0, 3, 0, 10000, 65535), False),
        (b"para" + struct.pack(">IHHi", 0, 0, 0, 65536), True),
        (b"para" + struct.pack(">IHHi", 0, 3, 0, 65536), False),
        (b"curv", False),
    ):
        data = tiff(page(dusty(), (34675, UNDEFINED, profile(curve))))
        assert read_picture(data).linear == linear, curve
    assert read_picture(png(dusty(dtype="uint8"), (b"gAMA", struct.pack(">I", 100_000)))).linear


# ---- kinds of files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["ppm", "pgm", "bmp", "jp2"])
def test_formats_that_are_only_read(restore, suffix):
    pixels = dusty(channels=0 if suffix == "pgm" else 3, dtype="uint8")
    Image.fromarray(pixels).save(f"scan.{suffix}", **({"irreversible": False} if suffix == "jp2" else {}))
    assert np.array_equal(read_picture(Path(f"scan.{suffix}")).pixels, pixels)
    assert restore(f"scan.{suffix}")[1][0]["output"] == "scan.restored.tif"


def test_a_pgm_of_twelve_bits_keeps_its_numbers(restore):
    samples = (dusty(channels=0, dtype="float64") * 4095).astype(">u2")
    Path("a.pgm").write_bytes(b"P5\n# scanned\n96 80\n4095\n" + samples.tobytes())
    code, reports, err = restore("a.pgm", "-o", "b.tif")
    assert (code, reports[0]["defects"], "4095 is white" in err) == (0, 3, True)


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.JPG", "Print [3]", "no-suffix", "b[0].tif"])
def test_names_do_not_matter(restore, name):
    Path(name).write_bytes(jpeg(dusty(dtype="uint8")))
    code, reports, _ = restore(name)
    assert code == 0
    assert Path(reports[0]["output"]).read_bytes().startswith(b"\xff\xd8\xff")


def test_shadows_of_a_mac_are_passed_over(restore):
    Path("._a.tif").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    Path("a.tif").write_bytes(tiff(page(dusty())))
    code, reports, err = restore("._a.tif", "a.tif")
    assert (code, len(reports)) == (0, 1)
    assert "passed over" in err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GIF89a", "a GIF"),
        (b"%PDF-1.4", "a PDF"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\0\0\0\x18ftypheic", "an HEIF"),
        (b"Dear diary", "not an image"),
        (tiff(page(dusty(channels=0), (259, SHORT, [40000]))), "compressed with"),
        (tiff(page(dusty(), photometric=8)), "CIELAB"),
        (tiff(page(dusty())).replace(tiff(page(dusty()))[8:400], b""), "damaged"),
        (
            png(np.zeros((5, 5), np.uint8)).replace(
                struct.pack(">II", 5, 5), struct.pack(">II", 60000, 60000)
            ),
            "claims",
        ),
    ],
)
def test_what_cannot_be_read_is_told_truly(data, words):
    with pytest.raises(DsrError, match=words) as caught:
        read_picture(data)
    assert ("damaged" in str(caught.value)) == (words == "damaged")


def test_the_limit_on_size_can_be_raised():
    data = tiff(page(dusty()))
    with pytest.raises(DsrError, match="--most-megapixels"):
        read_picture(data, Wishes(most_pixels=1000))
    assert read_picture(data).pixels.shape == (80, 96, 3)


def test_reading_works_in_a_forked_child(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(page(dusty())))
    read_picture(tmp_path / "a.tif")
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("nothing forks here")
    child = os.fork()
    if child == 0:
        os._exit(read_picture(tmp_path / "a.tif").pixels.shape != (80, 96, 3))
    assert os.waitpid(child, 0)[1] == 0


def test_losses_are_none_between_equal_formats():
    for data, form in ((tiff(page(dusty())), "tiff"), (png(dusty(dtype="uint8")), "png")):
        assert losses(read_picture(data), form) == []
