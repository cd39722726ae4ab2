"""Measuring on real film, on pictures and judgements made up here."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dsr_core.errors import DsrError
from dsr_core.models import find_model
from dsr_core.nn.checkpoint import save_checkpoint
from dsr_core.nn.unet import UNet, UNetConfig
from tests.dusty import SPECKS, dusty
from training.__main__ import main
from training.measure.methods import BASELINES, Outcome
from training.measure.pairs import Loaded
from training.measure.scans import Scan, load_pairs, load_scans, pair_figures, scan_figures
from training.measure.scans_report import KEPT
from training.measure.sheets import SHEETS, overlay, unjudged

JUDGED = Path(__file__).parents[1] / "judged"
"""Places on public scans that were judged by eye for this project, beside those that come with the scans."""


def square(top, left, side=3, size=40):
    mask = np.zeros((size, size), np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


@pytest.fixture
def pair():
    """A grey picture with a bright square, and fainter a row of pixels that an expert changed a little."""
    clean = np.full((40, 40, 3), 100, np.uint8)
    damaged = clean.copy()
    damaged[square(10, 10)] = 250
    damaged[30, 30, 1] += 13  # more than compression, less than damage
    damaged[35, 5, 0] += 12
    return Loaded("one", "real", 1.0, damaged, clean, square(10, 10))


@pytest.mark.parametrize(("shift", "right"), [(0, 1), (2, 1), (3, 2 / 3), (4, 1 / 3), (5, 0)])
def test_the_mask_may_lie_two_pixels_beside_the_damage(pair, shift, right):
    found = square(10, 10 + shift)
    figures = pair_figures(pair, Outcome(pair.damaged, found))
    assert figures["precision"] == figures["recall"] == pytest.approx(right)
    assert figures["f1"] == pytest.approx(right)


def test_precision_and_recall_count_pixels(pair):
    figures = pair_figures(pair, Outcome(pair.damaged, square(10, 10) | square(30, 10)))
    assert (figures["precision"], figures["recall"]) == (0.5, 1)
    assert figures["f1"] == pytest.approx(2 / 3)
    nothing = pair_figures(pair, Outcome(pair.damaged, np.zeros_like(pair.true)))
    assert nothing == dict.fromkeys(("gain", "precision", "recall", "f1", "clean_changed"), 0)


def test_the_gain_is_over_the_untouched_scan(pair):
    before = np.mean((pair.damaged.astype(float) - pair.clean) ** 2)
    restored = pair.damaged.copy()
    restored[11, 11] = pair.clean[11, 11]
    after = np.mean((restored.astype(float) - pair.clean) ** 2)
    gain = pair_figures(pair, Outcome(restored, pair.true))["gain"]
    assert gain == pytest.approx(10 * np.log10(before / after), abs=1e-4)


def test_clean_pixels_are_four_away_from_any_difference(pair):
    rows, columns = np.mgrid[:40, :40]
    far = np.hypot(rows - 30, columns - 30) > 4
    far &= np.hypot(rows - np.clip(rows, 10, 12), columns - np.clip(columns, 10, 12)) > 4
    restored = pair.damaged.copy()
    for row, column in ((10, 17), (30, 35), (35, 5), (10, 16), (30, 34)):  # three of them clean
        restored[row, column] += 1
    figures = pair_figures(pair, Outcome(restored, pair.true))
    assert figures["clean_changed"] == pytest.approx(3 / far.sum())


def test_a_quarter_of_a_judged_place_must_be_covered():
    boxes = np.array([[2, 2, 6, 6], [12, 2, 16, 6], [22, 2, 26, 6], [32, 2, 33, 3], [2, 30, 6, 34]])
    labels = np.array(["dust", "dust", "not", "not", "unsure"])
    scan = Scan("scan.png", boxes, np.array([8, 8, 8, 1, 8]), labels)
    mask = np.zeros((40, 40), np.bool_)
    mask[2, 2:4] = True  # two of eight
    mask[2, 12] = True  # one of eight
    mask[5:9, 25:30] = True  # one pixel in the box: the right and lower bounds lie outside
    mask[30:34, 2:6] = True
    figures = scan_figures(scan, mask)
    assert figures == {
        "pixels": 1600,
        "dust": 2,
        "found": 1,
        "not": 2,
        "taken": 0,
        "changed": 2 + 1 + 20 + 16,
    }
    mask[2, 32] = True
    assert scan_figures(scan, mask)["taken"] == 1


def test_what_nobody_judged_is_shown_the_largest_first():
    mask = square(2, 2, 4) | square(2, 20, 2) | square(20, 2, 6) | square(30, 30, 3)
    scan = Scan("scan.png", np.array([[5, 6, 9, 9], [25, 25, 29, 30]]), np.ones(2), np.array(["not", "dust"]))
    boxes, areas = unjudged(scan, mask)  # the first box touches a region at its corner, the second none
    assert boxes.tolist() == [[2, 20, 8, 26], [30, 30, 33, 33], [20, 2, 22, 4]]
    assert areas.tolist() == [36, 9, 4]
    none = Scan("scan.png", np.zeros((0, 4), int), np.zeros(0), np.zeros(0, str))
    many = np.zeros((100, 100), np.bool_)
    many[::3, ::3] = True
    many[:2, :50] = True
    boxes, areas = unjudged(none, many)
    assert len(np.unique(boxes, axis=0)) == len(boxes) == SHEETS * 24
    assert areas[0] == 100
    assert np.array_equal(unjudged(none, many)[0], boxes)


def test_the_overlay_tells_hits_false_marks_and_misses(pair):
    pair.true[square(30, 30)] = True
    picture = overlay(pair, square(11, 11) | square(30, 4)).astype(int)
    for colour, row, column in ((1, 10, 10), (1, 13, 13), (0, 31, 5), (2, 31, 31)):
        assert picture[row, column].argmax() == colour
    assert np.ptp(picture[20, 20]) == 0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A folder as the command takes it: one pair, two scans, and judgements."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "real-pairs").mkdir()
    (folder / "real-scans" / "judged").mkdir(parents=True)
    damaged = dusty(dtype="uint8")
    clean = damaged.copy()
    for row, column, side in SPECKS:
        clean[row : row + side, column : column + side] = damaged[row - 1, column - 1]
    peer = (np.abs(damaged.astype(int) - clean).max(-1) > 25).astype(np.uint8) * 255
    peer = cv2.resize(peer, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)  # it comes in another size
    pictures = {
        "real-pairs/a.damaged.jpg": damaged,
        "real-pairs/a.restored.jpg": clean,
        "real-pairs/a.peer-mask.png": peer,
        "real-scans/b.png": damaged,
        "real-scans/c.png": clean,
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
    row, column, side = SPECKS[0]
    places = [
        {"box": [column, row, column + side, row + side], "area": side**2, "label": "dust"},
        {"box": [80, 5, 84, 8], "area": 12, "label": "not"},
    ]
    for name, items in (("b", places), ("c", places[1:])):
        content = {"scan": f"{name}.png", "size": [96, 80], "items": items}
        (folder / "real-scans" / "judged" / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_the_command(film, toy_model, tmp_path, capsys):
    page = tmp_path / "docs" / "real.md"
    page.parent.mkdir()
    page.write_text(f"# Old\n\nfigures\n\n{KEPT}\n\nGood.\n")
    arguments = [str(toy_model), "--data", str(film), "--provider", "cpu", "--sensitivity", "0.9", "0.5"]
    arguments += ["--json", str(tmp_path / "new" / "real.json"), "--markdown", str(page)]
    arguments += ["--sheets", str(tmp_path / "sheets"), "--crops", str(tmp_path / "crops")]
    assert main(["real", *arguments]) == 0
    content = json.loads((tmp_path / "new" / "real.json").read_text())
    sha256 = find_model(toy_model).sha256
    assert content["models"] == {"toy": sha256}
    rows = {"toy at 0.5", "toy at 0.9"}
    assert set(content["pairs"]) == {*BASELINES, "published U-Net + Telea", *rows}
    assert set(content["scans"]) == rows
    ours, peer = (content["pairs"][row]["a"] for row in ("toy at 0.5", "published U-Net + Telea"))
    assert ours["gain"] > 5
    assert ours["recall"] == peer["f1"] == 1
    assert content["pairs"]["toy at 0.5"]["mean"] == ours
    judged = content["scans"]["toy at 0.5"]
    assert judged["b"]["dust"] == judged["b"]["found"] == judged["b"]["not"] == 1
    assert judged["b"]["taken"] == judged["c"]["dust"] == 0
    assert judged["all"]["not"] == 2
    written = page.read_text()
    assert written.endswith(f"\n{KEPT}\n\nGood.\n")
    assert "Old" not in written
    assert f"- toy: sha256 `{sha256[:12]}`" in written
    assert written.count("| toy at 0.9 |") == 3
    assert str(tmp_path) not in written
    assert all(table in written for table in capsys.readouterr().out.strip().split("\n\n"))
    sheet = json.loads((tmp_path / "sheets" / "toy.b.json").read_text())
    assert [item["label"] for item in sheet["items"]] == ["unsure"] * 2
    again = load_scans(film / "real-scans", [tmp_path / "sheets"])
    assert [scan_figures(scan, np.ones((80, 96), np.bool_))["dust"] for scan in again] == [0, 0]
    assert cv2.imread(str(tmp_path / "sheets" / "toy.b.1.png")) is not None
    assert not (tmp_path / "sheets" / "toy.c.1.png").exists()
    assert cv2.imread(str(tmp_path / "crops" / "toy.a.1-1.png")).shape == (160, 192, 3)


def test_a_checkpoint_is_measured_before_it_is_described(film, tmp_path, capsys):
    path = tmp_path / "run" / "model.pt"
    path.parent.mkdir()
    net = UNet(UNetConfig(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,)))
    save_checkpoint(path, net.eval(), {"name": "x", "training_data": ""})
    arguments = [str(path), "--data", str(film), "--provider", "cpu", "--json", str(tmp_path / "real.json")]
    assert main(["real", *arguments, "--sensitivity"]) == 0
    content = json.loads((tmp_path / "real.json").read_text())
    assert content["models"] == {"run/model": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert list(content["scans"]) == ["run/model at 0.5"]
    assert "| run/model at 0.5 |" in capsys.readouterr().out


def test_judgements_of_one_scan_are_put_together(film, tmp_path):
    more = [{"box": [1, 1, 2, 2], "area": 1, "label": "dust", "number": 7}]
    (tmp_path / "more.json").write_text(json.dumps({"scan": "b.png", "items": more}))
    first, second = load_scans(film / "real-scans", [film / "real-scans" / "judged", tmp_path])
    assert sorted(first.labels) == ["dust", "dust", "not"]
    assert second.boxes.tolist() == [[80, 5, 84, 8]]


def test_what_is_missing_or_wrong_is_named(film, toy_model, tmp_path, capsys):
    with pytest.raises(DsrError, match=r"no NAME\.damaged\.jpg"):
        load_pairs(tmp_path)
    with pytest.raises(DsrError, match="no judged places"):
        load_scans(film, [tmp_path])
    (tmp_path / "x.json").write_text('{"scan": "gone.png", "items": []}')
    with pytest.raises(DsrError, match=r"gone\.png', on which places were judged"):
        load_scans(film, [tmp_path])
    (tmp_path / "x.json").write_text('{"scan": "b.png"}')
    with pytest.raises(DsrError, match=r"x\.json' is no list of judged places"):
        load_scans(film, [tmp_path])
    for name, size in (("damaged", 8), ("restored", 9)):
        cv2.imwrite(str(tmp_path / f"a.{name}.jpg"), np.zeros((size, 8, 3), np.uint8))
    with pytest.raises(DsrError, match="differ in size"):
        load_pairs(tmp_path)
    copy = tmp_path / toy_model.name
    copy.write_bytes(toy_model.read_bytes())
    assert main(["real", str(toy_model), str(copy), "--data", str(film)]) == 1
    assert "models have one name" in capsys.readouterr().err
    assert main(["real", "missing.pt", "--data", str(film)]) == 1
    assert "missing.pt" in capsys.readouterr().err


def test_the_slider_is_drawn(film, toy_model, tmp_path, capsys):
    plot = tmp_path / "slider.png"
    assert main(["slider", str(toy_model), "--data", str(film), "--plot", str(plot)]) == 0
    head, *rows = capsys.readouterr().out.strip().splitlines()
    names = "dust found, judged by eye, other places taken, damage found, restored by hand"
    assert head == f"sensitivity: {names}, of what is found, damage"
    shares = {row.split(": ")[0]: [float(each) for each in row.split(": ")[1].split(", ")] for row in rows}
    assert list(shares) == [f"{step / 20:.2f}" for step in range(21)]
    assert shares["0.50"] == [1, 0, 1, pytest.approx(1, abs=0.3)]
    for column in range(3):
        line = [row[column] for row in shares.values()]
        assert line == sorted(line)
    assert cv2.imread(str(plot)).shape == (400, 700, 3)


@pytest.mark.parametrize("path", sorted(JUDGED.glob("*.json")), ids=lambda path: path.stem)
def test_what_this_project_judged_itself_is_well_formed(path):
    content = json.loads(path.read_text())
    width, height = content["size"]
    assert content["scan"] == f"{path.stem}.jpg"
    for place in content["items"]:
        left, top, right, bottom = place["box"]
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert 0 < place["area"] <= (right - left) * (bottom - top)
        assert place["label"] in {"dust", "not", "unsure"}
