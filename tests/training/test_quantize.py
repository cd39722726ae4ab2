"""Quantised models against the ones they were made of, on damaged pictures."""

import shutil

import cv2
import numpy as np
import onnx
import pytest
import skimage.data
import torch
from onnx import numpy_helper

from dsr_core import predict, run
from dsr_core.errors import DsrError
from dsr_core.models import find_model
from dsr_core.nn import export
from dsr_core.nn.checkpoint import load_checkpoint, save_checkpoint
from dsr_core.nn.probe import damaged_images
from dsr_core.nn.unet import UNet, UNetConfig, ensemble
from training import quantize
from training.__main__ import main
from training.measure.pairs import make_pairs

INFO = {"name": "small", "version": "1", "loss": "3", "training_data": "none", "steps": "7", "licence": "MIT"}


def lively():
    net = UNet(UNetConfig(widths=(16, 32), encoder_blocks=(1, 1), decoder_blocks=(1,)))
    with torch.no_grad():
        net.head.conv.bias[-4:] = -2  # probabilities around an eighth
        for _ in range(5):
            net(damaged_images(2, 64))
    return net.eval()


@pytest.fixture(scope="module", params=["one network", "an ensemble"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    net = lively()
    if request.param == "an ensemble":
        net = ensemble(net, [(net, 2, 0.25), (lively(), 1, 0.25)])  # two share their kernels
    save_checkpoint(folder / "model.pt", net, INFO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "measure_margin", lambda *_: 16)  # which takes its time
        export.export_onnx(folder / "model.pt", folder / "model.onnx")
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    photo = tmp_path_factory.mktemp("photos") / "coffee.png"
    cv2.imwrite(str(photo), skimage.data.coffee()[..., ::-1])
    folder = tmp_path_factory.mktemp("tiles")
    make_pairs(folder, [photo], None, per_group=1, size=128)
    return folder


def test_the_quantised_model_is_smaller_and_agrees(model, tiles, tmp_path, capsys):
    quick = tmp_path / "quick.onnx"
    assert main(["quantize", str(model), "--tiles", str(tiles), "--output", str(quick)]) == 0
    assert find_model(quick).name == "small"
    assert find_model(quick).margin == 16
    image = skimage.data.astronaut()[:256, :256]
    slow, fast = (run(predict(image, model=path, provider="cpu")) for path in (model, quick))
    assert np.abs(slow.repaired.astype(int) - fast.repaired).mean() < 1
    assert np.abs(slow.probability.astype(int) - fast.probability).mean() < 5
    assert (slow.probability != fast.probability).any()
    assert main(["quantize", str(model), "--tiles", str(tiles), "--output", str(quick)]) == 1
    assert "quick.onnx" in capsys.readouterr().err


def test_the_first_and_the_last_convolution_of_each_network_stay(model, tiles, tmp_path):
    main(["quantize", str(model), "--tiles", str(tiles), "--output", str(tmp_path / "quick.onnx")])
    graph = onnx.load(tmp_path / "quick.onnx").graph
    unpacked = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    stay = [node for node in convolutions if node.input[1] not in unpacked]  # their kernels
    assert len(stay) == 2 * (1 + len(load_checkpoint(model.with_suffix(".pt"))[0].members))
    assert len(convolutions) > 3 * len(stay)


def test_sums_cannot_overflow_on_any_processor(model, tiles, tmp_path):
    main(["quantize", str(model), "--tiles", str(tiles), "--output", str(tmp_path / "quick.onnx")])
    weights = [
        numpy_helper.to_array(tensor).astype(int)
        for tensor in onnx.load(tmp_path / "quick.onnx").graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8
    ]
    widest = max(np.abs(kernel).max() for kernel in weights)
    assert 2 * 255 * widest <= np.iinfo(np.int16).max  # AVX2 adds two products in 16 bits
    assert widest > 50  # and the range is used


def test_without_tiles_it_says_so(model, tmp_path, capsys):
    assert main(["quantize", str(model), "--tiles", str(tmp_path), "--output", str(tmp_path / "q.onnx")]) == 1
    assert "make the pairs with `python -m training pairs`" in capsys.readouterr().err
    with pytest.raises(DsrError):
        find_model(tmp_path / "q.onnx")


def test_what_differs_too_much_in_8_bits_is_not_written(model, tiles, tmp_path, monkeypatch):
    monkeypatch.setattr(quantize, "quantize_static", lambda source, path, *_, **__: shutil.copy(source, path))
    monkeypatch.setattr(quantize, "masks_differ", lambda *_: 0.5)
    with pytest.raises(DsrError, match=r"In 8 bits 50\.000% of the pixels change sides"):
        quantize.quantize(find_model(model), tiles, tmp_path / "q.onnx")
    assert list(tmp_path.iterdir()) == []
