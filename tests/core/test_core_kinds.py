"""Kinds of defects by their shape: what options choose, and what a mask says."""

import cv2
import numpy as np
import pytest

from dsr_core import Options, Prediction, compose, find_defects
from dsr_core.detect import FOUND
from dsr_core.kinds import KINDS, VALUES, values_of

SIDE = 400
POINTS = {"specks": (60, 60), "hairs": (60, 215), "scratches": (250, 60), "others": (330, 330)}


def drawn():
    """Return a prediction with one defect of each kind."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(canvas, (60, 60), 4, 255, -1)
    cv2.ellipse(canvas, (200, 60), (15, 40), 0, 270, 450, 255, 2)
    cv2.line(canvas, (60, 150), (63, 350), 255, 2)
    cv2.circle(canvas, (330, 330), 30, 255, -1)
    image = np.full((SIDE, SIDE, 1), 90, np.uint8)
    image[canvas > 0] = 250
    return Prediction(image, np.full_like(image, 90), canvas, None, "cpu")


def test_all_kinds_are_repaired_unless_one_is_chosen():
    prediction = drawn()
    assert set(KINDS) == set(POINTS)
    assert compose(prediction).defects == 4
    for kind in KINDS:
        result = compose(prediction, Options(kinds=kind))
        assert result.defects == 1
        assert result.mask[POINTS[kind]]
        assert np.array_equal(result.image[~result.mask], prediction.image[~result.mask])


def test_a_mask_holds_a_value_for_each_kind():
    result = compose(drawn(), Options(grow=3))  # growing makes everything rounder, and changes no kind
    values = values_of(result, FOUND)
    assert np.array_equal(values > 0, result.mask)
    for value, kind in zip(VALUES[1:], KINDS, strict=True):
        assert values[POINTS[kind]] == value


def test_what_a_person_drew_has_a_kind_too():
    prediction = drawn()
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[20:24, 300:303] = mask[200:204, 120:380] = True
    values = values_of(compose(prediction, mask=mask), FOUND)
    assert (values[20, 300], values[202, 200]) == (VALUES[1], VALUES[3])
    assert set(np.unique(values)) == {0, VALUES[1], VALUES[3]}


@pytest.mark.parametrize("angle", [0, 20, 45, 90])
@pytest.mark.parametrize("scale", [1, 3])
def test_neither_size_nor_direction_decides(angle, scale):
    canvas = np.zeros((900, 900), np.uint8)
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * 60 * scale
    cv2.line(canvas, tuple(np.int32(450 - along)), tuple(np.int32(450 + along)), 255, 2 * scale)
    image = np.where(canvas > 0, 250, 90).astype(np.uint8)[:, :, None]
    prediction = Prediction(image, np.full_like(image, 90), canvas, None, "cpu")
    assert find_defects(prediction, Options(kinds="scratches")).any()
    assert not find_defects(prediction, Options(kinds="hairs")).any()
    assert not find_defects(prediction, Options(kinds="specks")).any()
