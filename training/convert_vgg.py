"""Make VGG features of a Keras VGG16: ``python -m training convert-vgg SOURCE --photos DIR --output FILE``.

For where torchvision's weights cannot be had, but ImageNet's VGG16 (Simonyan, Zisserman, *Very Deep
Convolutional Networks for Large-Scale Image Recognition*, 2015) lies in an ONNX file under Keras's names.
That network has no batch norm; with norms that change nothing its convolutions fit torchvision's
``vgg16_bn``, and :class:`dsr_core.nn.vgg.VGGFeatures` reads the file like any other.

Its activations differ by a factor of 200 from block to block, while the weights of the losses were chosen
for features of a normed net. So every layer is scaled to a mean activation of one over some photographs, as
in the "normalised VGG" of Gatys, Ecker, Bethge, *Image Style Transfer Using Convolutional Neural Networks*,
2016.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dsr_core.atomic import check_free, write_all
from dsr_core.errors import DsrError
from dsr_core.nn.vgg import LAYERS, VGGFeatures, normalise, vgg16_bn_features
from training.damage.film import blur
from training.photos import Photos, list_photos

NAMES = tuple(
    f"block{block}_conv{number}"
    for block, count in enumerate((2, 2, 3, 3, 3), start=1)
    for number in range(1, count + 1)
)
"""Keras's names of the thirteen convolutions, in order; a file adds something before and behind."""

KERAS_MEANS = (123.68, 116.779, 103.939)
"""What Keras takes from red, green and blue of 0 to 255, before it hands them over as blue, green, red."""

ZOOM = (0.3, 0.9)
"""At what scale photographs are shown: that of the training, where they are sharp to the pixel."""

NOISE = 0.02
"""Standard deviation of the noise that distances are measured with: five levels of 255, as fine grain has."""


