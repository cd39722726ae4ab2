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


def external(tensor, path):
    """Move a tensor's data into a file beside the model, or say that they lie in a file elsewhere."""
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(path))
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    return tensor


def in_an_initializer(model, path):
    external(model.graph.initializer[0], path)


def in_a_node(model, path):
    value = onnx.helper.make_tensor("value", onnx.TensorProto.FLOAT, [], [0.0])
    node = onnx.helper.make_node("Constant", [], ["spare"], value=value)
    external(node.attribute[0].t, path)
    model.graph.node.insert(0, node)


def in_a_branch(model, path):
    branch = onnx.helper.make_graph([], "branch", [], [])
    external(branch.initializer.add(dims=[], data_type=onnx.TensorProto.FLOAT, name="x"), path)
    model.graph.node.append(onnx.helper.make_node("If", ["image"], ["z"], then_branch=branch))


def in_a_sparse_one(model, path):
    sparse = model.graph.sparse_initializer.add(dims=[1])
    external(sparse.values, path)


@pytest.mark.parametrize("hide", [in_an_initializer, in_a_node, in_a_branch, in_a_sparse_one])
def test_a_model_that_reads_other_files_is_refused(tmp_path, hide):
    (tmp_path / "secret").write_bytes(bytes(4))
    model = onnx.load(write_toy_model(tmp_path / "good.onnx"))
    hide(model, "secret")
    (tmp_path / "bad.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DsrError, match=r"bad\.onnx keeps its weights in another file"):
        find_model(tmp_path / "bad.onnx")


@pytest.mark.parametrize("size", [1, 10, 100, 500])
def test_a_cut_model_is_damaged(tmp_path, size):
    content = write_toy_model(tmp_path / "good.onnx").read_bytes()
    assert len(content) > size
    (tmp_path / "cut.onnx").write_bytes(content[:size])
    with pytest.raises(DsrError, match=r"damaged or not an ONNX model|not a model for this filter"):
        find_model(tmp_path / "cut.onnx")
