"""The benchmark measures what it says; how long anything takes is not tested."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import dsr_core.filter
from benchmarks import (
    cuda,
    evidence,
    peers,
    reliability,
    restore,
    roll,
    scale,
    scans,
    skipping,
    speed,
    stopwatch,
)
from benchmarks.page import page, plot
from dsr_core.errors import DsrError
from dsr_core.io import read_picture, write_picture
from dsr_core.models import find_model
from dsr_core.nn.checkpoint import save_checkpoint
from dsr_core.nn.export import REQUIRED, export_onnx
from dsr_core.nn.unet import UNet, UNetConfig
from dsr_core.sweep import Load
from tests.toy_model import write_toy_model

SMALL = UNetConfig(widths=(8, 8, 16), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1))


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.uint16)])
def test_a_scan_has_the_size_and_depth_that_was_asked_for_and_no_compression(tmp_path, bits, kind):
    for megapixels in (0.05, 1.5):
        scans.write_scan(tmp_path / "scan.tif", megapixels, bits)
        picture = read_picture(tmp_path / "scan.tif")
        height, width, _ = picture.pixels.shape
        assert height * width / 1e6 == pytest.approx(megapixels, rel=0.01)
        assert picture.pixels.dtype == kind
        assert picture.saving["compression"] == "none"


def test_a_run_is_split_into_steps_that_add_up(toy_model, tmp_path):
    run = scans.restore_scan(find_model(toy_model), 0.05, 16, tmp_path)
    total, *steps = run["seconds"].values()
    assert set(run["seconds"]) == {"total", "read", "network", "repair", "write", "rest"}
    assert min(steps) > 0
    assert total == pytest.approx(sum(steps))
    assert run["peak"] > 10
    assert read_picture(tmp_path / "result.tif").pixels.dtype == np.uint16


def test_a_step_within_a_step_counts_once():
    watch = stopwatch.Stopwatch()
    inner = watch.timed(lambda: None, "inner")
    watch.timed(lambda: (inner(), inner()), "outer")()
    counted = set(watch.seconds)
    inner()
    assert set(watch.seconds) == {"outer", "inner"}
    assert counted == {"outer"}


def slow_down(monkeypatch, owner, name, clock, seconds):
    """Let a function take so many seconds of a clock."""
    real = getattr(owner, name)

    def slow(*args, **kwargs):
        clock[0] += seconds
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, slow)
    return slow


def scratch_it(path):
    """Draw a scratch along a scan."""
    scan = read_picture(path)
    scan.pixels[90:92] = np.minimum(scan.pixels[90:92], 215) + 40
    path.unlink()
    write_picture(path, scan.pixels, scan)


@pytest.mark.parametrize(
    ("step", "owner", "name"),
    [(step, *function) for step, functions in stopwatch.STEPS.items() for function in functions],
    ids=lambda value: value if isinstance(value, str) else "of",
)
def test_what_takes_long_counts_in_its_step(step, owner, name, toy_model, tmp_path, monkeypatch, capsys):
    clock = [0.0]
    slow = slow_down(monkeypatch, owner, name, clock, 100)
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: clock[0])
    scan, result, report = (str(tmp_path / file) for file in ("scan.tif", "result.tif", "report.json"))
    scans.write_scan(tmp_path / "scan.tif", 0.05, 8)
    scratch_it(tmp_path / "scan.tif")
    clock[0] = 0.0
    arguments = ["restore", scan, "-o", result, "--model", str(toy_model), "--provider", "cpu"]
    assert stopwatch.main([report, *arguments]) == 0, capsys.readouterr().err
    seconds = json.loads(Path(report).read_text())["seconds"]
    assert {name for name, value in seconds.items() if value} == {step}
    assert getattr(owner, name) is slow  # the stopwatch has gone


def test_a_run_that_fails_says_why(toy_model, tmp_path):
    model = find_model(toy_model)
    (tmp_path / "result.tif").mkdir()
    with pytest.raises(DsrError, match=r"(?s)dsr-core restore failed: .*result\.tif is a folder"):
        scans.restore_scan(model, 0.05, 8, tmp_path)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Return an exported network, with every size of the benchmark small."""
    save_checkpoint(tmp_path / "net.pt", UNet(SMALL), dict.fromkeys(REQUIRED, "none"))
    for module, name, value in (
        (restore, "EIGHT_BITS", (0.02,)),
        (restore, "PEERS_MEGAPIXELS", 0.02),
        (peers, "TILE", 16),
        (peers, "BIHARMONIC_SIDE", 32),
        (speed, "TILE", 64),
        (speed, "SCAN", (100, 150)),
        (speed, "TILE_SIZES", (64,)),
        (speed, "MATRIX", 64),
    ):
        monkeypatch.setattr(module, name, value)
    return export_onnx(tmp_path / "net.pt", tmp_path / "net.onnx")