def read_keras(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Read the thirteen convolutions of a VGG16 from an ONNX file.

    Parameters
    ----------
    path
        File with float32 tensors whose names hold those of :data:`NAMES`: kernels ``(out, in, 3, 3)`` and
        biases ``(out,)``.

    Returns
    -------
    list[tuple[Tensor, Tensor]]
        Kernel and bias of each, in order.

    Raises
    ------
    DsrError
        onnx is not installed, or the file is missing, is no ONNX, or holds no such tensors of VGG16's shapes.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with onnx
        from onnx import numpy_helper  # noqa: PLC0415
    except ImportError as error:
        raise DsrError(
            f"Reading '{path}' needs {error.name}; run pip install 'dust-scratch-removal[train]' first."
        ) from error
    if not path.is_file():
        raise DsrError(f"There is no file '{path}'; give the path of an ONNX file.")
    found: dict[tuple[str, int], Tensor] = {}
    try:
        for tensor in onnx.load(path, format="protobuf").graph.initializer:
            match = re.search("block[1-5]_conv[1-3]", tensor.name)
            if match and tensor.data_type == onnx.TensorProto.FLOAT:
                found[match[0], len(tensor.dims)] = torch.tensor(numpy_helper.to_array(tensor))
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as error:
        raise DsrError(f"'{path}' is damaged or no ONNX file; get it again or give another.") from error
    convolutions = []
    layers = [layer for layer in vgg16_bn_features() if isinstance(layer, nn.Conv2d)]
    for name, layer in zip(NAMES, layers, strict=True):
        inputs, outputs = layer.in_channels, layer.out_channels
        for kind, shape in (("kernel", [outputs, inputs, 3, 3]), ("bias", [outputs])):
            tensor = found.get((name, len(shape)))
            if tensor is None or list(tensor.shape) != shape:
                problem = "is missing" if tensor is None else f"is {list(tensor.shape)} instead"
                raise DsrError(
                    f"'{path}' is no VGG16 with Keras's names: the {kind} of '{name}', float32 and {shape}, "
                    f"{problem}."
                )
        convolutions.append((found[name, 4], found[name, 1]))
    return convolutions


def for_our_input(kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Fold order and scale of the colours into Keras's first convolution.

    It then takes what :func:`dsr_core.nn.vgg.normalise` makes of RGB in [0, 1]. Keras's means are not quite
    those of ``normalise`` (half a level of 255 more in green, 0.4 in blue), and either network pads with its
    own zero: the outermost pixels see a border that differs by that little, all others no difference.

    Parameters
    ----------
    kernel, bias
        ``(64, 3, 3, 3)`` and ``(64,)`` for blue, green, red of 0 to 255 less :data:`KERAS_MEANS`.

    Returns
    -------
    tuple[Tensor, Tensor]
        Kernel and bias of the same shapes, in float64.
    """
    black, white = normalise(
        torch.tensor([0.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    )
    scale = 255 / (white - black)
    offset = -black * scale - torch.tensor(KERAS_MEANS, dtype=torch.float64).view(3, 1, 1)
    kernel = kernel.double().flip(1)
    return kernel * scale, bias + (kernel * offset).sum((1, 2, 3))


def convert(
    convolutions: Sequence[tuple[Tensor, Tensor]], photos: Tensor
) -> tuple[nn.Sequential, list[float]]:
    """Put Keras's convolutions into ``vgg16_bn`` and scale the output of each to a mean of one.

    A ReLU and a max-pool let a factor through, so the next convolution takes it back exactly (but for
    rounding), and each layer is the original one times a constant. All thirteen are scaled, not only the five
    that the losses see: half precision is then nowhere near its limits.

    Parameters
    ----------
    convolutions
        Of :func:`read_keras`.
    photos
        ``(N, 3, H, W)`` in [0, 1], H and W at least 16: what the mean is taken over.

    Returns
    -------
    tuple[nn.Sequential, list[float]]
        The features, and the mean activations of the original at :data:`dsr_core.nn.vgg.LAYERS`.

    Raises
    ------
    DsrError
        A layer answers nothing but zeros, or no numbers, so that it cannot be scaled.
    """
    first, *others = convolutions
    tensors = iter([for_our_input(*first), *others])
    layers = vgg16_bn_features().eval()
    x, scale, means = normalise(photos), 1.0, []
    with torch.no_grad():
        for index, layer in enumerate(layers):
            if isinstance(layer, nn.Conv2d):
                kernel, bias = next(tensors)
                convolution = layer.state_dict()  # shares the layer's memory
                convolution["weight"].copy_(kernel)
                convolution["bias"].copy_(bias / scale)  # what comes in is scaled already
            elif isinstance(layer, nn.BatchNorm2d):
                layer.state_dict()["running_var"].fill_(1 - layer.eps)  # the rest starts as identity
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                mean = x.mean().item()
                if not 0 < mean < torch.inf:
                    raise DsrError(
                        f"The features at layer {index} have a mean of {mean:g} over these photographs; "
                        "give the file of a trained VGG16."
                    )
                for tensor in (*convolution.values(), x):
                    tensor.div_(mean)
                scale *= mean
                if index in LAYERS:
                    means.append(scale)
    return layers, means


def distances(
    features: Callable[[Tensor], list[Tensor]], photos: Tensor, seed: int = 0
) -> dict[str, list[float]]:
    """Measure how far features take photographs to be from the same ones, blurred, noisy and moved.

    Trained features change less by a shift the deeper they are, and still change by blur; random ones change
    by all of it alike.

    Parameters
    ----------
    features
        Maps ``(N, 3, H, W)`` in [0, 1] to feature maps.
    photos
        ``(N, 3, H, W + 1)`` in [0, 1], clean; the last column is what moves in.
    seed
        Of the noise, whose deviation is :data:`NOISE`.

    Returns
    -------
    dict[str, list[float]]
        For ``blur`` (a Gaussian of one pixel), ``noise`` and ``shift`` (by one pixel) and each map: the mean
        absolute difference over the mean of the map, 0 for no difference.
    """
    image = photos[..., :-1]
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    changed = {
        "blur": blur(photos, torch.ones(len(photos)))[..., :-1],
        "noise": (image + NOISE * noise).clamp(0, 1),
        "shift": photos[..., 1:],
    }
    with torch.no_grad():
        clean = features(image)
        return {
            name: [
                ((x - y).abs().mean() / y.mean()).item() for x, y in zip(features(other), clean, strict=True)
            ]
            for name, other in changed.items()
        }


def table(features: VGGFeatures, photos: Tensor) -> str:
    """Write mean activations and :func:`distances` of a network as lines, one for each of ``LAYERS``.

    Parameters
    ----------
    features
        The network.
    photos
        ``(N, 3, H, W + 1)`` in [0, 1], H and W at least 16.
    """
    with torch.no_grad():
        means = [layer.mean().item() for layer in features(photos[..., :-1])]
    found = distances(features, photos)
    lines = [
        f"{features.weights}",
        "layer   mean " + "".join(f"{name:>7}" for name in found) + "  blur/shift",
    ]
    for index, (layer, mean) in enumerate(zip(LAYERS, means, strict=True)):
        row = {name: values[index] for name, values in found.items()}
        cells = "".join(f"{value:7.3f}" for value in row.values())
        lines.append(f"{layer:5} {mean:7.3f}{cells} {row['blur'] / row['shift']:10.2f}")
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("source", type=Path, metavar="SOURCE.onnx", help="ONNX file with Keras's VGG16")
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--output", type=Path, required=True, help="weights file to write (59 MB)")
    parser.add_argument("--half", action="store_true", help="write the kernels in half precision (29 MB)")
    parser.add_argument(
        "--count", type=_at_least(1), default=24, help="photographs that the mean is taken over"
    )
    parser.add_argument(
        "--crop", type=_at_least(16), default=224, help="side of what is seen of each, at least 16"
    )


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    check_free([args.output], overwrite=False)
    convolutions = read_keras(args.source)
    if not args.photos.is_dir():
        raise DsrError(f"There is no folder '{args.photos}'; name one of clean photographs.")
    photos = _crops(list_photos(args.photos), args.count, args.crop)
    features, means = convert(convolutions, photos[..., :-1])
    state = features.state_dict()
    if args.half:
        state = {key: value.half() if value.ndim == 4 else value for key, value in state.items()}
    write_all({args.output: lambda path: torch.save(state, path)}, overwrite=False)
    head = f"original's mean activations: {', '.join(f'{mean:.3g}' for mean in means)}"
    tables = [table(VGGFeatures(name), photos) for name in (args.output, "random:0")]
    return "\n".join([head, *tables])


def _at_least(low: int) -> Callable[[str], int]:
    """Return what reads a whole number, and refuses one below ``low``."""

    def read(text: str) -> int:
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}")
        return int(text)

    return read


def _crops(paths: Sequence[Path], count: int, size: int) -> Tensor:
    """Cut ``(count, 3, size, size + 1)`` of photographs spread over the list, the same ones every time."""
    chosen = paths[:: max(1, len(paths) // count)][:count]
    rng = torch.Generator().manual_seed(0)
    return torch.cat([Photos([path]).crops(1, size + 1, ZOOM, rng)[:, :, :-1] for path in chosen])
