"""What measures infrared, on two small photographs."""

from functools import cache

import cv2
import numpy as np
import pytest

from dsr_core.detect import FOUND
from dsr_core.errors import DsrError
from dsr_core.infrared import find_infrared
from dsr_core.prediction import Prediction
from tests.training.tiny import tiny_plates
from training.__main__ import main
from training.damage import FilmDamage
from training.damage.infrared import InfraredScan, infrared_of, with_opacity
from training.measure import infrared
from training.measure.metrics import summarise
from training.measure.pairs import cropped_photo
from training.photos import list_photos

COUNT = 2  # pictures
MOST_FALSE = 2e-4  # of the pixels away from dirt


def test_opaque_dirt_is_dark_in_infrared_and_dyes_darken_as_asked():
    clean = np.full((40, 60, 3), 200, np.uint8)
    clean[:, 30:] = 60
    opacity = np.zeros((40, 60), np.float32)
    opacity[10:16, 10:16] = 1
    plain = infrared_of(clean, opacity, InfraredScan(leak=(0, 0, 0), noise=0), np.random.default_rng(0))
    assert plain[13, 13] < 0.3 * plain[30, 13]
    assert plain[30, 45] == pytest.approx(plain[30, 14], rel=0.01)
    leaky = infrared_of(clean, opacity, InfraredScan(leak=(0.2, 0, 0), noise=0), np.random.default_rng(0))
    assert leaky[30, 45] / leaky[30, 14] == pytest.approx((60 / 200) ** 0.2, rel=0.02)


@pytest.fixture(scope="module")
def scenes(photos):
    """Return what draws pictures: damaged, clean, and the dirt's opacity; each is drawn once."""
    with tiny_plates():
        simulator = FilmDamage.build(None, (), seed=1)

    @cache
    def draw(seed, conditions):
        photo = cropped_photo(list_photos(photos)[seed], 256, np.random.default_rng(seed), whole=False)
        drawn = simulator.with_conditions(**{"details": 0.0, **infrared._SHARED, **dict(conditions)})
        triplet, opacity = with_opacity(drawn, photo, seed)
        damaged, clean = (
            np.ascontiguousarray((part[0].movedim(0, -1) * 255).round().byte().numpy())
            for part in triplet[:2]
        )
        return damaged, clean, opacity

    return draw


def marks(scenes, name, **changes):
    """Yield what infrared marks where a network found nothing and smoothed all, and the dirt's opacity."""
    conditions, scan = infrared.SCANS[name]
    for seed in range(COUNT):
        damaged, clean, opacity = scenes(seed, tuple({**conditions, **changes}.items()))
        nothing = np.zeros(opacity.shape, np.uint8)
        prediction = Prediction(damaged, cv2.GaussianBlur(damaged, (0, 0), 0.7), nothing, None, "cpu")
        scanned = infrared_of(clean, opacity, scan, np.random.default_rng(seed))
        yield find_infrared(prediction, scanned)[0] >= FOUND, opacity


@pytest.mark.parametrize("name", infrared.SCANS)
def test_on_clean_film_infrared_marks_at_most_two_pixels_in_ten_thousand(scenes, name):
    assert np.mean([marked.mean() for marked, _ in marks(scenes, name, clean=1.0)]) <= MOST_FALSE


def test_dirt_of_the_pictures_own_tone_is_not_clean_film():
    picture = np.full((40, 60, 3), 90, np.uint8)
    shown, dirty = np.zeros((2, 40, 60), np.bool_)
    shown[5:9, 5:9] = dirty[5:9, 5:9] = dirty[25:29, 40:44] = True
    found = np.where(dirty, np.uint8(255), np.uint8(0))
    prediction = Prediction(picture, picture + np.uint8(9), found, None, "cpu")
    figures = summarise([infrared._measured(prediction, picture, shown, dirty)])
    assert (figures["marks_right"], figures["clean_changed"]) == (1, 0)
    figures = summarise([infrared._measured(prediction, picture, shown, shown)])
    assert figures["marks_right"] == 0.5
    assert figures["clean_changed"] > 0


def test_ways_to_join_agree_where_both_are_sure_and_differ_in_between():
    ends = np.array([0, 255], np.uint8)
    network, dirt = np.array([0, 128, 128, 128], np.uint8), np.array([128, 0, 128, 255], np.uint8)
    ways = {way: join(network, dirt).tolist() for way, join in infrared.JOININGS.items()}
    assert ways["noisy-or"] == [128, 128, 192, 255]
    assert ways["the larger"] == [128, 128, 128, 255]
    assert ways["the mean"] == [64, 64, 128, 191]
    for join in infrared.JOININGS.values():
        assert np.array_equal(join(ends, ends), ends)


def test_the_table_has_a_row_for_each_scan_and_the_page_keeps_its_text(
    photos, toy_model, tmp_path, monkeypatch
):
    scans = {name: infrared.SCANS[name] for name in ("slide", "clean film")}
    monkeypatch.setattr(infrared, "SCANS", scans)
    page = tmp_path / "infrared.md"
    page.write_text(f"Words.\n\n{infrared.TABLE}\n\nold\n")
    arguments = ["--photos", str(photos), "--model", str(toy_model), "--count", "1", "--size", "192"]
    with tiny_plates():
        assert main(["infrared", *arguments, "--markdown", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("Words.\n")
    assert "old" not in text
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows[1:] == [*scans, "all scans, joined by", *infrared.JOININGS]
    page.write_text("no place for a table")
    with pytest.raises(DsrError, match="has no line"):
        infrared.command(_arguments(page))


def _arguments(page):
    class Chosen:
        markdown = page

    return Chosen
