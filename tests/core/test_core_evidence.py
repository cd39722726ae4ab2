import json

import numpy as np
import pytest

import dsr_core
import dsr_core.io
from dsr_core import DsrError, Options
from dsr_core.cli import main
from dsr_core.evidence import count_sources, joined, told, unseen
from tests.dusty import SPECKS, dusty

FAINT = (slice(60, 64), slice(30, 34))  # a place where the picture shows nothing


def predicted(image, model):
    return dsr_core.run(dsr_core.predict(image, model=model, provider="cpu"))


def with_map(prediction, name="infrared", at=FAINT, value=255):
    evidence = np.zeros(prediction.probability.shape, np.uint8)
    evidence[at] = value
    return dsr_core.run(dsr_core.add_evidence(prediction, {name: evidence}))


def test_joined_is_the_noisy_or_to_the_last_step():
    network, other = (each.astype(np.uint8) for each in np.mgrid[:256, :256])
    exact = 255 * (1 - (1 - network / 255) * (1 - other / 255))
    assert np.abs(joined(network, {"other": other}) - exact).max() <= 0.5 + 1e-9  # rounding alone
    assert np.array_equal(joined(network, {}), network)
    assert (joined(network, {"other": other, "more": other}) >= joined(network, {"other": other})).all()


def test_unseen_is_what_the_network_lacks_and_not_the_rim_of_what_it_has():
    network, other = np.zeros((1, 12), np.uint8), np.zeros((1, 12), np.uint8)
    network[0, 2] = 200
    other[0, [2, 4, 5, 9]] = 200
    assert np.flatnonzero(unseen(network, {"other": other})).tolist() == [5, 9]


def test_what_only_the_map_shows_is_found_and_repaired_and_counted(toy_model):
    image = dusty()
    plain = predicted(image, toy_model)
    both = with_map(plain)
    result = dsr_core.compose(both, Options(grow=0))
    assert result.sources == {"network": len(SPECKS), "infrared": 1}
    assert result.defects == len(SPECKS) + 1
    assert result.mask[FAINT].all()
    assert (both.repaired[FAINT] != plain.repaired[FAINT]).any()
    assert np.array_equal(both.evidence["network"], plain.probability)
    assert result.image[~result.mask].tobytes() == image[~result.mask].tobytes()


def test_options_work_on_joined_evidence_without_the_network(toy_model):
    both = with_map(predicted(dusty(), toy_model), value=100)
    chosen = [Options(sensitivity=s, polarity="both") for s in (0.3, 0.9)]
    found = [dsr_core.compose(both, options).mask[FAINT].any() for options in chosen]
    assert found == [False, True]


def test_maps_can_be_added_one_after_the_other(toy_model):
    once = with_map(predicted(dusty(), toy_model))
    twice = with_map(once, "scratches", (slice(5, 9), slice(60, 64)))
    assert list(twice.evidence) == ["network", "infrared", "scratches"]
    sources = dsr_core.compose(twice).sources
    assert sources == {"network": len(SPECKS), "infrared": 1, "scratches": 1}


def test_no_maps_change_nothing(toy_model):
    prediction = predicted(dusty(), toy_model)
    assert dsr_core.run(dsr_core.add_evidence(prediction, {})) is prediction
    assert dsr_core.compose(prediction).sources == {}


def test_the_first_that_is_sure_has_found_a_defect_and_else_the_strongest():
    labels = np.array([[1, 2, 3, 4]], np.int32)
    network = np.array([[128, 40, 0, 0]], np.uint8)
    infrared = np.array([[255, 50, 130, 0]], np.uint8)
    assert count_sources(labels, 4, {"network": network, "infrared": infrared}) == {
        "network": 1,
        "infrared": 2,
    }


def test_only_what_found_something_is_told():
    assert told({"network": 63, "infrared": 0, "scratches": 1}) == "63 by network, 1 by scratches"
    assert told({"network": 0, "scratches": 0}) == told({}) == ""


def test_a_map_of_another_size_or_type_is_refused(toy_model):
    prediction = predicted(dusty(), toy_model)
    for wrong in (np.zeros((3, 3), np.uint8), np.zeros(prediction.probability.shape)):
        with pytest.raises(DsrError, match="map of infrared"):
            dsr_core.run(dsr_core.add_evidence(prediction, {"infrared": wrong}))


def test_the_report_has_a_place_for_sources(toy_model, tmp_path, capsys):
    dsr_core.io.write_plain(tmp_path / "scan.png", dusty(dtype="uint8"), dsr_core.io.Picture(dusty(), "png"))
    assert main(["restore", str(tmp_path / "scan.png"), "--model", str(toy_model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"] == {}
