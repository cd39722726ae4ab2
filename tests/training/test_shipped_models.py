"""The shipped models on validation pairs made of scikit-image's photographs and procedural damage."""

import cv2
import pytest
import skimage.data

from dsr_core.models import MODEL_NAMES, find_model
from training.measure.methods import model_method
from training.measure.metrics import measure, summarise
from training.measure.pairs import load_pairs, make_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    photos = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee", "chelsea"):
        cv2.imwrite(str(photos / f"{name}.png"), getattr(skimage.data, name)()[..., ::-1])
    folder = tmp_path_factory.mktemp("pairs") / "pairs"
    make_pairs(folder, sorted(photos.iterdir()), None, per_group=1, size=320)
    return list(load_pairs(folder))


@pytest.fixture(scope="module")
def outcomes(pairs):
    methods = {name: model_method(find_model(name), "cpu") for name in MODEL_NAMES}
    return {name: [method(pair) for pair in pairs] for name, method in methods.items()}


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_damaged_pairs_gain_and_clean_ones_hardly_change(name, pairs, outcomes):
    measures = {
        pair.name: measure(pair.damaged, pair.clean, pair.true, outcome.restored, outcome.found)
        for pair, outcome in zip(pairs, outcomes[name], strict=True)
    }
    damaged = summarise([m for pair, m in measures.items() if "clean" not in pair])
    clean = summarise([m for pair, m in measures.items() if "clean" in pair])
    assert damaged["psnr"] > damaged["psnr_before"] + 2
    assert damaged["clean_changed"] < 0.01
    assert clean["clean_changed"] < 0.005
