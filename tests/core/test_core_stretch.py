"""What fills a part of its range is shown drawn out, and comes back in its own range."""

import numpy as np
import pytest
import skimage.data

from dsr_core import Coding, Options, compose, fill, predict, restore, run
from dsr_core.stretch import PLAIN, measure


@pytest.fixture(scope="module")
def scan():
    """A photograph with forty specks, bright and dark, as floats."""
    image = skimage.data.astronaut()[:384, :384].astype(np.float32) / 255
    rng = np.random.default_rng(4)
    rows, columns = np.mgrid[:384, :384]
    for x, y in rng.integers(12, 372, (40, 2)):
        inside = np.hypot(rows - y, columns - x) < rng.uniform(1.2, 3)
        image[inside] = 0.98
    return image


def as_16_bit(values):
    return np.rint(values * 65535).astype(np.uint16)


def negative(values):
    base, thin = np.float32([0.86, 0.52, 0.34]), np.float32([0.30, 0.16, 0.10])
    return 0.5 * (thin + (base - thin) * (1 - values))


def narrowed():
    return {
        "a quarter of the range": lambda values: values * 0.25,
        "faded": lambda values: 0.4 + 0.3 * values,
        "a negative": negative,
        "gone red": lambda values: values * np.float32([0.45, 0.2, 0.18]) + np.float32([0.5, 0.12, 0.1]),
    }


@pytest.mark.parametrize("how", narrowed())
def test_as_much_is_found_in_a_narrow_range(scan, how):
    plain = run(predict(as_16_bit(scan), model="fast")).probability > 127
    narrow = as_16_bit(narrowed()[how](scan))
    restored = restore(narrow, model="fast")
    found = restored.probability > 127
    assert plain.sum() > 100
    assert (found & plain).sum() > 0.8 * plain.sum()
    assert np.array_equal(restored.image[~restored.mask], narrow[~restored.mask])
    # what is repaired lies within what the picture holds
    for channel in range(3):
        low, high = np.percentile(narrow[..., channel], (0, 100))
        inside = restored.image[restored.mask][:, channel]
        assert inside.min() >= low - 65
        assert inside.max() <= high + 65


def test_what_fills_its_range_is_shown_as_it_is(scan):
    assert measure(as_16_bit(scan)) == PLAIN
    red = scan.copy()
    red[..., 1:] *= 0.1  # a picture of one colour is not faded
    assert measure(as_16_bit(red)) == PLAIN


def test_8_bits_have_no_levels_to_draw_out(scan):
    assert measure(np.rint(scan * 60).astype(np.uint8)) == PLAIN


def test_what_is_shown_comes_back():
    planes = np.random.default_rng(0).uniform(0.3, 0.5, (3, 40, 50)).astype(np.float32)
    stretch = measure(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    shown = planes.copy()
    stretch.show(shown)
    assert np.ptp(shown) > 0.95
    middle = (shown > 0) & (shown < 1)
    assert middle.mean() > 0.99
    np.testing.assert_allclose(stretch.put_back(shown)[middle], planes[middle], atol=1e-5)


def test_the_grain_of_an_empty_frame_stays_grain():
    rng = np.random.default_rng(1)
    for tone in (0.1, 0.5, 0.9):
        for depth in (0.004, 0.02):
            frame = as_16_bit((tone + rng.normal(0, depth, (256, 256, 3))).clip(0, 1))
            assert restore(frame, model="fast").defects == 0


def test_a_flat_image_has_a_stretch():
    for image in (np.zeros((8, 8), np.uint8), np.full((8, 8, 3), 65535, np.uint16)):
        stretch = measure(image)
        planes = np.zeros((3, 8, 8), np.float32)
        stretch.show(planes)
        assert np.isfinite(planes).all()


def test_another_white_is_looked_at_first(scan):
    counted = np.rint(scan * 4095).astype(np.uint16)
    assert measure(counted) != PLAIN
    assert measure(counted, coding=Coding(4095)) == PLAIN


def test_a_fill_sees_the_same_range(scan):
    narrow = as_16_bit(scan * 0.2)
    prediction = run(predict(narrow, model="fast"))
    mask = np.zeros(narrow.shape[:2], np.bool_)
    mask[100:104, 200:204] = True
    filled = run(fill(prediction, mask))
    result = compose(filled, Options(), mask=mask)
    assert result.image[mask].max() <= narrow.max()
    assert np.array_equal(result.image[~mask], narrow[~mask])


def test_a_region_is_shown_as_the_whole_is(scan):
    narrow = as_16_bit(scan * 0.25)
    narrow[:, :190] = 3000  # half of it empty: alone it would be shown otherwise
    whole = restore(narrow, model="fast")
    part = restore(narrow, model="fast", only=(200, 40, 160, 160))
    inside = np.s_[60:180, 220:340]
    both = (whole.mask & part.mask)[inside].sum()
    assert both > 0.95 * (whole.mask | part.mask)[inside].sum() > 0
