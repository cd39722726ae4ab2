"""Scratches along the film: found where no pixel shows them, taken off so that the picture stays."""

import numpy as np
import pytest

from dsr_core import Options, compose, predict, run
from dsr_core.relief import LIKELY, take_off
from dsr_core.scratches import find_scratches
from tests.scratched import HEIGHT, PLACE, WIDTH, grainy, scene


def with_scratch(picture, depth=0.06, colour=(1, 1, 1), drift=0.0, gaps=(), refracting=False):
    """Return the picture with an upright scratch two pixels wide, and where it is."""
    scratched, where = picture.copy(), np.zeros(picture.shape[:2], np.bool_)
    for row in range(HEIGHT):
        if any(start <= row < stop for start, stop in gaps):
            continue
        left = PLACE + round(drift * np.sin(row / 90))
        scratched[row, left : left + 2] += depth * np.array(colour)
        where[row, left : left + 2] = True
        if refracting:
            scratched[row, left + 2 : left + 4] -= depth
            where[row, left + 2 : left + 4] = True
    return scratched, where


KINDS = {
    "plain": {},
    "dark": {"depth": -0.06},
    "coloured": {"colour": (0, 0, 1), "depth": 0.08},
    "wandering": {"drift": 4.0},
    "broken": {"gaps": ((60, 100), (230, 280))},
    "refracting": {"refracting": True},
}


def nothing_found(scan):
    return np.zeros(scan.shape[:2], np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_faint_scratch_is_found_and_the_picture_below_it_stays(kind, axis):
    clean = scene()
    scratched, where = with_scratch(clean, **KINDS[kind])
    scan, wanted = grainy(scratched), grainy(clean)  # the same grain
    if axis:
        scan, wanted, where = (
            np.ascontiguousarray(np.swapaxes(each, 0, 1)) for each in (scan, wanted, where)
        )
    lines = find_scratches(scan, linear=False)
    assert lines
    assert {line.axis for line in lines} == {axis}
    repaired = scan.copy()
    found = take_off(lines, scan, repaired, nothing_found(scan), linear=False)
    assert set(np.unique(found)) == {0, LIKELY}
    assert (found[where] > 0).mean() > 0.6  # the other half of a pair of lines is fainter after averaging
    near = np.zeros_like(where)
    for shift in range(-3, 4):
        near |= np.roll(where, shift, axis=1 - axis)
    assert (found[~near] > 0).mean() < 0.01

    def error(image):
        return np.sqrt((((image.astype(float) - wanted) / 65535)[where] ** 2).mean())

    assert error(repaired) < 0.6 * error(scan)


def test_grey_pictures_and_other_types_give_the_same_lines():
    scan = grainy(with_scratch(scene())[0])
    (line, *_) = find_scratches(scan, linear=False)
    assert abs(np.median(line.across) - PLACE - 0.5) <= 1
    for other in ((scan / 65535).astype(np.float32), (scan // 257).astype(np.uint8), scan[:, :, 1:2]):
        (same, *_) = find_scratches(other, linear=False)
        assert abs(np.median(same.across) - np.median(line.across)) <= 1


def horizon(picture):
    picture[: HEIGHT // 3] += 0.2


def wire(picture):
    picture[:, PLACE : PLACE + 2] = 0.35  # keeps its own tone, whatever is behind it


def mast(picture):
    picture[: HEIGHT // 2, PLACE : PLACE + 2] -= 0.1  # ends within the picture


def window_frame(picture):
    picture[:, PLACE:] += 0.15
    picture[:, PLACE : PLACE + 2] -= 0.1


def boards(picture):
    for left in range(8, WIDTH - 8, 13):
        picture[:, left : left + 2] -= 0.06


def border(picture):
    picture[:, :4] = 0.9


@pytest.mark.parametrize("thing", [None, horizon, wire, mast, window_frame, boards, border])
def test_what_belongs_to_things_is_no_scratch(thing):
    picture = scene()
    if thing is not None:
        thing(picture)
    assert find_scratches(grainy(picture), linear=False) == []


def test_tiny_pictures_have_no_scratches():
    for shape in ((1, 1, 3), (20, 500, 1), (500, 20, 3), (191, 191, 1)):
        assert find_scratches(np.zeros(shape, np.uint8), linear=False) == []


def test_a_long_scan_is_averaged_across_and_places_come_back_in_its_pixels():
    scan = grainy(with_scratch(scene())[0])
    large = np.repeat(np.repeat(scan[:, :, :1], 8, axis=0), 2, axis=1)[:3400]
    (line, *_) = find_scratches(large, linear=False)
    assert abs(np.median(line.across) - (2 * PLACE + 1.5)) <= 2


def test_dust_on_a_scratch_keeps_the_networks_repair():
    scan = grainy(with_scratch(scene())[0])
    scan[300:304, PLACE - 1 : PLACE + 3] = 65535
    repaired, network = scan.copy(), nothing_found(scan)
    repaired[300:304, PLACE - 1 : PLACE + 3], network[300:304, PLACE - 1 : PLACE + 3] = 20000, 250
    take_off(find_scratches(scan, linear=False), scan, repaired, network, linear=False)
    assert (repaired[300:304, PLACE - 1 : PLACE + 3] == 20000).all()


def test_a_scratch_of_uneven_depth_keeps_the_networks_repair():
    clean = scene()
    scratched, uneven = clean.copy(), 0.06 + 0.3 * (np.arange(HEIGHT) // 7 % 3 == 0)
    scratched[:, PLACE : PLACE + 2] += uneven[:, None, None]
    scan, wanted = grainy(scratched), grainy(clean)
    lines = find_scratches(scan, linear=False)
    assert lines
    columns, network = slice(PLACE - 1, PLACE + 3), nothing_found(scan)
    repaired = scan.copy()
    repaired[:, columns], network[:, columns] = wanted[:, columns], 250
    take_off(lines, scan, repaired, network, linear=False)
    assert (repaired[:, columns] == wanted[:, columns]).mean() > 0.9


def test_the_filter_takes_scratches_off_counts_them_and_leaves_the_rest_to_the_bit(toy_model):
    scan = grainy(with_scratch(scene())[0])
    prediction = run(predict(scan, model=toy_model, provider="cpu"))
    assert set(prediction.evidence) == {"network", "scratches"}
    result = compose(prediction, Options())
    assert result.sources["scratches"] >= 1
    assert result.mask[:, PLACE : PLACE + 2].mean() > 0.9
    assert np.array_equal(result.image[~result.mask], scan[~result.mask])
    clean = run(predict(grainy(scene()), model=toy_model, provider="cpu"))
    assert clean.evidence == {}
