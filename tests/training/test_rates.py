"""How often a model takes clean pictures for damaged, and that its file says so."""

import shutil

import cv2
import numpy as np
import pytest
import skimage.data

from dsr_core import predict, run
from dsr_core.discovery import EASED, read_rates
from dsr_core.models import find_model
from training.__main__ import main
from training.measure import rates


@pytest.fixture
def model(tmp_path):
    return shutil.copy(find_model("fast").path, tmp_path / "own.onnx")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("coffee", "astronaut"):
        cv2.imwrite(str(folder / f"{name}.png"), getattr(skimage.data, name)()[..., ::-1])
    return folder


def test_rates_are_measured_and_written(model, photos, monkeypatch, capsys):
    monkeypatch.setattr(rates, "EVERY", 1)
    before = find_model(model)
    assert main(["rates", str(model), "--photos", str(photos)]) == 0
    after = find_model(model)
    bright, dark = read_rates(after.metadata)
    said = f"own.onnx: {bright.often:.2f} bright and {dark.often:.2f} dark marks a megapixel"
    assert capsys.readouterr().out.strip() == said
    assert {k: v for k, v in after.metadata.items() if k != "false_marks"} == {
        k: v for k, v in before.metadata.items() if k != "false_marks"
    }
    picture = skimage.data.coffee()[:128, :128]
    one, other = (run(predict(picture, model=info.path)) for info in (before, after))
    assert np.array_equal(one.probability, other.probability)
    assert np.array_equal(one.repaired, other.repaired)


def test_an_exponential_is_found_again():
    over = np.random.default_rng(0).exponential(1 / 0.7, 20_000)
    tops = 255 / (1 + np.exp(EASED - over))
    found = rates._fitted(tops, 1000.0)
    assert found.falls == pytest.approx(0.7, rel=0.05)
    assert found.often == pytest.approx(20 * np.exp(-0.7 * EASED), rel=0.05)


def test_a_folder_without_photographs_is_refused(model, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["rates", str(model), "--photos", str(empty)]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
