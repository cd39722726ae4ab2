from pathlib import Path

import numpy as np
import onnx
import pytest

from dsr_core import DsrError, models, restore
from dsr_core.io import read_picture
from dsr_core.models import find_model, list_models
from tests.toy_model import METADATA, write_toy_model


def test_a_model_tells_about_itself(toy_model):
    info = find_model(toy_model)
    assert (info.name, info.version, info.margin, info.multiple_of) == ("toy", "1", 8, 2)
    assert info.metadata == METADATA
    assert info.path == toy_model
    assert len(info.sha256) == 64
    assert find_model(str(toy_model)) is info


def test_a_file_that_was_replaced_is_read_again(tmp_path):
    path = write_toy_model(tmp_path / "m.onnx")
    before = find_model(path)
    write_toy_model(path, METADATA | {"name": "a longer name"})
    assert find_model(path).name == "a longer name"
    assert find_model(path).sha256 != before.sha256


def test_numbers_stand_for_the_shipped_models(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path)
    assert list_models() == []
    with pytest.raises(DsrError, match=r"Model 3 is not part of this installation \(there: none\)"):
        find_model()
    write_toy_model(tmp_path / "model-2.onnx")
    assert [info.path.name for info in list_models()] == ["model-2.onnx"]
    assert find_model("2").name == "toy"
    with pytest.raises(DsrError, match="there: toy"):
        find_model("1")


@pytest.mark.parametrize("name", models.installed_names())
def test_every_model_that_ships_repairs_the_example(name):
    scan = read_picture(Path(__file__).parents[2] / "examples" / "scan.tif").pixels[:300, :300]
    result = restore(scan, model=name, provider="cpu")
    assert result.defects > 3
    assert (result.image != scan)[result.mask].any()
    assert np.array_equal(result.image[~result.mask], scan[~result.mask])


def rename_output(path):
    model = onnx.load(path)
    for node in model.graph.node:
        node.output[:] = ["harm" if name == "damage" else name for name in node.output]
    model.graph.output[1].name = "harm"
    onnx.save(model, path)


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text("a poem"), "not an ONNX model"),
        (lambda path: path.write_bytes(b""), "not a model|not an ONNX model"),
        (cut_off, "damaged|not a model"),
        (rename_output, "not repaired and damage"),
        (lambda path: write_toy_model(path, {"name": "x"}), "multiple_of and margin"),
        (lambda path: write_toy_model(path, METADATA | {"multiple_of": "0"}), "senseless"),
        (lambda path: path.unlink(), "There is no model"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(tmp_path, spoil, words):
    path = write_toy_model(tmp_path / "m.onnx")
    spoil(path)
    with pytest.raises(DsrError, match=words) as caught:
        find_model(path)
    assert "m.onnx" in str(caught.value)
