"""Export: the model that onnxruntime runs is the one that was trained, and says so."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from dsr_core.errors import DsrError
from dsr_core.models import find_model
from dsr_core.nn import export
from dsr_core.nn.checkpoint import save_checkpoint
from dsr_core.nn.export import TOLERANCE, Face, export_onnx, measure_margin
from dsr_core.nn.probe import damaged_images
from dsr_core.nn.resnet import WIDTHS
from dsr_core.nn.unet import UNet, UNetConfig, ensemble
from tests.nn.small_model import INFO


@pytest.fixture
def checkpoint(model, tmp_path):
    save_checkpoint(tmp_path / "model.pt", model, INFO)
    return tmp_path / "model.pt"


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    save_checkpoint(folder / "model.pt", model, INFO)
    return export_onnx(folder / "model.pt", folder / "model.onnx")


@pytest.mark.parametrize("kind", ["model", "trio"])
def test_the_face_equals_the_formula(kind, request):
    model = request.getfixturevalue(kind)
    image = damaged_images(1, 32)
    with torch.no_grad():
        residual, logit = model(image)
        repaired, damage = Face(model)(image)
    # the merged layers round otherwise, by a few steps of float32 in each
    torch.testing.assert_close(repaired, (image + residual).clamp(0, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(damage, torch.sigmoid(logit), rtol=0, atol=1e-5)
    assert damage.std() > 0.01  # the fixture does something


def test_onnxruntime_gives_what_pytorch_gives_at_sizes_never_traced(exported, model):
    session = ort.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    for shape in ((1, 8, 8), (3, 24, 40), (1, 104, 16)):
        image = damaged_images(shape[0], 104)[:, :, : shape[1], : shape[2]].contiguous()
        with torch.no_grad():
            expected = Face(model)(image)
        found = session.run(["repaired", "damage"], {"image": image.numpy()})
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == np.float32
            assert np.abs(ours - theirs.numpy()).max() <= TOLERANCE


def test_an_ensemble_is_one_file(trio, tmp_path):
    save_checkpoint(tmp_path / "trio.pt", trio, INFO)
    exported = export_onnx(tmp_path / "trio.pt", tmp_path / "trio.onnx")
    session = ort.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    image = damaged_images(1, 48)
    with torch.no_grad():
        expected = Face(trio)(image)
    for ours, theirs in zip(session.run(None, {"image": image.numpy()}), expected, strict=True):
        assert np.abs(ours - theirs.numpy()).max() <= TOLERANCE
    assert exported.multiple_of == 16


def test_kernels_that_networks_share_are_stored_once(model, tmp_path):
    sizes = []
    for name, others in (("one", []), ("same", [(model, 2, 0.5)])):
        save_checkpoint(tmp_path / f"{name}.pt", ensemble(model, others), INFO)
        export_onnx(tmp_path / f"{name}.pt", tmp_path / f"{name}.onnx")
        stored = onnx.load(tmp_path / f"{name}.onnx").graph.initializer
        sizes.append(sum(len(tensor.raw_data) for tensor in stored))
    assert sizes[1] < 1.1 * sizes[0]


def test_a_kernel_beyond_half_precision_keeps_its_own():
    kernels = {"large": np.full((2, 2), 70_001, np.float32), "usual": np.ones((2, 2), np.float32)}
    graph = onnx.helper.make_graph(
        [], "g", [], [], [onnx.numpy_helper.from_array(values, name) for name, values in kernels.items()]
    )
    stored = {each.name: each for each in export._store_half(onnx.helper.make_model(graph)).graph.initializer}
    assert stored.keys() == {"large", "usual.half"}
    assert np.array_equal(onnx.numpy_helper.to_array(stored["large"]), kernels["large"])


def test_what_the_file_says_about_itself(exported):
    assert exported == find_model(exported.path)
    assert (exported.name, exported.version, exported.loss) == ("test", "1", "3")
    assert exported.multiple_of == 8
    assert exported.metadata["steps"] == "7"
    assert exported.metadata.keys() >= {"training_data", "licence", "project_version", "margin_tolerance"}
    model = onnx.load(exported.path)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", export.OPSET)]
    dims = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["n", 3, "height", "width"]


def test_the_graph_is_plain(exported):
    """Half-precision kernels, no shape arithmetic."""
    graph = onnx.load(exported.path).graph
    assert {node.op_type for node in graph.node} <= {
        "Add", "AveragePool", "Cast", "Clip", "Concat", "Conv", "DepthToSpace", "Div", "MaxPool", "Min",
        "Mul", "Neg", "Pow", "Reciprocal", "ReduceMean", "Relu", "Resize", "Sigmoid", "Split", "Sqrt", "Sub",
    }  # fmt: skip
    kernels = [tensor for tensor in graph.initializer if len(tensor.dims) == 4]
    assert len(kernels) == len({node.input[1] for node in graph.node if node.op_type == "Conv"})
    assert all(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in kernels)


def test_resnet34_exports_too(tmp_path, monkeypatch):
    torch.manual_seed(0)
    net = UNet(UNetConfig("resnet34", WIDTHS, (), (0, 0, 0, 0)))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # untrained, its 33 layers would amplify any rounding
            torch.nn.init.constant_(module.weight, 0.3)
    save_checkpoint(tmp_path / "r.pt", net, INFO)
    monkeypatch.setattr(export, "measure_margin", lambda *_: 256)  # which takes its time
    assert export_onnx(tmp_path / "r.pt", tmp_path / "r.onnx").multiple_of == 32


class Blur(torch.nn.Module):
    """Reaches exactly ``radius`` pixels."""

    def __init__(self, radius):
        super().__init__()
        self.pool = torch.nn.AvgPool2d(2 * radius + 1, 1, radius, count_include_pad=False)

    def forward(self, image):
        return self.pool(image), image[:, :1] * 0


@pytest.mark.parametrize(("radius", "multiple_of", "margin"), [(0, 2, 0), (5, 1, 5), (5, 4, 8)])
def test_margin_is_how_far_a_model_looks_rounded_up_to_its_grid(radius, multiple_of, margin):
    assert measure_margin(Blur(radius), multiple_of, size=64) == margin


def test_margin_is_that_of_the_worse_output_and_side():
    class Shift(torch.nn.Module):
        def forward(self, image):
            return image, torch.nn.functional.pad(image, (0, 0, 0, 9))[:, :1, 9:]  # looks 9 rows down

    assert measure_margin(Shift(), 1, size=64) == 9


def test_a_model_that_onnxruntime_computes_otherwise_is_not_written(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    monkeypatch.setattr(export, "measure_margin", lambda *_: 8)
    with pytest.raises(DsrError, match="nothing was written"):
        export_onnx(checkpoint, tmp_path / "out.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_outputs_that_cannot_be(checkpoint, tmp_path):
    (tmp_path / "there.onnx").write_bytes(b"mine")
    for name, words in (
        ("there.onnx", "exists"),
        ("model.pth", "does not end in .onnx"),
        ("no/folder.onnx", "no folder"),
    ):
        with pytest.raises(DsrError, match=words):
            export_onnx(checkpoint, tmp_path / name)
    assert (tmp_path / "there.onnx").read_bytes() == b"mine"


def test_a_checkpoint_that_does_not_say_what_it_is(model, tmp_path):
    save_checkpoint(tmp_path / "m.pt", model, {"name": "test"})
    with pytest.raises(DsrError, match="does not say its version, loss, training_data, steps, licence"):
        export_onnx(tmp_path / "m.pt", tmp_path / "m.onnx")
