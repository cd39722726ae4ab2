"""Lines that come back at the same place in the frames of a roll."""

import numpy as np
import pytest

from dsr_core.region import Region
from dsr_core.relief import take_off
from dsr_core.returning import returning
from dsr_core.scratches import Place, Trace, find_scratches, find_traces, reach
from tests.scratched import HEIGHT, PLACE, WIDTH, busy, frames, grainy

REACH = 4


def places_of(scans):
    return returning([find_traces(scan, linear=False) for scan in scans], reach(scans[0].shape))


@pytest.mark.parametrize("depth", [0.04, 0.07, 0.1, -0.06])
def test_what_is_too_faint_in_a_frame_is_found_where_others_have_it(depth):
    scans = frames(depth)
    ((place, count),) = places_of(scans)
    assert (place.axis, place.sign) == (0, np.sign(depth))
    assert abs(place.across - PLACE) <= 2
    assert count >= 4
    alone = [bool(find_scratches(scan, linear=False)) for scan in scans]
    together = [find_scratches(scan, linear=False, places=[place]) for scan in scans]
    assert sum(alone) <= 4
    assert sum(map(bool, together)) >= 7
    rows = []
    for scan, lines in zip(scans, together, strict=True):
        repaired, nothing = scan.copy(), np.zeros(scan.shape[:2], np.uint8)
        found = take_off(lines, scan, repaired, nothing, linear=False) > 0
        assert not found[:, : PLACE - 12].any()
        rows.append(found[:, PLACE - 3 : PLACE + 4].any(axis=1).mean())
    assert np.mean(rows) > 0.75


@pytest.mark.parametrize("first", [1, 11, 21, 31])
def test_a_roll_without_scratches_has_no_line_that_comes_back(first):
    assert places_of(frames(0, first=first)) == []


def test_a_roll_along_the_rows_is_the_same_turned():
    scans = [np.ascontiguousarray(scan.swapaxes(0, 1)) for scan in frames(0.07)]
    ((place, _),) = places_of(scans)
    assert place.axis == 1
    assert abs(place.across - PLACE) <= 2


def trace(across, number=0, axis=0, sign=1):
    """Return a trace in a picture of this number."""
    return Trace(axis, sign, across, np.random.default_rng(number).normal(0.5, 0.1, 40).astype(np.float32))


def test_a_third_of_the_frames_and_three_are_enough():
    three = [[trace(50, 1)], [trace(53, 2)], [trace(52, 3)]]
    assert returning([*three, *[[]] * 6], REACH) == [(Place(0, 1, 52), 3)]
    assert returning([*three, *[[]] * 7], REACH) == []
    assert returning([*three[:2], *[[]] * 2], REACH) == []


def test_places_axes_and_signs_are_told_apart():
    apart = [[trace(50 + 20 * number, number)] for number in range(6)]
    assert returning(apart, REACH) == []
    mixed = [[trace(50, number, axis=number % 2, sign=1 - number // 2 % 2 * 2)] for number in range(8)]
    assert returning(mixed, REACH) == []
    two = [[trace(50, number), trace(90, number, sign=-1)] for number in range(4)]
    assert returning(two, REACH) == [(Place(0, 1, 50), 4), (Place(0, -1, 90), 4)]


def test_frames_that_show_the_same_thing_count_once():
    same = trace(50, 1)
    noisy = [
        Trace(0, 1, 50, same.tones + np.random.default_rng(number).normal(0, 0.02, 40).astype(np.float32))
        for number in range(8)
    ]
    assert returning([[each] for each in noisy], REACH) == []
    others = [[trace(50, 2)], [trace(50, 3)]]
    assert returning([*([each] for each in noisy[:4]), *others], REACH) == [(Place(0, 1, 50), 3)]


def test_nothing_is_found_at_a_place_that_has_nothing():
    for number in range(1, 9):
        scan = grainy(busy(number), number, depth=0.03)
        for place in (Place(0, 1, PLACE), Place(1, -1, PLACE), Place(0, 1, WIDTH + 40), Place(1, 1, -30)):
            lines = find_scratches(scan, linear=False, places=[place])
            assert all(abs(np.median(line.across) - place.across) <= REACH + 1 for line in lines)
            assert len(lines) <= 1


def test_a_place_is_counted_from_the_corner_of_a_region():
    region = Region(30, 70, 100, 100)
    assert Place(0, 1, PLACE).within(region) == Place(0, 1, PLACE - 30)
    assert Place(1, 1, PLACE).within(region) == Place(1, 1, PLACE - 70)
    assert HEIGHT > PLACE
