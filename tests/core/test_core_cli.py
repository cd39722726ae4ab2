import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from dsr_core import doctor, job, models
from dsr_core.cli import main
from dsr_core.io import read_picture
from tests import rights
from tests.core.scan_files import exif_of, srgb_profile, write_scan
from tests.dusty import SPECKS, dusty
from tests.toy_model import METADATA, write_toy_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(toy_model, capfd):
    """Return a function that runs a command with the toy model and returns exit code, output and errors."""

    def run(command, *arguments):
        extra = ["--model", str(toy_model), "--provider", "cpu"] if command in ("restore", "detect") else []
        code = main([command, *map(str, arguments), *extra])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def test_help_imports_nothing_heavy():
    heavy = {"numpy", "cv2", "onnxruntime", "tifffile", "imagecodecs", "tqdm", "torch"}
    code = f"""
import sys
sys.modules |= dict.fromkeys({sorted(heavy)})  # None: to import it is an error
from dsr_core.cli import main
main(sys.argv[1:])
"""
    for arguments in (["--help"], ["restore", "--help"], ["detect", "--help"]):
        command = [sys.executable, "-c", code, *arguments]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.startswith(
            "usage: "
        )


@pytest.mark.parametrize("module", ["dsr_core", "dsr_core.cli"])
def test_python_runs_the_package_as_the_command(module):
    command = [sys.executable, "-m", module, "restore", "--sensitivity", "3", "scan.tif"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "dsr-core: --sensitivity must be a number from 0 to 1, not 3.0.\n"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_sixteen_bit_scan_differs_only_under_the_mask_and_keeps_its_metadata(folder, call):
    write_scan(folder / "scan.tif", dusty(), compression="zlib")
    code, out, err = call(
        "restore", "scan.tif", "-o", "out.tif", "--mask", "mask.png", "--overlay", "seen.jpg"
    )
    assert (code, err) == (0, "")
    assert out.startswith("scan.tif -> out.tif: 3 defects, ")
    assert out.endswith(" s on the CPU\n")
    before, after = tifffile.imread("scan.tif"), tifffile.imread("out.tif")
    mask = read_picture(Path("mask.png")).pixels
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    assert mask.shape == before.shape[:2]
    assert after.dtype == before.dtype
    assert np.array_equal(after[mask == 0], before[mask == 0])
    for row, column, _ in SPECKS:
        assert (after[row + 1, column + 1] < before[row + 1, column + 1]).all()
    with tifffile.TiffFile("out.tif") as tiff:
        assert tiff.pages[0].tags["XResolution"].value == (3600, 1)
        assert tiff.pages[0].tags["InterColorProfile"].value == srgb_profile()
    assert exif_of(folder / "out.tif")["ExposureTime"] == (1, 250)
    with Image.open("seen.jpg") as image:
        assert image.size == (96, 80)
    assert names(folder) == ["mask.png", "out.tif", "scan.tif", "seen.jpg"]


def test_the_default_name_lies_beside_the_input(folder, call):
    (folder / "roll").mkdir()
    write_scan(folder / "roll" / "scan.tif", dusty())
    assert call("restore", "roll/scan.tif")[0] == 0
    assert names(folder / "roll") == ["scan.restored.tif", "scan.tif"]


def test_several_inputs_go_on_past_a_bad_one(folder, call):
    write_scan(folder / "a.tif", dusty())
    (folder / "b.tif").write_text("no picture")
    write_scan(folder / "c.tif", dusty())
    code, out, err = call("restore", "a.tif", "b.tif", "c.tif", "--output-dir", "new/out")
    assert code == 1
    assert out.count("\n") == 2
    assert err.splitlines()[-1] == "dsr-core: 2 of 3 files restored, 1 failed"
    assert "b.tif" in err.splitlines()[0]
    assert names(folder / "new" / "out") == [".dsr-core.sqlite", "a.restored.tif", "c.restored.tif"]


def test_json_is_one_line_a_file(folder, call):
    write_scan(folder / "a.tif", dusty())
    code, out, _ = call("restore", "a.tif", "nothing.tif", "--json")
    good, bad = (json.loads(line) for line in out.splitlines())
    assert code == 1
    assert good["input"] == "a.tif"
    assert good["output"] == "a.restored.tif"
    assert good["megapixels"] == pytest.approx(0.00768, abs=5e-4)
    assert good["provider"] == "cpu"
    assert good["defects"] == 3
    assert 0 < good["changed"] < 0.05
    assert good["seconds"] > 0
    assert bad == {"input": "nothing.tif", "error": "There is no file nothing.tif; check the name."}


def test_options_reach_the_filter(folder, call):
    write_scan(folder / "a.tif", dusty())
    for flags, defects in (
        (["--sensitivity", "0.9"], 3),
        (["--polarity", "dark"], 0),
        (["--min-size", "3"], 2),
        (["--max-size", "3", "--grow", "0", "--feather", "0"], 2),
    ):
        _, out, _ = call("restore", "a.tif", "--json", "--overwrite", *flags)
        assert json.loads(out)["defects"] == defects, flags


def test_detect_writes_only_the_mask(folder, call):
    write_scan(folder / "a.tif", dusty())
    code, out, _ = call("detect", "a.tif", "-o", "m.png")
    assert code == 0
    assert out.startswith("a.tif -> m.png: 3 defects")
    assert names(folder) == ["a.tif", "m.png"]
    assert read_picture(Path("m.png")).pixels.any()


def test_nothing_is_replaced_without_being_asked_to(folder, call):
    source = write_scan(folder / "a.tif", dusty()).read_bytes()
    (folder / "b.tif").write_text("precious")
    for target in ("a.tif", "b.tif"):
        code, _, err = call("restore", "a.tif", "-o", target)
        assert code == 1
        assert (
            err == f"dsr-core: a.tif: {target} exists already; choose another name or use --overwrite.\n"
            or (target == "a.tif" and "exists already" in err)
        )
    assert (folder / "a.tif").read_bytes() == source
    assert (folder / "b.tif").read_text() == "precious"
    assert call("restore", "a.tif", "-o", "a.tif", "--overwrite")[0] == 0
    assert tifffile.imread("a.tif").shape == (80, 96, 3)


def test_the_infrared_scan_is_no_target(folder, call):
    write_scan(folder / "a.tif", dusty())
    for flags in (("--infrared", "other.tif", "-o", "other.tif"), ("--mask", "a_ir.tif")):
        target = flags[-1]
        tifffile.imwrite(target, np.full((80, 96), 9, np.uint16))
        before = Path(target).read_bytes()
        code, _, err = call("restore", "a.tif", "--overwrite", *flags)
        assert code == 1
        assert f"{target} is the infrared scan of a.tif" in err
        assert Path(target).read_bytes() == before


def test_two_inputs_never_share_a_result(folder, call):
    for name in ("x", "y"):
        (folder / name).mkdir()
        write_scan(folder / name / "a.tif", dusty())
    code, _, err = call("restore", "x/a.tif", "y/a.tif", "--output-dir", "out", "--overwrite")
    assert code == 1
    assert "y/a.tif: out/a.restored.tif is the result of x/a.tif already" in err


def test_result_and_mask_never_share_a_name(folder, call):
    write_scan(folder / "a.tif", dusty())
    code, _, err = call("restore", "a.tif", "-o", "o.png", "--mask", "o.png")
    assert (code, names(folder)) == (1, ["a.tif"])
    assert "two of them are the same" in err


def truncated(name, form):
    Image.effect_noise((300, 300), 90).save(name, form)
    content = Path(name).read_bytes()
    Path(name).write_bytes(content[: len(content) // 2])


def animated(name, form):
    RGB.save(name, form, save_all=True, append_images=[RGB.rotate(180)])


def forbidden(name):
    RGB.save(name, "TIFF")
    Path(name).chmod(0)


RGB = Image.fromarray(dusty(dtype="uint8"))
BAD_FILES = {
    "missing": (None, "There is no file"),
    "empty": (lambda name: Path(name).touch(), "is empty"),
    "a text": (lambda name: Path(name).write_text("Dear diary"), "not an image"),
    "a folder": (lambda name: Path(name).mkdir(), "is a folder"),
    "truncated": (lambda name: truncated(name, "TIFF"), "is damaged"),
    "truncated PNG": (lambda name: truncated(name, "PNG"), "is damaged"),
    "truncated JPEG": (lambda name: truncated(name, "JPEG"), "is damaged"),
    "CMYK": (lambda name: RGB.convert("CMYK").save(name, "TIFF"), "is CMYK"),
    "CMYK JPEG": (lambda name: RGB.convert("CMYK").save(name, "JPEG"), "is CMYK"),
    "1 bit": (lambda name: RGB.convert("1").save(name, "TIFF"), "1 bit"),
    "1 bit PNG": (lambda name: RGB.convert("1").save(name, "PNG"), "1 bit"),
    "CIELAB": (
        lambda name: tifffile.imwrite(name, dusty(dtype="uint8"), photometric="cielab"),
        "CIELAB|image",
    ),
    "several pages": (
        lambda name: RGB.save(name, "TIFF", save_all=True, append_images=[RGB]),
        "several pages",
    ),
    "an animation": (lambda name: animated(name, "WEBP"), "several pages"),
    "an animated PNG": (lambda name: animated(name, "PNG"), "several pages"),
    "a GIF": (lambda name: RGB.save(name, "GIF"), "convert it"),
    "five channels": (
        lambda name: tifffile.imwrite(
            name, np.zeros((9, 9, 5), np.uint8), photometric="rgb", planarconfig="contig"
        ),
        "5 channels",
    ),
    "signed": (lambda name: tifffile.imwrite(name, np.zeros((9, 9), np.int16)), "short samples"),
    "complex": (lambda name: tifffile.imwrite(name, np.zeros((9, 9), np.complex64)), "complex64 samples"),
    "NaN": (lambda name: tifffile.imwrite(name, np.full((9, 9), np.nan, np.float32)), "NaN"),
    "infinity": (lambda name: tifffile.imwrite(name, np.full((9, 9), np.inf, np.float32)), "infinity"),
    "no right to read": (forbidden, "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_input_is_one_sentence_and_leaves_nothing_behind(folder, call, kind):
    make, words = BAD_FILES[kind]
    if make is not None:
        make("scan.tif")
    before = names(folder)
    with rights.of_anybody():
        code, out, err = call("restore", "scan.tif", "-o", "out.tif", "--mask", "mask.png")
    assert code == 1
    assert out == ""
    assert err.startswith("dsr-core: ")
    assert err.count("\n") == 1
    assert "scan.tif" in err
    assert any(word in err for word in words.split("|"))
    assert names(folder) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "nowhere/out.tif"], "no folder nowhere"),
        (["-o", "."], "is a folder"),
        (["-o", "out.bmp"], "suffix"),
        (["-o", "out.jpg"], "uint16"),
        (["--mask", "mask.jpg"], "blur the mask"),
        (["--mask", "nowhere/mask.png"], "no folder nowhere"),
    ],
)
def test_a_bad_argument_is_one_sentence_and_leaves_nothing_behind(folder, call, arguments, words):
    write_scan(folder / "scan.tif", dusty())
    code, out, err = call("restore", "scan.tif", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert words in err
    assert names(folder) == ["scan.tif"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sensitivity", "2"], "--sensitivity must be a number from 0 to 1"),
        (["--grow", "-3"], "--grow must be"),
        (
            ["--min-size", "9", "--max-size", "3"],
            "--max-size (3) must be 0 (no limit) or at least --min-size (9)",
        ),
        (["--size-um", "9,3"], "The second number of --size-um"),
        (["--resume"], "give --output-dir"),
    ],
)
def test_options_that_cannot_be_exit_with_2_before_a_file_is_looked_for(folder, call, arguments, words):
    code, out, err = call("restore", "nothing.tif", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert names(folder) == []


def test_a_folder_without_the_right_to_write_is_named(folder, call, monkeypatch):
    write_scan(folder / "scan.tif", dusty())
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    code, _, err = call("restore", "scan.tif", "-o", "out.tif")
    assert (code, names(folder)) == (1, ["scan.tif"])
    assert "no right to write" in err


def test_a_mask_that_would_be_blurred_is_refused_by_its_name_before_the_network_runs(
    folder, call, monkeypatch
):
    write_scan(folder / "scan.tif", dusty())
    monkeypatch.setattr(job, "restore_steps", None)
    code, _, err = call("restore", "scan.tif", "-o", "out.tif", "--mask", "mask.jpg")
    assert code == 1
    assert "mask.jpg: JPEG would blur the mask" in err
    assert ".part" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["restore"],
        ["polish"],
        ["restore", "a.tif", "--grow", "x"],
        ["restore", ""],
        ["restore", "a.tif", "--most-megapixels", "nan"],
        ["restore", "a.tif", "--white", "0"],
        ["restore", "a", "-o", "b", "--output-dir", "c"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_one_output_cannot_take_several_inputs(folder, call):
    code, _, err = call("restore", "a.tif", "b.tif", "-o", "c.tif")
    assert code == 2
    assert "--output-dir" in err
    assert names(folder) == []


def test_an_unknown_model_is_named(folder, capsys):
    write_scan(folder / "scan.tif", dusty())
    assert main(["restore", "scan.tif", "--model", "nine.onnx"]) == 1
    assert "There is no model nine.onnx" in capsys.readouterr().err


def test_the_fast_model_goes_by_its_name(folder, capsys, monkeypatch):
    monkeypatch.setattr(models, "models_folder", lambda: folder)
    write_scan(folder / "scan.tif", dusty())
    for name in ("3", "fast"):
        write_toy_model(folder / f"model-{name}.onnx", METADATA | {"name": name})
        command = ["restore", "scan.tif", "--model", name, "--provider", "cpu", "--json", "--overwrite"]
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)["model"] == name


def test_a_full_disk_leaves_nothing_behind(folder, toy_model):
    """A limit on file size stands for the disk: the system refuses to write on, midway through the file."""
    rng = np.random.default_rng(0)
    write_scan(folder / "scan.tif", rng.integers(0, 65535, (300, 300, 3), np.uint16))
    program = Path(sys.executable).with_name("dsr-core")
    command = f"ulimit -f 100; trap '' XFSZ; '{program}' restore scan.tif -o out.tif --model '{toy_model}'"
    result = subprocess.run(
        ["bash", "-c", f"{command} --provider cpu"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result
    assert "out.tif cannot be written" in result.stderr
    assert "Traceback" not in result.stderr
    assert names(folder) == ["scan.tif"]


def test_models_and_doctor(folder, capsys, toy_model, monkeypatch):
    del folder
    monkeypatch.setattr(models, "models_folder", toy_model.parent.__truediv__(".").resolve)
    monkeypatch.setattr(doctor, "models_folder", models.models_folder)
    monkeypatch.setattr(doctor, "cuda_fault", lambda: "no driver")
    assert main(["models"]) == 1
    assert main(["doctor"]) == 1
    assert "no model in" in capsys.readouterr().out
    (toy_model.parent / "model-1.onnx").write_bytes(toy_model.read_bytes())
    assert main(["models"]) == 0
    checksum = models.find_model(toy_model).sha256
    out = capsys.readouterr().out
    assert checksum in out
    assert out.startswith("What --model takes; 3 is the default.")
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert checksum in out
    assert "CUDA does not load: no driver" in out
    assert "toy on cpu: one tile of 256 pixels in " in out


def test_export_says_what_it_lacks(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "dsr_core.nn.export", None)
    assert main(["export-onnx", "a.pt", "b.onnx"]) == 1
    assert "dust-scratch-removal[train]" in capsys.readouterr().err


def test_a_mask_can_tell_the_kinds_and_one_kind_can_be_chosen(folder, call):
    write_scan(folder / "a.tif", dusty())
    assert call("detect", "a.tif", "-o", "kinds.png", "--mask-kinds")[0] == 0
    assert set(np.unique(read_picture(Path("kinds.png")).pixels)) == {0, 64}  # squares are specks
    assert call("restore", "a.tif", "-o", "out.tif", "--mask", "mask.png", "--kinds", "hairs")[0] == 0
    assert not read_picture(Path("mask.png")).pixels.any()
