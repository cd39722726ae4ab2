"""The measures, against what can be counted by hand."""

import math

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.metrics import structural_similarity

from training.measure.metrics import MOST_PSNR, average_precision, dilate, measure, psnr, ssim, summarise


def flat(value=128, size=40):
    return np.full((size, size, 3), value, np.uint8)


def spot(size=40, at=(20, 20), radius=2):
    mask = np.zeros((size, size), bool)
    mask[at[0] - radius : at[0] + radius + 1, at[1] - radius : at[1] + radius + 1] = True
    return mask


def test_psnr_of_a_known_error():
    x = flat(100)
    assert psnr(x, flat(110)) == pytest.approx(20 * math.log10(255 / 10), abs=1e-4)  # float32 sums
    assert psnr(x, x) == MOST_PSNR


def test_ssim_is_one_for_equal_images_and_less_with_noise():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (32, 32, 3), np.uint8)
    assert ssim(x, x) == pytest.approx(1, abs=1e-6)
    assert ssim(x, rng.integers(0, 256, (32, 32, 3), np.uint8)) < 0.2


def test_ssim_equals_scikit_images():
    clean = astronaut()[:96, 100:196]
    noisy = np.clip(clean + np.random.default_rng(1).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    expected = structural_similarity(
        clean, noisy, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(clean, noisy) == pytest.approx(expected, abs=1e-5)  # float32 against float64


def test_dilation_is_euclidean():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    grown = dilate(mask, 2)
    assert grown.sum() == 13
    assert grown[4, 6]
    assert not grown[5, 6]
    assert not dilate(np.zeros((3, 3), bool), 2).any()


def test_average_precision_of_perfect_random_and_reversed_scores():
    histogram = np.zeros(256, np.int64)
    low, high = histogram.copy(), histogram.copy()
    low[10], high[200] = 90, 10
    assert average_precision(low, high) == 1
    assert average_precision(high, low) == pytest.approx(90 / 100)  # all 100 pixels must be taken to find any
    same_clean, same_damaged = np.full(256, 90), np.full(256, 10)
    assert average_precision(same_clean, same_damaged) == pytest.approx(0.1)
    assert math.isnan(average_precision(low, histogram))


def test_average_precision_equals_its_definition_on_a_ranking():
    clean, damaged = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for score, is_damage in ((250, 1), (240, 0), (230, 1), (220, 0)):
        (damaged if is_damage else clean)[score] += 1
    assert average_precision(clean, damaged) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_a_perfect_restoration():
    true = spot()
    damaged = flat()
    damaged[true] = 255
    summary = summarise([measure(damaged, flat(), true, flat(), true)])
    assert summary["psnr"] == summary["psnr_damage"] == MOST_PSNR
    assert summary["ssim"] == pytest.approx(1)
    assert summary["ssim_change"] > 0
    assert summary["precision"] == summary["recall"] == summary["f1"] == summary["f1_near"] == 1
    assert summary["defects_found"] == summary["marks_right"] == 1
    assert summary["clean_changed"] == summary["made_worse"] == 0
    assert math.isnan(summary["average_precision"])


def test_counts_of_a_shifted_and_a_false_mark():
    true = spot(at=(10, 10)) | spot(at=(30, 10))
    found = spot(at=(12, 10)) | spot(at=(20, 30), radius=1)  # the first 2 px off, the second not there
    damaged = flat()
    damaged[true] = 255
    restored = damaged.copy()
    restored[found] = 90
    summary = summarise([measure(damaged, flat(), true, restored, found)])
    hits = 3 * 5
    assert summary["precision"] == pytest.approx(hits / (25 + 9))
    assert summary["recall"] == pytest.approx(hits / 50)
    assert summary["defects_found"] == 0.5
    assert summary["marks_right"] == 0.5
    near_precision, near_recall = 25 / 34, 25 / 50
    assert summary["f1_near"] == pytest.approx(
        2 * near_precision * near_recall / (near_precision + near_recall)
    )
    away = ~dilate(true, 3)
    assert summary["clean_changed"] == pytest.approx((found & away).sum() / away.sum())


def test_grain_kept_is_one_for_the_truth_and_less_for_a_smear():
    rng = np.random.default_rng(2)
    clean = np.clip(rng.normal(128, 12, (64, 64, 3)), 0, 255).astype(np.uint8)
    true = spot(64, (32, 32), 8)
    damaged = clean.copy()
    damaged[true] = 255
    smeared = clean.copy()
    smeared[true] = 128
    assert summarise([measure(damaged, clean, true, clean, true)])["grain_kept"] == pytest.approx(1)
    assert summarise([measure(damaged, clean, true, smeared, true)])["grain_kept"] < 0.35


def test_a_group_without_damage():
    summary = summarise([measure(flat(), flat(), np.zeros((40, 40), bool), flat(), np.zeros((40, 40), bool))])
    assert summary["clean_changed"] == 0
    for key in ("psnr_damage", "precision", "recall", "f1", "defects_found", "grain_kept"):
        assert math.isnan(summary[key])


def test_groups_are_pooled_by_counts_not_by_averaging_ratios():
    empty = np.zeros((40, 40), bool)
    true = spot()
    damaged = flat()
    damaged[true] = 255
    found_all = measure(damaged, flat(), true, flat(), true)
    false_alarm = measure(flat(), flat(), empty, flat(), spot(radius=4))
    assert summarise([found_all, false_alarm])["precision"] == pytest.approx(25 / (25 + 81))
