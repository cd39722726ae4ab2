"""How sure the network has to be: by how many marks a scan holds beyond those of clean pictures."""

from dataclasses import replace

import numpy as np
import pytest

from dsr_core import Options, Prediction, find_defects
from dsr_core.detect import LOWEST, USUAL, find_marks, moves, search
from dsr_core.discovery import EASED, RAISED, Rates, logit, moved, read_rates, shift, write_rates

RATES = Rates(2.0, 0.6)
FAINT, PLAIN, SURE = 118, 170, 250  # of 255: below the usual threshold, above it, far above it


def scan(marks, rates=(RATES, RATES), side=1000):
    """Return a prediction with dark (-) and bright (+) specks: pairs of probability and number."""
    rng = np.random.default_rng(0)
    repaired = np.full((side, side, 1), 0.5, np.float32)
    image, probability = repaired.copy(), np.zeros((side, side), np.uint8)
    strengths = [strength for strength, number in marks for _ in range(number)]
    for place, strength in enumerate(strengths):
        row, column = 10 * np.array(divmod(place, side // 10)) + rng.integers(0, 7, 2)
        part = slice(row, row + 3), slice(column, column + 3)
        probability[part] = abs(strength)
        image[part] += 0.4 * np.sign(strength)
    prediction = Prediction(image, repaired, probability, None, "cpu")
    marks = find_marks(prediction, USUAL, LOWEST)
    return replace(prediction, moves=moves(marks, rates, side**2 / 1e6))


def found(prediction, sensitivity=0.5):
    """Return how many of the specks were found."""
    return find_defects(prediction, Options(grow=0, sensitivity=sensitivity)).sum() / 9


def test_faint_marks_count_where_there_are_many():
    assert found(scan([(-SURE, 100), (-FAINT, 40)])) == 140


def test_fainter_marks_count_as_long_as_there_are_as_many_of_every_strength():
    ladder = [(-SURE, 100), *((-strength, 20) for strength in range(26, 130, 10))]
    assert found(scan(ladder)) == 100 + 20 * 10  # down to a logit of -2
    assert found(scan([(-SURE, 100), (-60, 20)])) == 100


def test_faint_marks_stay_where_there_are_few():
    assert found(scan([(-SURE, 5), (-FAINT, 2)])) == 5


def test_plain_marks_stay_where_they_are_as_many_as_in_a_clean_picture():
    assert found(scan([(-SURE, 1), (-PLAIN, 2)])) == 1


def test_a_place_that_a_person_chose_is_small_and_tells_little():
    prediction = scan([(-PLAIN, 1)], side=100)
    assert found(prediction) == 1


def test_bright_and_dark_marks_are_counted_apart():
    mixed = scan([(-SURE, 100), (-FAINT, 40), (SURE, 20), (FAINT, 1)])
    assert found(mixed) == 160


def test_faint_marks_that_are_as_many_as_mistakes_do_not_lower_the_threshold():
    often = Rates(40.0, 0.6)
    assert found(scan([(-SURE, 200), (-FAINT, 20)], (often, often))) == 200


def test_a_model_that_does_not_know_its_rates_has_one_threshold():
    assert found(scan([(-SURE, 100), (-FAINT, 40)], None)) == 100
    assert found(scan([(-SURE, 1), (-PLAIN, 2)], None)) == 3


def test_what_other_evidence_shows_is_no_matter_of_rates():
    prediction = scan([(-PLAIN, 2), (-SURE, 1)])
    network = prediction.probability
    seen = np.where(network == PLAIN, network, 0).astype(np.uint8)
    both = replace(prediction, evidence={"network": network, "infrared": seen})
    assert found(prediction) == 1
    assert found(both) == 3


def test_the_threshold_neither_falls_at_the_low_end_nor_rises_at_the_high_one():
    dirty, clean = [(-SURE, 100), (-FAINT, 40)], [(-SURE, 1), (-PLAIN, 2), (-8, 4)]
    assert found(scan(dirty), 0.02) <= found(scan(dirty, None), 0.02)
    assert found(scan(clean), 1.0) >= found(scan(clean, None), 1.0)


def test_faint_marks_count_among_what_is_implausibly_dense():
    mask, notes = search(scan([(-SURE, 100), (-FAINT, 9900)]), Options())
    assert not mask.any()
    assert "implausibly dense" in notes[0]


def test_a_dark_mark_is_no_light():
    prediction = scan([(-SURE, 100)])
    rim = np.where(prediction.probability > 0, 0, np.float32(0.02))
    rimmed = replace(prediction, image=prediction.image + rim[..., None])
    assert find_defects(rimmed, Options(grow=0, lights="keep")).sum() / 9 == 100


@pytest.mark.parametrize("marks", [[(-SURE, 100), (-FAINT, 40)], [(-SURE, 1), (-PLAIN, 2), (FAINT, 4)]])
def test_a_higher_sensitivity_never_finds_less(marks):
    counts = [found(scan(marks), step / 20) for step in range(21)]
    assert counts == sorted(counts)


def test_shift_is_bounded():
    dirty, clean = np.full(10_000, 40, np.uint8), np.zeros(0, np.uint8)
    assert shift(np.full(10_000, 250, np.uint8), RATES, 1.0) == 0.0  # nothing is gained below
    assert shift(np.linspace(1, 254, 20_000).astype(np.uint8), RATES, 1.0) == -EASED
    assert shift(clean, RATES, 100.0) == RAISED
    assert shift(dirty, RATES, 0.0) >= -EASED


def test_rates_go_into_metadata_and_come_back():
    metadata = write_rates(RATES, Rates(3.25, 0.55))
    assert read_rates(metadata) == (RATES, Rates(3.25, 0.55))
    assert read_rates({}) is None
    for senseless in ("often", "1 1", "nan 1 1 1", "0 0 0 0", "-1 1 1 1", "1 inf 1 1"):
        assert read_rates({"false_marks": senseless}) is None


def test_a_threshold_moves_by_logits():
    assert moved(127.5, 0.0) == pytest.approx(127.5)
    assert logit(moved(127.5, 1.5)) == pytest.approx(1.5)
    assert np.isfinite(logit(np.array([0, 255]))).all()
