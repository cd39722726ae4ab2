import json

import pytest

from dsr_core.models import find_model
from tests.toy_model import METADATA, write_toy_model
from training.__main__ import main
from training.measure.card import KEPT
from training.measure.evaluate import label


@pytest.fixture
def measured(tmp_path):
    write_toy_model(tmp_path / "model-9.onnx", METADATA | {"name": "model-9", "caution": "1.5", "steps": "7"})
    model = find_model(tmp_path / "model-9.onnx")
    groups = {
        "first groups": {label(model): {"f1": 0.834, "clean_changed": 0.00042}},
        "clean": {label(model): {"ssim": 0.99971}},
    }
    real = {
        "models": {"model-9": model.sha256},
        "pairs": {"model-9 at 0.5": {"mean": {"gain": 2.54, "f1": 0.71}}},
        "scans": {"model-9 at 0.5": {"all": {"dust": 10, "found": 8, "not": 20, "taken": 1}}},
    }
    (tmp_path / "pairs.json").write_text(json.dumps({"models": [{"sha256": model.sha256}], "groups": groups}))
    (tmp_path / "real.json").write_text(json.dumps(real))
    return tmp_path


def write(folder):
    files = ["--results", str(folder / "pairs.json"), "--real", str(folder / "real.json")]
    return main(["card", str(folder / "model-9.onnx"), *files])


def test_a_card_says_what_was_measured_and_keeps_what_a_person_wrote(measured):
    card = measured / "model-9.md"
    card.write_text(f"old\n\n{KEPT}\n\n- Takes lamps.\n")
    assert write(measured) == 0
    text = card.read_text()
    for fact in ("| caution | 1.5 |", "| 0.83 |", "| 0.042% |", "+2.54 dB, 0.71", "| 80% |", "| 5% |"):
        assert fact in text
    assert "old" not in text
    assert text.endswith(f"{KEPT}\n\n- Takes lamps.\n")


def test_figures_of_another_model_are_refused(measured, capsys):
    write_toy_model(measured / "model-9.onnx", METADATA | {"name": "model-9", "steps": "8"})
    assert write(measured) == 1
    assert "do not hold the figures of" in capsys.readouterr().err
    assert not (measured / "model-9.md").exists()
