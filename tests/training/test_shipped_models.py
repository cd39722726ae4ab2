"""The shipped models on validation pairs made of scikit-image's photographs and procedural damage."""

import cv2
import numpy as np
import pytest
import skimage.data

from dsr_core.models import find_model
from training.measure.methods import model_method
from training.measure.metrics import measure, summarise
from training.measure.pairs import load_pairs, make_pairs

MASKS_DIFFER = 0.001  # of the pixels of all pairs, at most, between a model and its fast form
REPAIRS_DIFFER = 3  # of 255, on average over the true damage of a pair that both repair


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
    methods = {name: model_method(find_model(name), "cpu") for name in ("1", "2", "3", "3-fast")}
    return {name: [method(pair) for pair in pairs] for name, method in methods.items()}


def test_the_fast_form_stays_near_the_best(pairs, outcomes):
    differ = [best.found != fast.found for best, fast in zip(outcomes["3"], outcomes["3-fast"], strict=True)]
    assert np.concatenate([pixels.ravel() for pixels in differ]).mean() < MASKS_DIFFER
    for pair, best, fast in zip(pairs, outcomes["3"], outcomes["3-fast"], strict=True):
        both = best.found & fast.found & pair.true
        if both.any():
            difference = best.restored[both].astype(int) - fast.restored[both]
            assert np.abs(difference).mean() < REPAIRS_DIFFER


@pytest.mark.parametrize("name", ["1", "2", "3", "3-fast"])
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
