"""Lamps, stars and snow: told when there are dozens, left alone on request."""

from dataclasses import replace

import numpy as np
import pytest

from dsr_core import Options, Prediction, compose, find_defects

HIGH = 0.5
PLACES = [(row, column) for row in range(20, 200, 30) for column in range(20, 200, 30)]


def made_up(profile):
    """Return a prediction with a speck of this profile, by the distance from its middle, at each place."""
    rows, columns = np.mgrid[-8:9, -8:9]
    speck = HIGH * profile(np.hypot(rows, columns))
    repaired = np.full((1200, 1200, 1), 0.2, np.float32)  # so large that they are no starry sky
    image, probability = repaired.copy(), np.zeros((1200, 1200), np.uint8)
    for row, column in PLACES:
        part = slice(row - 8, row + 9), slice(column - 8, column + 9)
        image[part][..., 0] += speck
        probability[part][speck > 0.01] = 250
    return Prediction(image, repaired, probability, None, "cpu")


def light(distance):
    return np.exp(-(distance**2) / 2 / 1.5**2)


def dust(distance):
    return np.clip(4.5 - distance, 0, 1)


def dark(distance):
    return -dust(distance)


def test_dozens_of_lights_are_told_and_stay_on_request():
    prediction = made_up(light)
    result = compose(prediction)
    assert result.defects == len(PLACES) == 36
    assert result.notes == (
        "36 of the specks may be lamps, stars or snow; set lights to keep, and they stay.",
    )
    kept = compose(prediction, Options(lights="keep"))
    assert (kept.defects, kept.notes) == (0, ())
    assert np.array_equal(kept.image, prediction.image)


@pytest.mark.parametrize("profile", [dust, dark])
def test_dust_is_repaired_in_either_case(profile):
    prediction = made_up(profile)
    assert compose(prediction).notes == ()
    assert np.array_equal(
        find_defects(prediction, Options(lights="keep")), find_defects(prediction, Options(lights="repair"))
    )


def test_a_few_lights_are_not_told():
    prediction = made_up(light)
    prediction.probability[60:] = 0
    assert compose(prediction).notes == ()
    assert compose(prediction, Options(lights="keep")).defects == 0


def test_at_the_lowest_sensitivities_only_what_is_certain_goes():
    prediction = made_up(dust)
    prediction.probability[prediction.probability > 0] = 242  # 0.95
    assert compose(prediction, Options(sensitivity=0.1)).defects == 0
    assert compose(prediction, Options(sensitivity=0.2)).defects == len(PLACES)


def test_at_the_lowest_sensitivities_lights_are_not_certain_however_sure_the_network_is():
    prediction = made_up(light)
    prediction.probability[prediction.probability > 0] = 255
    found = [compose(prediction, Options(sensitivity=low / 10)).defects for low in (0, 1, 2, 3, 4, 5)]
    assert found == [0, 0, 0, 0, 36, 36]
    dusty = replace(made_up(dust), probability=prediction.probability)
    assert compose(dusty, Options(sensitivity=0)).defects == len(PLACES)


@pytest.mark.parametrize("width", [0.85, 0.9, 1, 1.2, 2])
def test_small_stars_and_large_lamps_stay_at_the_lowest_sensitivity(width):
    prediction = made_up(lambda distance: np.exp(-(distance**2) / 2 / width**2))
    assert compose(prediction).defects == len(PLACES)
    assert compose(prediction, Options(sensitivity=0)).defects == 0


def test_two_stars_that_touch_stay_too():
    one, other = made_up(light), made_up(light)
    image = one.image + np.roll(other.image - other.repaired, 6, axis=1)
    probability = np.maximum(one.probability, np.roll(other.probability, 6, axis=1))
    both = replace(one, image=image, probability=probability)
    assert compose(both).defects == len(PLACES)
    assert compose(both, Options(sensitivity=0)).defects == 0
