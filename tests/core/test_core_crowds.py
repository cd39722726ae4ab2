"""Where implausibly much looks damaged, nothing is replaced, and the user is told."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dsr_core import Options, Prediction, compose
from dsr_core.halftone import is_halftone


def dotted(step, rows=slice(None), columns=slice(None), side=512):
    """Return a prediction with a dot of four pixels anywhere in each square of ``step``, in a part of it."""
    image = np.full((side, side, 1), 90, np.uint8)
    probability = np.zeros((side, side), np.uint8)
    part, rng = probability[rows, columns], np.random.default_rng(0)
    for square in np.ndindex(part.shape[0] // step, part.shape[1] // step):
        row, column = np.multiply(square, step) + rng.integers(0, step - 2, 2)
        part[row : row + 2, column : column + 2] = 250
    image[probability > 0] = 200
    return Prediction(image, np.full_like(image, 90), probability, None, "cpu")


def test_a_picture_full_of_dots_stays_and_goes_on_request():
    prediction = dotted(6)  # 11 % of the pixels
    result = compose(prediction)
    assert (result.defects, result.mask.any()) == (0, False)
    assert np.array_equal(result.image, prediction.image)
    (note,) = result.notes
    assert note.startswith("7225 places, 11% of the picture, look like damage")
    assert "set dense to repair" in note
    result = compose(prediction, Options(dense="repair", grow=0))
    assert (result.defects, result.notes) == (7225, ())


def sky(hard, side=512):
    """Return a prediction with a star of 55 pixels in every square of 32; the first are hard, as dust is."""
    image, probability = np.full((side, side, 1), 0.1, np.float32), np.zeros((side, side), np.uint8)
    distance = np.hypot(*np.mgrid[-8:9, -8:9])
    star, speck = np.exp(-(distance**2) / 2 / 1.5**2), np.clip(4.5 - distance, 0, 1)
    for number, (row, column) in enumerate(np.ndindex(side // 32, side // 32)):
        part = slice(32 * row + 8, 32 * row + 25), slice(32 * column + 8, 32 * column + 25)
        image[part][..., 0] += 0.5 * (speck if number < hard else star)
        probability[part][(speck if number < hard else star) > 0.02] = 250
    return Prediction(image, np.full_like(image, 0.1), probability, None, "cpu")


@pytest.mark.parametrize("lights", ["repair", "keep"])
def test_a_starry_sky_stays_and_goes_on_request(lights):
    prediction = sky(hard=20)  # 236 of 256 stars are soft
    result = compose(prediction, Options(lights=lights))
    assert (result.defects, result.mask.any()) == (0, False)
    assert np.array_equal(result.image, prediction.image)
    (note,) = result.notes
    assert "stars are, so they stay; set dense to repair" in note
    result = compose(prediction, Options(lights=lights, dense="repair"))
    assert result.defects == {"repair": 256, "keep": 20}[lights]


@pytest.mark.parametrize("options", [{"max_size": 6}, {"kinds": "scratches"}, {"polarity": "bright"}])
def test_a_starry_sky_is_one_whatever_the_options_let_pass(options):
    prediction = sky(hard=20)
    small = prediction.probability[416:]
    small[prediction.image[416:, :, 0] < 0.25] = 0  # 48 stars, 5 pixels wide: 0.4 % of the pixels
    prediction.probability[40, 8:120] = 250
    assert compose(prediction, Options(**options)).defects == 0
    assert compose(prediction, Options(**options, dense="repair")).defects > 0


def test_dark_marks_before_a_starry_sky_go_where_they_alone_are_wanted():
    prediction = sky(hard=0)
    prediction.image[4:8, 4:8], prediction.probability[4:8, 4:8] = 0, 250
    assert compose(prediction).defects == 0
    assert compose(prediction, Options(polarity="dark")).defects == 1


def test_dust_goes_where_half_of_it_may_be_lights():
    result = compose(sky(hard=100))
    assert result.defects == 256
    assert result.notes[0].startswith("156 of the specks may be lamps")


def test_single_lights_in_a_large_picture_are_no_starry_sky():
    prediction = sky(hard=0)
    prediction.probability[64:] = 0  # 32 stars, 0.7 % of the pixels
    assert compose(prediction).defects == 32


def test_film_four_times_as_dirty_as_the_average_is_repaired():
    prediction = dotted(9)  # 4.8 % of the pixels
    result = compose(prediction, Options(grow=0))
    assert result.defects == 56 * 56
    assert result.notes == ()


def test_paint_stays_where_as_much_dirt_would_go():
    dirt = dotted(9)  # 4.8 % of the pixels
    grey = np.repeat(dirt.image, 3, axis=2)
    dirt = replace(dirt, image=grey, repaired=np.repeat(dirt.repaired, 3, axis=2))
    assert compose(dirt, Options(grow=0)).defects == 56 * 56
    paint = grey.copy()
    paint[..., 2] = np.where(dirt.probability > 0, 40, 90)
    result = compose(replace(dirt, image=paint))
    assert (result.defects, result.mask.any()) == (0, False)
    assert "look like damage" in result.notes[0]


def test_a_dense_tile_stays_and_dust_elsewhere_goes():
    prediction = dotted(4, slice(0, 128), slice(0, 512), 1024)  # a quarter of the dots' part, half of a tile
    prediction.probability[:128, :256] = np.where(np.indices((128, 256)).sum(0) % 8 > 1, 250, 0)
    prediction.probability[800:803, 700:703] = 250
    result = compose(prediction, Options(polarity="both"))
    assert result.mask[801, 701]
    assert not result.mask[:128, :256].any()
    assert "look like damage" in result.notes[0]


def test_a_small_place_that_somebody_chose_is_no_judge():
    prediction = dotted(6, side=120)
    assert compose(prediction, Options(grow=0)).defects == 400


def test_a_high_sensitivity_makes_no_picture_dense():
    prediction = dotted(6)
    prediction.probability[prediction.probability > 0] = 60
    prediction.probability[200:204, 200:204] = 250
    assert compose(prediction).notes == ()
    assert compose(prediction, Options(sensitivity=0.9, grow=0)).defects > 7000


def test_what_other_evidence_shows_is_damage_however_dense():
    prediction = dotted(6)
    shown = np.where(np.indices((512, 512)).max(0) < 6, prediction.probability, 0).astype(np.uint8)
    joined = replace(prediction, evidence={"network": prediction.probability, "infrared": shown})
    result = compose(joined, Options(grow=0))
    assert result.defects == 1
    assert np.array_equal(result.mask, shown > 0)
    everywhere = {"network": prediction.probability, "infrared": prediction.probability}
    assert compose(replace(prediction, evidence=everywhere), Options(grow=0)).defects == 7225


def printed(step, side=512):
    """Return a prediction that takes a few places of a picture for dust, and the picture printed in dots."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    tone = 0.5 + 0.3 * np.sin(columns / 150)
    along, across = 0.94 * rows + 0.34 * columns, 0.94 * columns - 0.34 * rows
    screen = 0.5 + (np.cos(2 * np.pi / step * along) + np.cos(2 * np.pi / step * across)) / 4
    image = np.where(tone > screen, 235, 20).astype(np.uint8)[:, :, None]
    probability = np.zeros((side, side), np.uint8)
    probability[100:104, 100:104] = probability[300:304, 400:404] = 250
    return Prediction(image, np.full_like(image, 128), probability, None, "cpu")


