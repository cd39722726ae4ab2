"""Export of a checkpoint to ONNX: the face that every model shares, checked before it is written."""

import copy
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dsr_core.atomic import check_free, write_all
from dsr_core.errors import DsrError
from dsr_core.models import ModelInfo, find_model
from dsr_core.nn.blocks import NormedConv, Upsample, fold_norms
from dsr_core.nn.checkpoint import load_checkpoint
from dsr_core.nn.probe import damaged_images
from dsr_core.nn.unet import PlainEncoder, UNet

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""The oldest opset that PyTorch's exporter writes natively: read by onnxruntime since 1.14."""

TOLERANCE = 1 / 510
"""Half a step of an 8-bit image: the exported model may differ from the checkpoint by this much."""

MARGIN_TOLERANCE = {"repaired": 1 / 32, "damage": 1 / 20}
"""Changes smaller than these, by what lies beyond the margin, count as none. In repairs that is much, since a
fill that comes out of other surroundings is another one and no worse."""

MARGIN_SPARED = 0.001
"""Share of the pixels at a distance that may change by more."""

REQUIRED = ("name", "version", "loss", "training_data", "steps", "licence")


class Face(nn.Module):
    """A model as its users see it: ``image -> repaired, damage``, all in [0, 1].

    The norms become part of their convolutions. The first convolution takes the pixel-unshuffle in, as a
    strided convolution with the same weights: the same result without the reshaping that an unshuffle becomes
    in ONNX. An identity behind each pixel-shuffle of the decoder lets onnxruntime keep its blocked layout for
    the sum and the blocks that follow.

    Parameters
    ----------
    model
        Copied, not changed.
    """

    def __init__(self, model: UNet) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        fold_norms(self.model)
        for net in self.model.modules():
            if isinstance(net, UNet):
                _rearrange(net)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``(N, 3, H, W)`` to the repaired image ``(N, 3, H, W)`` and probability ``(N, 1, H, W)``."""
        residual, logit = self.model(image)
        return (image + residual).clamp(0, 1), torch.sigmoid(logit)


def _rearrange(model: UNet) -> None:
    """Make a network's layers, in place, such that onnxruntime computes the same with fewer steps."""
    encoder = model.encoder
    if isinstance(encoder, PlainEncoder):
        first = encoder.stems[0]
        assert isinstance(first, NormedConv)  # noqa: S101 - tells the type checker
        first.conv = _strided(first.conv, model.config.unshuffle)
        encoder.unshuffle = nn.Identity()
    for up, fine in zip(model.ups, model.config.widths[-2::-1], strict=True):
        assert isinstance(up, Upsample)  # noqa: S101
        up.shuffle = nn.Sequential(up.shuffle, _identity(fine))


def export_onnx(checkpoint: str | Path, output: str | Path, *, overwrite: bool = False) -> ModelInfo:
    """Turn a checkpoint into an ONNX model with the face and metadata that the filter expects.

    Batch, height and width are dynamic; weights are stored as float16, inputs, outputs and arithmetic stay
    float32. Nothing is written unless onnx's checker passes and onnxruntime agrees with PyTorch within
    :data:`TOLERANCE`.

    Parameters
    ----------
    checkpoint
        File written by :func:`dsr_core.nn.checkpoint.save_checkpoint`.
    output
        The ``.onnx`` file.
    overwrite
        Replace the output if it exists.

    Returns
    -------
    ModelInfo
        What the new file says about itself.

    Raises
    ------
    DsrError
        Checkpoint or output cannot be used, onnx is not installed, or the check after export failed.
    """
    output = Path(output)
    if output.suffix.lower() != ".onnx":
        raise DsrError(f"'{output}' does not end in .onnx; choose a name that does.")
    check_free([output], overwrite=overwrite)
    model, info = load_checkpoint(checkpoint)
    missing = [key for key in REQUIRED if not info.get(key)]
    if missing:
        raise DsrError(f"Checkpoint '{checkpoint}' does not say its {', '.join(missing)}; train it again.")
    face = Face(model).eval()
    metadata = info | {
        "multiple_of": str(model.config.multiple_of),
        "margin": str(measure_margin(face, model.config.multiple_of)),
        "margin_tolerance": " ".join(f"{name} {value:.4f}" for name, value in MARGIN_TOLERANCE.items()),
        "caution": f"{model.config.caution:g}",
        "project_version": version("dust-scratch-removal"),
    }
    graph = _store_half(_to_onnx(face, model.config.multiple_of))

    def write(path: Path) -> None:
        _write(graph, metadata, path)
        _verify(path, face, model.config.multiple_of)

    write_all({output: write}, overwrite=overwrite)
    return find_model(output)


