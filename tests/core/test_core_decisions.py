"""A decision belongs to the whole defect, holds at every setting, and can be taken back."""

import numpy as np
import pytest

from dsr_core import Options, Prediction, compose, decisions
from dsr_core.decisions import LEFT, LEFT_STATE, PAINTED, PAINTED_STATE
from dsr_core.detect import FOUND
from dsr_core.kinds import KINDS
from dsr_core.models import ModelInfo
from dsr_core.pyramid import repaired_levels

SHAPE = 60, 80
HAIR, SPECK, FAINT = np.s_[30, 10:60], np.s_[10:13, 10:13], np.s_[50, 10:40]
CLEAN = np.s_[45:48, 65:68]
SETTINGS = [
    Options(),
    *(Options(sensitivity=value) for value in (0.1, 0.9, 1.0)),
    *(Options(grow=value) for value in (0, 3, 12)),
    *(Options(min_size=9), Options(max_size=4), Options(polarity="dark"), Options(sensitivity=0.9, grow=5)),
]


@pytest.fixture
def prediction():
    """A hair that fades along its length, a speck, and a hair too faint for the default."""
    image = np.full(SHAPE, 20_000, np.uint16)
    probability = np.zeros(SHAPE, np.uint8)
    probability[HAIR] = np.linspace(255, 6, 50)
    probability[SPECK] = 250
    probability[FAINT] = 100
    repaired = np.full((*SHAPE, 1), 10_000, np.uint16)
    return Prediction(image, repaired, probability, ModelInfo.__new__(ModelInfo), "cpu")


def erase(prediction, place, decided=None, options=None):
    """Erase one pixel of a place in what the options show."""
    decided = decisions.nothing(SHAPE) if decided is None else decided
    shown = compose(prediction, options, decided=decided).labels
    labels = shown.copy()
    labels[place] = 0
    return decisions.drawn(decided, shown, labels)


def paint(prediction, place, decided=None):
    decided = decisions.nothing(SHAPE) if decided is None else decided
    shown = compose(prediction, decided=decided).labels
    labels = shown.copy()
    labels[place] = shown.max() + 1
    return decisions.drawn(decided, shown, labels)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_an_erased_defect_stays_out_as_a_whole(prediction, options):
    decided = erase(prediction, np.s_[30, 12])
    kept, everything = compose(prediction, options, decided=decided), compose(prediction, options)
    assert not kept.mask[HAIR].any()
    assert np.array_equal(kept.mask[SPECK], everything.mask[SPECK]), "another defect is none of its business"
    left = decided & LEFT > 0
    assert np.array_equal(kept.image[left], prediction.image[left])
    rim = np.s_[17:44, 58:]  # where the hair fades, and as far as it grows
    assert not kept.mask[rim].any()


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_a_painted_defect_stays_in_as_a_whole(prediction, options):
    decided = paint(prediction, np.s_[50, 20:23])
    restored = compose(prediction, options, decided=decided)
    assert restored.mask[50, 20:23].all()
    assert restored.mask[FAINT].all(), "what the network suspected around the stroke belongs to it"


def test_a_stroke_where_the_network_suspects_nothing_is_taken_as_it_is(prediction):
    decided = paint(prediction, CLEAN)
    for options in SETTINGS:
        mask = compose(prediction, options, decided=decided).mask
        assert mask[CLEAN].all()
        assert mask[40:53, 62:71].sum() == 9 or options.grow == 12  # others may have grown that far


def test_without_decisions_nothing_changes(prediction):
    for options in SETTINGS:
        plain = compose(prediction, options)
        assert np.array_equal(
            compose(prediction, options, decided=decisions.nothing(SHAPE)).image, plain.image
        )


def test_erasing_outranks_painting_and_painting_erasing(prediction):
    decided = paint(prediction, np.s_[30, 12:15], erase(prediction, np.s_[30, 12]))
    mask = compose(prediction, decided=decided).mask
    assert mask[30, 12:15].all()
    assert mask[25:36].sum() == 3, "half a scratch can be repaired"
    decided = erase(prediction, np.s_[30, 13], decided)
    assert not compose(prediction, decided=decided).mask[30, 13]