@pytest.mark.parametrize("step", [4, 6, 9])
def test_a_print_in_dots_stays_whole_and_goes_on_request(step):
    result = compose(printed(step))
    assert (result.defects, result.mask.any()) == (0, False)
    (note,) = result.notes
    assert note.startswith("The picture is made of a regular screen of dots, as print (halftone) and")
    assert "what looks like damage in it (2) stays" in note
    result = compose(printed(step), Options(dense="repair"))
    assert (result.defects, result.notes) == (2, ())


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_a_print_is_told_whatever_the_numbers_and_the_channels(dtype):
    white = 4095 if dtype is np.uint16 else 1
    grey = (printed(6).image / 255 * white).astype(dtype)
    assert is_halftone(grey)
    assert is_halftone(grey[..., 0])
    assert is_halftone(np.concatenate([np.repeat(grey, 3, axis=2), np.full_like(grey, white)], axis=2))


def lines(side=512):
    """Return a picture of blinds, which repeats itself along one direction."""
    return np.where(np.arange(side)[:, None, None] % 6 < 3, 40, 200) * np.ones((1, side, 1), np.uint8)


def plain(side=512):
    """Return grain."""
    return np.random.default_rng(0).normal(128, 12, (side, side, 3)).astype(np.uint8)


@pytest.mark.parametrize("image", [lines(), plain(), np.zeros((512, 512, 3)), printed(6).image[:127]])
def test_what_is_no_print_in_dots(image):
    assert not is_halftone(image)


def test_a_faint_mark_in_a_screen_stays_too():
    prediction = printed(6)
    prediction.probability[prediction.probability > 0] = 100
    assert compose(prediction, Options(sensitivity=0.9)).defects == 0
    assert compose(prediction, Options(sensitivity=0.9, dense="repair")).defects == 2


@pytest.mark.parametrize("times", [3, 4, 5])
def test_the_pixels_of_an_enlarged_scan_are_no_screen(times):
    soft = cv2.GaussianBlur(plain(200), (0, 0), 1.5)
    assert not is_halftone(soft.repeat(times, axis=0).repeat(times, axis=1))


def test_a_small_print_in_a_picture_does_not_keep_the_rest():
    prediction = printed(6)
    prediction.image[:, :320] = plain()[:, :320, :1]
    assert compose(prediction).defects == 2
