"""Damage that is too wide to be repaired is told, by a second look at a smaller picture."""

import numpy as np
import pytest

import dsr_core.filter
from dsr_core import DsrError, restore, wide
from dsr_core.prediction import Prediction

SIDE = 1100
BLOTCH = "like damage that is too wide to be repaired"


def blotches(*places):
    """Return a ramp of grey with soft blotches, too soft to be seen at full size."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    picture = 0.05 + 0.95 * columns / SIDE
    for row, column in places:
        distance = 0 * rows if row is None else rows - row
        picture -= 0.8 * np.exp(-(distance**2 + (columns - column) ** 2) / 2 / 12**2)
    return picture


def told(result):
    return [note for note in result.notes if BLOTCH in note]


def test_wide_damage_is_told_and_stays(toy_model):
    picture = blotches((300, 950), (600, 950), (900, 950))
    result = restore(picture, model=toy_model, provider="cpu")
    assert not result.mask.any()
    assert np.array_equal(result.image, picture)
    (note,) = told(result)
    assert note.startswith("3 places look")
    one = restore(blotches((300, 950)), model=toy_model, provider="cpu")
    assert told(one)[0].startswith("A place looks")


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32", "float16", "float64"])
def test_of_every_type(toy_model, kind):
    picture = blotches((300, 950))
    white = np.iinfo(kind).max if np.dtype(kind).kind == "u" else 1
    samples = (picture.astype(np.float64) * white).astype(kind)
    assert told(restore(np.dstack([samples] * 3), model=toy_model, provider="cpu"))


def test_what_runs_straight_along_the_frame_is_no_tear(toy_model):
    assert not told(restore(blotches((None, 950)), model=toy_model, provider="cpu"))


def test_a_small_picture_a_part_and_a_mask_of_ones_own_get_no_second_look(toy_model):
    picture = blotches((300, 950))
    assert not told(restore(picture[:1000], model=toy_model, provider="cpu"))
    for more in ({"only": (0, 0, SIDE, SIDE)}, {"mask": np.zeros((SIDE, SIDE), bool)}):
        assert not told(restore(picture, model=toy_model, provider="cpu", **more))


def test_what_is_repaired_is_not_told():
    probability = np.zeros((300, 300), np.uint8)
    probability[100:110, 100:120] = 255
    grey = np.full((300, 300), 99, np.uint8)
    again = Prediction(grey, grey[..., None], probability, None, "cpu")
    found = np.zeros((1200, 1200), np.bool_)
    assert wide.find_left(again, found) == [(80, 40)]
    found[400:424, 400:480] = True
    assert wide.find_left(again, found) == []


def test_a_second_look_that_fails_costs_nothing_but_its_remark(toy_model, monkeypatch):
    real = dsr_core.filter.predict

    def once(image, **rest):
        if image.shape[0] < SIDE:
            raise DsrError("Not even one tile fits into memory.")
        return real(image, **rest)

    monkeypatch.setattr(dsr_core.filter, "predict", once)
    assert restore(blotches((300, 950)), model=toy_model, provider="cpu").notes == ()