def test_trimming_a_stroke_leaves_the_defect_that_it_was_added_to(prediction):
    shown = compose(prediction).mask
    decided = paint(prediction, np.s_[10:12, 14:20])
    decided = erase(prediction, np.s_[10:12, 16:20], decided)
    mask = compose(prediction, decided=decided).mask
    assert mask[shown].all()
    assert mask[10, 14:16].all()
    assert not mask[10, 16:20].any()


def test_painting_over_a_defect_with_a_number_of_its_own_keeps_it(prediction):
    decided = paint(prediction, SPECK)
    assert not compose(prediction, Options(min_size=20)).mask[SPECK].any()
    assert compose(prediction, Options(min_size=20), decided=decided).mask[SPECK].all()


def test_nothing_drawn_is_the_same_map(prediction):
    decided, shown = decisions.nothing(SHAPE), compose(prediction).labels
    assert decisions.drawn(decided, shown, shown.copy()) is decided


def test_a_click_takes_out_and_in(prediction):
    before = decisions.nothing(SHAPE)
    labels = compose(prediction).labels
    assert decisions.toggled(before, labels, 55, 75, reach=3) is before
    out = decisions.toggled(before, labels, 15, 11, reach=3)
    assert not before.any(), "the earlier map is as it was"
    without = compose(prediction, decided=out)
    assert not without.mask[SPECK].any()
    assert without.mask[30, 10:20].all()
    again = decisions.toggled(out, without.labels, 11, 11)
    assert np.array_equal(again, before)


def test_a_click_takes_a_painted_defect_out_and_in(prediction):
    painted = paint(prediction, CLEAN)
    out = decisions.toggled(painted, compose(prediction, decided=painted).labels, 46, 66)
    assert not compose(prediction, decided=out).mask[CLEAN].any()
    again = decisions.toggled(out, compose(prediction, decided=out).labels, 46, 66)
    assert np.array_equal(again, painted)


@pytest.mark.parametrize("place", [(-50, 5), (5, -50), (500, 500)])
def test_a_click_beside_the_picture_does_nothing(prediction, place):
    before = decisions.nothing(SHAPE)
    assert decisions.toggled(before, compose(prediction).labels, *place, reach=4) is before


def test_the_list(prediction):
    decided = paint(prediction, CLEAN, erase(prediction, np.s_[30, 12]))
    restored = compose(prediction, Options(grow=0), decided=decided)
    rows = decisions.listed(restored.labels, prediction.probability, decided, FOUND)
    assert len(rows) == restored.defects + 1
    speck, painted, left = rows
    assert (speck["top"], speck["left"], speck["height"], speck["width"], speck["pixels"]) == (
        10,
        10,
        3,
        3,
        9,
    )
    assert restored.labels[speck["row"], speck["column"]] == 1
    assert decided[left["row"], left["column"]] & LEFT
    assert speck["doubt"] == pytest.approx(1 - 250 / 255)
    assert (painted["state"], left["state"]) == (PAINTED_STATE, LEFT_STATE)
    assert (painted["top"], painted["left"], painted["doubt"]) == (45, 65, 1)
    assert left["width"] >= 40
    assert [KINDS[row["kind"] - 1] for row in rows] == ["specks", "specks", "scratches"]
    assert len(decisions.listed(np.zeros(SHAPE, np.int32), prediction.probability, None, FOUND)) == 0


def test_the_smaller_copies_follow_the_repair():
    image = np.random.default_rng(1).integers(0, 60_000, (64, 96, 3), dtype=np.uint16)
    repaired, mask = image.copy(), np.zeros(image.shape[:2], np.bool_)
    mask[20:24, 40:48] = True
    repaired[mask] = 9
    levels = [image[::2, ::2], image[::4, ::4], image[::7, ::7]]
    for level, made in zip(levels, repaired_levels(levels, repaired, mask), strict=True):
        assert (made.shape, made.dtype) == (level.shape, level.dtype)
        changed = (made != level).any(axis=-1)
        assert changed.any()
        rows, columns = np.nonzero(changed)
        scale = 64 / len(level), 96 / level.shape[1]
        assert 20 / scale[0] - 1 <= rows.min() <= rows.max() <= 24 / scale[0]
        assert 40 / scale[1] - 1 <= columns.min() <= columns.max() <= 48 / scale[1]


def test_the_bits(prediction):
    decided = paint(prediction, CLEAN, erase(prediction, np.s_[30, 12]))
    assert set(np.unique(decided)) == {0, LEFT, PAINTED}
    assert decided.dtype == np.uint8