def test_one_command_writes_figures_page_and_plot(tiny, toy_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "resnet", lambda: UNet(SMALL))
    monkeypatch.setattr(peers, "lama", lambda real=peers.lama: real(8, 1))
    monkeypatch.setattr(peers, "Restormer", lambda real=peers.Restormer: real(8, (1, 1, 1, 1), 1))
    json_file, page_file = tmp_path / "runs" / "figures.json", tmp_path / "page.md"
    arguments = ["--json", str(json_file), "--markdown", str(page_file)]
    arguments += ["--models", str(tiny.path), str(toy_model)]
    for parts in (["--parts", "scans", "--megapixels", "0.02"], ["--parts", "networks", "tiles", "options"]):
        assert restore.main([*arguments, *parts]) == 0, capsys.readouterr().err
    results = json.loads(json_file.read_text())
    sizes = [(run["model"], run["megapixels"], run["bits"]) for run in results["runs"]]
    assert sizes == [(name, 0.02, bits) for name in ("net.onnx", "toy.onnx") for bits in (16, 8)]
    assert [model["sha256"] for model in results["models"]] == [tiny.sha256, find_model(toy_model).sha256]
    assert set(results["peak"]) == {"float32", "bfloat16", "int8"}
    assert len(results["networks"]) == 5
    assert all(network["speed"] > 0 for network in results["networks"])
    assert results["networks"][0]["kmac"] == results["networks"][2]["kmac"] > 0
    assert min(results["classical"].values()) > 0
    assert "skipping" not in results
    text = page_file.read_text()
    assert f"- `net.onnx`: version {tiny.version}, " in text
    assert tiny.sha256 in text
    assert "| 0.02 MP, 16 bit, `net.onnx` |" in text
    assert "| LaMa's size, random weights, in PyTorch |" in text
    assert (tmp_path / "images" / "page.png").read_bytes().startswith(b"\x89PNG")
    assert restore.main([*arguments[:-1], "--parts"]) == 1  # these figures are of two models
    assert "name a new file" in capsys.readouterr().err


def test_a_scan_that_is_measured_again_takes_the_place_of_the_first():
    def of(size, total):
        return {"model": "a.onnx", "megapixels": size, "bits": 16, "seconds": {"total": total}}

    known = {"machine": {}, "models": [{"file": "a.onnx"}]}
    before = {**known, "tiles": {"a.onnx": []}, "runs": [of(1, 1), of(24, 9)]}
    after = restore.joined(before, {**known, "runs": [of(100, 40), of(24, 8)]})
    assert after["runs"] == [of(1, 1), of(24, 8), of(100, 40)]
    assert after["tiles"] == {"a.onnx": []}


def test_what_is_found_comes_from_the_evaluation_of_these_very_models(toy_model, tmp_path):
    model, file = find_model(toy_model), tmp_path / "evaluation.json"
    shares = {"model toy (toy)": 0.5, "median + threshold": 0.1, "top-hat + Telea": 0.2}
    groups = {
        "all": {name: {"defects_found": share, "marks_right": share / 2} for name, share in shares.items()}
    }
    file.write_text(json.dumps({"models": [{"sha256": model.sha256}], "groups": groups}))
    assert restore.found(file, [model])["`toy.onnx`"] == {"finds": 0.5, "right": 0.25}
    file.write_text(json.dumps({"models": [{"sha256": "another"}], "groups": groups}))
    with pytest.raises(DsrError, match=r"does not know toy\.onnx as it is"):
        restore.found(file, [model])


