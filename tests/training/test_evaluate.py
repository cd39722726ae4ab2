"""Validation pairs and the evaluation, on photographs of scikit-image and procedural damage."""

import hashlib
import json

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from dsr_core.errors import DsrError
from dsr_core.nn.checkpoint import save_checkpoint
from dsr_core.nn.unet import UNet, UNetConfig
from training.__main__ import main
from training.measure import evaluate
from training.measure.evaluate import worst_median_best
from training.measure.eyes import IRISES
from training.measure.groups import GROUPS
from training.measure.methods import BASELINES
from training.measure.metrics import measure, summarise
from training.measure.pairs import load_pairs, make_pairs

SIZE = 96
EYES = ((196, 104, 208, 116), (232, 104, 244, 116))  # of the astronaut, about


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee"):
        image = cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.png"), image)
    known = hashlib.sha256((folder / "astronaut.png").read_bytes()).hexdigest()[:12]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(IRISES, known, EYES)
        yield folder


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs") / "new"
    arguments = ["--output", str(folder), "--photos", str(photos), "--per-group", "1", "--size", str(SIZE)]
    assert main(["pairs", *arguments]) == 0
    return folder


def test_every_group_and_scale_has_its_pair(folder):
    entries = json.loads((folder / "pairs.json").read_text())
    assert {(e["group"], e["scale"]) for e in entries} == {
        (name, scale) for name, group in GROUPS.items() for scale in group.scales
    }
    for pair in load_pairs(folder):
        assert pair.damaged.shape == pair.clean.shape == (*pair.true.shape, 3)
        assert pair.true.shape == ((GROUPS[pair.group].side or SIZE,) * 2)


def test_the_mask_is_where_the_damage_is(folder):
    for pair in load_pairs(folder):
        change = np.abs(pair.damaged.astype(int) - pair.clean).max(-1)
        if pair.group == "clean":
            assert not change.any()
            assert not pair.true.any()
        elif pair.true.any():
            # JPEG may smear some of it, but the mask holds what changed most
            assert change[pair.true].mean() > 3 * max(change[~pair.true].mean(), 0.5)
    assert sum(pair.true.any() for pair in load_pairs(folder)) > 10


def test_points_are_dark_or_bright_dense_and_on_pictures_of_256_pixels(folder):
    pairs = {pair.group: pair for pair in load_pairs(folder)}
    for group, sign in (("dark points", -1), ("bright points", 1)):
        pair = pairs[group]
        assert pair.true.shape == (256, 256)
        assert 0.005 < pair.true.mean() < 0.08
        change = (pair.damaged.astype(int) - pair.clean).sum(-1)
        assert (change[pair.true] * sign > 0).mean() > 0.85  # dark points on black may tip over
        assert change[pair.true].std() > 20


def test_a_face_lies_in_its_pair_with_both_eyes(folder):
    (pair,) = [pair for pair in load_pairs(folder) if pair.eyes is not None]
    assert pair.group == "eyes"
    assert pair.eyes.shape == pair.true.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(pair.eyes.view(np.uint8))
    assert count == 3
    assert set(stats[1:, cv2.CC_STAT_AREA]) == {81}  # 12 pixels at three quarters


def test_an_eye_is_kept_as_long_as_nothing_but_damage_changes_in_it():
    picture = np.full((40, 60, 3), 90, np.uint8)
    eyes, true = np.zeros((2, 40, 60), np.bool_)
    eyes[10:20, 10:20] = eyes[10:20, 40:50] = True
    true[10:12, 10:12] = True
    restored = picture.copy()
    restored[10:12, 10:12] = 80
    nothing = np.zeros_like(true)
    figures = [picture, picture, true, restored, nothing, None, eyes]
    assert summarise([measure(*figures)])["eyes_kept"] == 1
    restored[14, 44] = 80
    assert summarise([measure(*figures)])["eyes_kept"] == 0.5
    assert np.isnan(summarise([measure(*figures[:-1])])["eyes_kept"])


def test_pairs_are_made_the_same_again(folder, photos, tmp_path):
    make_pairs(tmp_path / "again", sorted(photos.iterdir()), None, per_group=1, size=SIZE)
    for one in sorted(folder.rglob("*.png")):
        assert one.read_bytes() == (tmp_path / "again" / one.relative_to(folder)).read_bytes()


def test_pairs_do_not_go_into_a_folder_in_use(folder, photos):
    with pytest.raises(DsrError, match="is not empty; name a new folder"):
        make_pairs(folder, sorted(photos.iterdir()), None)


