"""Keras's VGG16 in our features: the same maps times a constant, and files that are none."""

import math
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import numpy_helper
from skimage.data import astronaut

from dsr_core.errors import DsrError
from dsr_core.nn.probe import pink_noise
from dsr_core.nn.vgg import LAYERS, VGGFeatures, vgg16_bn_features
from training.__main__ import main
from training.convert_vgg import KERAS_MEANS, NAMES, convert, distances, read_keras

OUR_MEANS = (0.485, 0.456, 0.406)


def write_onnx(path, tensors):
    graph = onnx.GraphProto(name="vgg")
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in tensors.items())
    onnx.save(onnx.ModelProto(graph=graph), path)
    return path


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Path of random convolutions, whose maps differ in size as the real ones do."""
    rng, tensors = np.random.default_rng(0), {}
    for name, layer in zip(
        NAMES, (layer for layer in vgg16_bn_features() if isinstance(layer, torch.nn.Conv2d)), strict=True
    ):
        shape = tuple(layer.weight.shape)
        spread = (1.0 if "1_" in name else 0.5) * math.sqrt(2 / (shape[1] * 9))
        kernel = spread * rng.standard_normal(shape, dtype=np.float32)
        tensors[f"functional_1/{name}_1/convolution/ReadVariableOp:0"] = kernel
        tensors[f"functional_1/{name}_1/Squeeze:0"] = rng.standard_normal(shape[0], dtype=np.float32)
    return write_onnx(tmp_path_factory.mktemp("keras") / "vgg16.onnx", tensors)


@pytest.fixture(scope="module")
def converted(keras, tmp_path_factory):
    """Path of the converted file, scaled over ``image()``."""
    path, photos = tmp_path_factory.mktemp("vgg") / "vgg.pt", image()
    torch.save(convert(read_keras(keras), photos)[0].state_dict(), path)
    return path


def image(size=64):
    return pink_noise(2, size, torch.Generator().manual_seed(1))


def as_keras_does(path, photos, border):
    """Maps before each max-pool, of blue, green, red less the means; ``border`` is what lies around RGB."""
    tensors = {
        tensor.name: numpy_helper.to_array(tensor).copy() for tensor in onnx.load(path).graph.initializer
    }

    def prepared(colours):
        return (colours * 255 - torch.tensor(KERAS_MEANS).view(3, 1, 1))[:, [2, 1, 0]]

    maps, padding = [], 0
    x = torch.tensor(border).view(1, 3, 1, 1).repeat(len(photos), 1, photos.shape[2] + 2, photos.shape[3] + 2)
    x[..., 1:-1, 1:-1] = photos
    x = prepared(x)
    for name, following in zip(NAMES, (*NAMES[1:], "end"), strict=True):
        kernel = tensors[f"functional_1/{name}_1/convolution/ReadVariableOp:0"]
        bias = tensors[f"functional_1/{name}_1/Squeeze:0"]
        x = F.conv2d(x, torch.tensor(kernel), torch.tensor(bias), padding=padding).relu()
        padding = 1
        if name[:6] != following[:6]:
            maps.append(x)
            x = F.max_pool2d(x, 2)
    return maps


def test_maps_are_those_of_keras_scaled_to_a_mean_of_one(keras, converted):
    originals = as_keras_does(keras, image(), OUR_MEANS)
    found = VGGFeatures(converted)(image())
    assert len(found) == len(originals) == len(LAYERS)
    for ours, original in zip(found, originals, strict=True):
        assert ours.mean().item() == pytest.approx(1, rel=1e-4)
        torch.testing.assert_close(ours, original / original.mean(), rtol=1e-3, atol=1e-4)


def test_the_scales_hold_for_other_pictures_too(keras, converted):
    _, means = convert(read_keras(keras), image())
    other = 1 - image(48) ** 2
    originals = as_keras_does(keras, other, OUR_MEANS)
    for ours, original, mean in zip(VGGFeatures(converted)(other), originals, means, strict=True):
        torch.testing.assert_close(ours, original / mean, rtol=1e-3, atol=1e-4)
    assert max(means) > 20 * min(means)  # or nothing had to be scaled


def test_only_the_border_knows_that_keras_pads_with_slightly_other_means(keras, converted):
    original = as_keras_does(keras, image(), [mean / 255 for mean in KERAS_MEANS])[0]
    ours, original = VGGFeatures(converted)(image(), (5,))[0], original / original.mean()
    torch.testing.assert_close(ours[..., 2:-2, 2:-2], original[..., 2:-2, 2:-2], rtol=1e-3, atol=1e-4)
    assert 1e-5 < (ours - original).abs().max() < 0.05


def test_half_precision_changes_little(converted, tmp_path):
    state = torch.load(converted, weights_only=True)
    torch.save({key: x.half() if x.ndim == 4 else x for key, x in state.items()}, tmp_path / "half.pt")
    maps = [VGGFeatures(path)(image()) for path in (converted, tmp_path / "half.pt")]
    for whole, half in zip(*maps, strict=True):
        assert (whole - half).abs().mean() < 1e-3


def test_distances_are_relative_and_forgive_what_the_features_forgive():
    columns = torch.arange(33) % 2.0
    photos = (0.25 + 0.5 * columns).expand(1, 3, 32, 33)

    def features(x):
        return [x, F.avg_pool2d(x, 2), torch.ones_like(x)]

    found = distances(features, photos)
    assert list(found) == ["blur", "noise", "shift"]
    assert found["shift"] == pytest.approx([1, 0, 0])  # 0.5 over a mean of 0.5; a pair of columns stays one
    assert 0.9 < found["blur"][0] / 0.5 < 1.01  # stripes of two pixels become all but grey
    assert found["noise"][0] == pytest.approx(0.02 * 0.798 / 0.5, rel=0.05)
    assert found["noise"][1] == pytest.approx(found["noise"][0] / 2, rel=0.1)
    assert found["noise"] == distances(features, photos)["noise"]


def test_the_command_writes_a_file_and_says_how_well_it_tells_changes_apart(keras, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), astronaut()[100 * index :, :, ::-1])
    arguments = [
        "convert-vgg",
        str(keras),
        "--photos",
        str(folder),
        "--output",
        str(tmp_path / "vgg.pt"),
        "--half",
    ]
    assert main([*arguments, "--count", "2", "--crop", "48"]) == 0
    assert (tmp_path / "vgg.pt").stat().st_size < 30e6
    first, *tables = capsys.readouterr().out.splitlines()
    assert first.startswith("original's mean activations: ")
    ours, random = tables[:7], tables[7:]
    for lines, name in ((ours, str(tmp_path / "vgg.pt")), (random, "random:0")):
        title, head, *rows = lines
        assert title == name
        assert head.split() == ["layer", "mean", "blur", "noise", "shift", "blur/shift"]
        assert [int(row.split()[0]) for row in rows] == list(LAYERS)
    assert [float(row.split()[1]) for row in ours[2:]] == pytest.approx([1] * 5, abs=2e-3)
    assert main(arguments) == 1
    assert "exists" in capsys.readouterr().err


def test_wrong_files_are_named_in_a_sentence(tmp_path):
    with pytest.raises(DsrError, match="There is no file"):
        read_keras(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no network at all")
    with pytest.raises(DsrError, match="no ONNX file"):
        read_keras(tmp_path / "text.onnx")
    name = "functional_1/block1_conv1_1/"
    wrong = {f"{name}kernel": np.zeros((64, 3, 3, 3), np.float32)}
    with pytest.raises(DsrError, match=r"the bias of 'block1_conv1', float32 and \[64\], is missing\.$"):
        read_keras(write_onnx(tmp_path / "lacks.onnx", wrong))
    wrong = {f"{name}kernel": np.zeros((3, 3, 3, 64), np.float32)}
    with pytest.raises(DsrError, match=r"is \[3, 3, 3, 64\] instead\.$"):
        read_keras(write_onnx(tmp_path / "shape.onnx", wrong))
    wrong = {f"{name}kernel": np.zeros((64, 3, 3, 3), np.int8)}
    with pytest.raises(DsrError, match=r"the kernel of 'block1_conv1'.*is missing"):
        read_keras(write_onnx(tmp_path / "integer.onnx", wrong))


def test_a_network_that_answers_nothing_cannot_be_scaled(keras):
    (kernel, bias), *others = read_keras(keras)
    with pytest.raises(DsrError, match="layer 2 have a mean of 0 "):
        convert([(kernel * 0, bias * 0 - 1), *others], image(16))


def test_without_onnx_and_without_photographs(keras, tmp_path, monkeypatch, capsys):
    arguments = [
        "convert-vgg",
        str(keras),
        "--photos",
        str(tmp_path / "none"),
        "--output",
        str(tmp_path / "vgg.pt"),
    ]
    assert main(arguments) == 1
    assert "There is no folder" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(arguments) == 1
    assert "needs onnx; run pip install 'dust-scratch-removal[train]'" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--count", "0"], ["--crop", "8"]])
def test_sizes_that_cannot_be(options):
    with pytest.raises(SystemExit):
        main(["convert-vgg", "a.onnx", "--photos", "photos", "--output", "vgg.pt", *options])