def made_up(seconds, peak):
    names = ("model-3.onnx", "other.onnx")
    outside = {"read": 0, "repair": 0, "write": 0, "rest": seconds - 36, "total": seconds}
    runs = [
        {"model": name, "megapixels": 24, "bits": 16, "peak": peak, "seconds": {"network": 36, **outside}}
        for name in names
    ]
    models = [{"file": name, "version": "1", "sha256": "0", "kmac": 1, "margin": 8} for name in names]
    machine = dict.fromkeys(("processor", "system"), "x") | {"cores": 2, "memory": 1}
    return {
        "machine": machine | {"cuda": "there is no driver", "versions": {"a": "1"}},
        "load": 0,
        "peak": {"float32": 1},
        "models": models,
        "runs": runs,
        "networks": [{"name": "m", "kmac": 1, "type": "float32", "speed": 1}],
        "classical": {"c": 9},
        "found": {"m": {"finds": 0.75, "right": 0.5}, "c": {"finds": 0.25, "right": 1}},
        "tiles": {},
        "options": {"m.onnx": {}},
        "skipping": [
            {"side": 256, "suspect": 5, "skipped": 0.25, "computed": 2.3, "defects": 9, "missed": 1}
        ],
    }


def test_the_page_says_what_is_met_and_what_is_not():
    text = page(made_up(40, 1400), "plot.png")
    assert text.count(": met") == 5  # the seconds of a model without a name in the list have no aim
    assert "CUDA was not tried: there is no driver" in text
    assert "| 256 pixels, 5 of 255 | 25% | 2.30 | 1 of 9 |" in text
    assert "| c |  | 9 |  |  | 25% | 100% |" in text
    text = page(made_up(60, 3000), "plot.png")
    assert (
        "`model-3.onnx`, 24 megapixels, 16-bit TIFF in and out: seconds: **60**, at most 40: missed by 50%"
        in text
    )
    assert text.count("**3000**, at most 1500: missed by 100%") == 2
    assert text.count("**40**, at most 15: missed by 167%") == 2