def test_the_evaluation_of_a_model_and_the_baselines(folder, toy_model, tmp_path, capsys):
    arguments = ["--models", str(toy_model), "--pairs", str(folder), "--provider", "cpu"]
    arguments += ["--json", str(tmp_path / "out" / "r.json"), "--markdown", str(tmp_path / "results.md")]
    assert main(["evaluate", *arguments]) == 0
    content = json.loads((tmp_path / "out" / "r.json").read_text())
    methods = {*BASELINES, "model toy (toy)"}
    groups = content["groups"]
    assert set(groups) == {
        "all",
        "damaged",
        "first groups",
        "later groups",
        *GROUPS,
        "scale 0.2",
        "scale 0.25",
        "scale 0.5",
        "scale 1",
    }
    assert all(set(group) == methods for group in groups.values())
    images = {group: methods["damaged input"]["images"] for group, methods in groups.items()}
    assert images["all"] == images["damaged"] + images["clean"] == 33
    assert (images["first groups"], images["later groups"], images["eyes"]) == (22, 10, 1)
    assert groups["all"]["damaged input"]["ssim_change"] == 0
    assert groups["all"]["damaged input"]["average_precision"] is None
    assert 0 < groups["all"]["model toy (toy)"]["average_precision"] <= 1
    assert groups["clean"]["damaged input"]["psnr"] == 60
    assert groups["all"]["true mask + Telea"]["psnr_damage"] > groups["all"]["damaged input"]["psnr_damage"]
    assert content["models"][0]["name"] == "toy"
    page = (tmp_path / "results.md").read_text()
    assert page.count("| model toy (toy) |") == len(groups)
    assert "nan" not in page
    assert page.count("eyes kept % |") == 1
    assert str(tmp_path) not in page
    assert cv2.imread(str(tmp_path / "out" / "r.toy.png")).shape[0] == 3 * 256
    assert "r.json" in capsys.readouterr().out


def test_the_figure_shows_the_worst_the_median_and_the_best(folder):
    results = evaluate.evaluate(load_pairs(folder), {"median": BASELINES["median + threshold"]})["median"]
    chosen = worst_median_best(results)
    changes = {name: m.ssim - m.ssim_before for name, m in results.items() if m.defects}
    assert changes[chosen[0]] == min(changes.values())
    assert changes[chosen[-1]] == max(changes.values())
    assert worst_median_best({}) == []


@pytest.mark.parametrize(("model", "words"), [("missing.onnx", "no model"), (None, "pairs.json")])
def test_what_is_missing_is_named(model, words, toy_model, tmp_path, capsys):
    arguments = [
        "--models",
        model or str(toy_model),
        "--pairs",
        str(tmp_path),
        "--json",
        str(tmp_path / "r.json"),
    ]
    assert main(["evaluate", *arguments]) == 1
    assert words in capsys.readouterr().err


def test_runs_are_set_side_by_side(folder, tmp_path, capsys):
    info = {"name": "x", "version": "1", "loss": "1", "training_data": "none", "steps": "7", "licence": "MIT"}
    sizes = {"narrow": (8, 8), "wide": (16, 32)}
    torch.manual_seed(0)
    for name, widths in sizes.items():
        (tmp_path / name).mkdir()
        net = UNet(UNetConfig(widths=widths, encoder_blocks=(1, 1), decoder_blocks=(1,)))
        save_checkpoint(tmp_path / name / "model.pt", net.eval(), info)
    page = tmp_path / "docs" / "networks.md"
    page.parent.mkdir()
    runs = [str(tmp_path / name) for name in sizes]
    assert main(["compare", *runs, "--pairs", str(folder), "--markdown", str(page)]) == 0
    rows = [
        line.split(" | ") for line in page.read_text().splitlines() if line.startswith(("| narrow", "| wide"))
    ]
    for row, name in zip(rows, sizes, strict=True):
        checksum = hashlib.sha256((tmp_path / name / "model.pt").read_bytes()).hexdigest()
        assert row[1:3] == [f"`{checksum[:12]}`", "7"]
    narrow, wide = (float(row[4]) for row in rows)
    # the first convolution alone: 24 unshuffled channels, 3 x 3, at a quarter of the positions
    assert narrow > 24 * 9 * 8 / 4 / 1000
    assert wide > 2 * narrow
    assert cv2.imread(str(page.parent / "images" / "networks.png")) is not None
    capsys.readouterr()
    assert main(["compare", str(tmp_path), "--pairs", str(folder), "--markdown", str(page)]) == 1
    assert "model.pt" in capsys.readouterr().err