@torch.no_grad()
def measure_margin(face: nn.Module, multiple_of: int, size: int = 512) -> int:
    """Return how far from a cut a result is no longer changed by it, in pixels.

    Damaged images are cut in half on the grid of ``multiple_of``; the halves are compared with the whole,
    and the margin is the distance from the cut beyond which no more than :data:`MARGIN_SPARED` of the pixels
    differ by more than :data:`MARGIN_TOLERANCE`.

    Parameters
    ----------
    face
        ``(N, 3, H, W) -> repaired, damage``.
    multiple_of
        Grid of the model; the margin is rounded up to it.
    size
        Side of the images; the greatest margin that can be found is half of it.
    """
    half = size // 2 // multiple_of * multiple_of
    image = damaged_images(2, size)
    image = torch.cat([image, image.transpose(2, 3)])  # cut along both axes
    whole = face(image)
    reach = 0
    for cut, part in ((slice(0, half), slice(0, half)), (slice(half, size), slice(half, size))):
        for ours, theirs, tolerance in zip(
            face(image[:, :, cut].contiguous()), whole, MARGIN_TOLERANCE.values(), strict=True
        ):
            changed = ((ours - theirs[:, :, part]).abs() > tolerance).any(1).float().mean((0, 2))
            rows = (changed > MARGIN_SPARED).nonzero()
            if len(rows):
                reach = max(reach, half - int(rows.min()) if cut.start == 0 else int(rows.max()) + 1)
    return -(-reach // multiple_of) * multiple_of


def _strided(conv: nn.Module, factor: int) -> nn.Conv2d:
    """Merge a pixel-unshuffle by ``factor`` with the convolution behind it."""
    assert isinstance(conv, nn.Conv2d)  # noqa: S101 - tells the type checker
    width, (height_k, width_k) = conv.out_channels, conv.kernel_size
    channels = conv.in_channels // factor**2
    merged = nn.Conv2d(channels, width, factor * height_k, stride=factor, padding=factor * (height_k // 2))
    weight = conv.weight.detach().view(width, channels, factor, factor, height_k, width_k)
    with torch.no_grad():
        # (channel, sub-row, sub-column, row, column) -> (channel, row and sub-row, column and sub-column)
        merged.weight.copy_(weight.permute(0, 1, 4, 2, 5, 3).reshape_as(merged.weight))
        merged.bias = conv.bias
    return merged


def _identity(channels: int) -> nn.Conv2d:
    """Return a convolution that changes nothing.

    onnxruntime computes convolutions on channels in blocks (NCHWc), with a sum and a ReLU behind them in the
    same pass; a pixel-shuffle ends that, and the next convolution starts it again.
    """
    identity = nn.Conv2d(channels, channels, 1, groups=channels)
    nn.init.ones_(identity.weight)
    nn.init.zeros_(identity.bias)  # type: ignore[arg-type]
    return identity


def _to_onnx(face: nn.Module, multiple_of: int) -> "onnx.ModelProto":
    """Trace the face into an ONNX graph with dynamic batch, height and width."""
    try:
        import onnx  # noqa: F401, PLC0415 - an extra, named below
        import onnxscript  # noqa: F401, PLC0415
    except ImportError as error:
        raise DsrError(
            f"Export needs {error.name}; run pip install 'dust-scratch-removal[train]' first."
        ) from error
    batch, rows, columns = (torch.export.Dim(name, min=1, max=2**16) for name in ("n", "rows", "columns"))
    example = torch.zeros(2, 3, 2 * multiple_of, 3 * multiple_of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own inner workings
        program = torch.onnx.export(
            face,
            (example,),
            input_names=["image"],
            output_names=["repaired", "damage"],
            dynamic_shapes={"image": {0: batch, 2: multiple_of * rows, 3: multiple_of * columns}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101 - only the old exporter returns nothing
    return program.model_proto


def _store_half(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Store the kernels as float16, each with a cast that onnxruntime folds when it loads the model.

    One that float16 cannot hold stays as it is. Networks of an ensemble may share kernels, which are stored
    once.
    """
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    casts, kept = [], []
    stored: dict[tuple[tuple[int, ...], bytes], str] = {}
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim <= 1 or abs(values).max() > np.finfo(np.float16).max:
            kept.append(tensor)
            continue
        half, name = values.astype(np.float16), f"{tensor.name}.half"
        first = stored.setdefault((half.shape, half.tobytes()), name)
        casts.append(helper.make_node("Cast", [first], [tensor.name], to=TensorProto.FLOAT))
        if first == name:
            kept.append(numpy_helper.from_array(half, name))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    # it holds only what can be inferred, and names of this machine's modules
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    return model


def _write(model: "onnx.ModelProto", metadata: Mapping[str, str], path: Path) -> None:
    """Name the free dimensions, add the metadata, check and write."""
    import onnx  # noqa: PLC0415

    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        for axis, name in ((0, "n"), (2, "height"), (3, "width")):
            dims[axis].dim_param = name
    onnx.helper.set_model_props(model, dict(metadata))
    model.producer_name, model.doc_string = "dust-scratch-removal", metadata["name"]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _verify(path: Path, face: nn.Module, multiple_of: int) -> None:
    """Compare onnxruntime with PyTorch on damaged images of two shapes."""
    import onnxruntime as ort  # noqa: PLC0415

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    side = -(-96 // multiple_of) * multiple_of
    square = damaged_images(2, side)
    for image in (square, square[:1, :, : side - multiple_of]):
        with torch.no_grad():
            expected = [output.numpy() for output in face(image)]
        found: list[npt.NDArray[np.float32]] = session.run(["repaired", "damage"], {"image": image.numpy()})
        for name, ours, theirs in zip(("repaired", "damage"), found, expected, strict=True):
            error = float(np.abs(ours - theirs).max())
            if not error <= TOLERANCE:  # a NaN fails too
                raise DsrError(
                    f"The exported model's {name} differs from the checkpoint's by {error:.4f}, more than "
                    f"{TOLERANCE:.4f}; nothing was written."
                )