def test_the_plot_is_drawn(tmp_path):
    plot(made_up(10, 1400), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_a_first_look_counts_what_it_saves_and_what_it_would_miss(toy_model, tmp_path, monkeypatch):
    scan = np.full((64, 64), 90, np.uint8)
    scan[8:12, 8:12] = 255
    scan[40:42, 40:42] = 140  # the first, less sensitive, does not see it
    dull = write_toy_model(tmp_path / "dull.onnx", threshold=0.4)
    cv2.imwrite(str(tmp_path / "scan.png"), scan)
    monkeypatch.setattr(skipping, "load_scans", lambda *_: [SimpleNamespace(path=tmp_path / "scan.png")])
    monkeypatch.setattr(skipping, "SIDES", (32,))
    monkeypatch.setattr(skipping, "SUSPECT", (12,))
    (found,) = skipping.look(find_model(dull), find_model(toy_model), tmp_path)
    assert (found["skipped"], found["computed"]) == (0.75, 0.25 * (48 / 32) ** 2)
    assert (found["defects"], found["missed"]) == (2, 1)


def test_a_roll_is_killed_and_resumed(toy_model, tmp_path):
    found = roll.killed(tmp_path, 3, 0.02, str(toy_model))
    assert 1 <= found["killed"] <= 3
    assert (found["results"], found["different"], found["untouched"] <= found["killed"]) == (3, 1, True)
    assert "of 3 files restored, 0 failed" in found["told"]
    assert (tmp_path / "report.html").is_file()
    text = roll.page({"killed": found | {"machine": {"processor": "x", "cores": 2}, "load": 1.25}})
    assert "| results at the end | 3 |" in text
    assert "| other files beside them, the index aside | 0 |" in text
    assert "On x, 2 cores, load in the minute before 1.2. Other programs ran beside it." in text
    assert "minutes until" not in text


def test_jobs_are_timed_on_storage_of_any_speed(toy_model, tmp_path):
    found = roll.throughput(tmp_path, 2, 0.02, str(toy_model), [1, 2], [0, 50])
    assert [(each["rate"], each["jobs"]) for each in found["speeds"]] == [(0, 1), (0, 2), (50, 1), (50, 2)]
    assert min(each["speed"] for each in found["speeds"]) > 0
    for each, made_up_speed in zip(found["speeds"], (2, 3, 1, 1.5), strict=True):
        each["speed"] = made_up_speed
    text = roll.page({"jobs": found | {"machine": {"processor": "x", "cores": 2}, "load": 0}})
    assert "| as fast as this machine's | 2.00 | 3.00 | 1.50 |" in text
    assert "| 50 MB/s | 1.00 | 1.50 | 1.50 |" in text
    assert "Other programs" not in text


def test_the_page_on_reliability_says_what_is_known_and_no_more():
    found = {
        "fuzz": {"minutes": 2.0, "counted": {"files": 1234}, "ended": ["seed 1 hung"]},
        "restore": {"killed": 49, "half files": 0},
        "situations": {"the disk is full": "exit code 1: out.tif cannot be written"},
    }
    text = reliability.page(found)
    assert "2 minutes" in text
    for row in ("| files | 1,234 |", "| killed | 49 |", "| half files | 0 |", "seed 1 hung"):
        assert row in text
    assert "a hang | 1 |" in text
    assert "| the disk is full | exit code 1: out.tif cannot be written |" in text
    assert "training fit" not in text
    assert "##" not in reliability.page({})[2:]


def test_what_evidence_costs_is_told_apart(toy_model, monkeypatch):
    scan, infrared = evidence.made_up(0.3, seen=False)
    assert scan.shape[:2] == infrared.shape
    assert infrared.dtype == np.uint16
    dusty, same = evidence.made_up(0.3, seen=True)
    assert np.array_equal(same, infrared)
    assert 0.2 < (dusty == scan).mean() < 0.8  # on so small a scan they lie close
    assert dusty.mean() > scan.mean() + 5000
    clock = [0.0]
    monkeypatch.setattr(evidence, "perf_counter", lambda: clock[0])
    for name, seconds in (("sweep", 3), ("find_scratches", 5), ("find_infrared", 7)):
        slow_down(monkeypatch, dsr_core.filter, name, clock, seconds)
    seconds = evidence.measure(0.1, str(toy_model), seen=True)
    assert seconds == {"all else": 3, "scratches": 5, "infrared": 7}


def test_a_graphics_card_is_measured_and_the_page_rehearsed_on_the_processor(
    toy_model, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(cuda, "TRIED", ((1, 64), (2, 32)))
    monkeypatch.setattr(cuda, "AIMS", {0.05: 1e-6})
    monkeypatch.setitem(cuda.LOADS, "cpu", Load("cpu", 2, 64))
    json_file, page_file = tmp_path / "cuda.json", tmp_path / "cuda.md"
    arguments = ["--json", str(json_file), "--markdown", str(page_file), "--model", str(toy_model)]
    rest = ["--megapixels", "0.05", "0.02", "--compared", "0.02"]
    assert cuda.main([*arguments, "--provider", "cpu", *rest]) == 0, capsys.readouterr().err
    found = json.loads(json_file.read_text())
    assert found["difference"]["masks"] == 0  # the same provider
    assert [each["batch"] for each in found["loads"]] == [1, 2]
    assert 0 < found["restored"][0]["network"] < found["restored"][0]["seconds"]
    ways = {each["way"]: each for each in found["copies"]}
    assert len(ways) == 4
    whole = [way for way in ways if "float16" not in way]
    assert [ways[way]["apart"] for way in whole] == [0, 0, 0]  # the same numbers, however they are moved
    assert ways["the same, float16 inside"]["apart"] < 0.02  # a step of float16, times the toy's steepness
    text = page_file.read_text()
    assert "| whole numbers, memory bound once |" in text
    assert "a rehearsal on cpu" in text
    assert "at most 1e-06: missed by" in text
    monkeypatch.setattr(cuda, "card_fault", lambda _: "there is no NVIDIA driver")
    assert cuda.main([*arguments, *rest]) == 1
    assert "There is nothing to measure (there is no NVIDIA driver)" in capsys.readouterr().err


def test_what_an_archive_takes_follows_from_what_was_measured():
    performance = made_up(38, 1400)
    performance["runs"][0]["seconds"] |= {"read": 1, "repair": 0.5, "write": 0.5}
    assert scale.measured(performance, None).outside == 2
    text = scale.page(scale.measured(performance, {"engine": 240, "card": "a card"}))
    assert "| 0.67 MP/s | **measured**: 36 s in the network" in text
    assert "| 240 MP/s | **measured**, a card |" in text
    assert "**278 GPU-hours** | **200 000 core-hours**" in text  # 240e6 MP / 240 MP/s; 1e7 x 36 s x 2 cores
    assert "11 100 core-hours | 11 100 core-hours" in text
    assert "**1 280 USD** | **8 440 USD**" in text
    performance["runs"] = []
    with pytest.raises(DsrError, match="no scan of 24 megapixels"):
        scale.measured(performance, None)
