"""The baselines: they remove what they should and leave alone what they should."""

import numpy as np
import pytest
from skimage.data import astronaut

from training.measure.methods import dust_and_scratches, telea_true_mask, top_hat_telea
from training.measure.metrics import dilate


@pytest.fixture
def dusty():
    clean = np.full((64, 64, 3), 90, np.uint8)
    clean[:, :, 1] += np.linspace(0, 60, 64).astype(np.uint8)
    true = np.zeros((64, 64), bool)
    true[30:33, 20:23] = true[10, 5:60] = True
    damaged = clean.copy()
    damaged[true] = 250
    return damaged, clean, true


@pytest.mark.parametrize("method", [dust_and_scratches, top_hat_telea])
def test_finds_and_repairs_dust_on_a_smooth_ground(method, dusty):
    damaged, clean, true = dusty
    restored, found = method(damaged)
    assert found[true].all()
    assert np.abs(restored[true].astype(int) - clean[true]).max() <= 8  # of 160: the slope of the ground
    away = ~dilate(found, 1)
    assert (restored[away] == damaged[away]).all()


def test_telea_repairs_what_it_is_told(dusty):
    damaged, clean, true = dusty
    restored, found = telea_true_mask(damaged, true)
    assert (found == true).all()
    assert np.abs(restored[true].astype(int) - clean[true]).max() <= 8
    away = ~dilate(found, 1)
    assert (restored[away] == damaged[away]).all()


@pytest.mark.parametrize("method", [dust_and_scratches, top_hat_telea])
def test_a_real_photograph_is_not_left_alone(method):
    """What the models have to beat: fine detail taken for dust."""
    photo = astronaut()[:128, 100:228]
    restored, found = method(photo)
    assert restored.shape == photo.shape
    assert restored.dtype == np.uint8
    assert 0.001 < found.mean() < 0.6
