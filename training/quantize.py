"""Quantise a model: ``python -m training quantize MODEL --tiles DIR --output FILE``.

The body's convolutions and residual sums become 8-bit (QDQ; activations uint8; weights per channel, in seven
bits, since sums of full ones overflow on CPUs without VNNI). The first convolution, the last one and all
behind it stay float32, in every network of an ensemble: what they compute reaches the picture itself. The
tiles come from ``python -m training pairs``, made of training photographs.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from dsr_core.atomic import check_free, write_all
from dsr_core.errors import DsrError
from dsr_core.filter import predict, run
from dsr_core.models import ModelInfo, find_model
from training.measure.pairs import load_pairs

MASKS_DIFFER = 0.001  # of the pixels, at most, between a model and its 8-bit form
EVEN = 128  # of 255: a probability of one half


class Tiles(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime knows no types
    """Feeds the damaged images of a folder of pairs, each ``(1, 3, H, W)`` float32 in [0, 1].

    Parameters
    ----------
    folder
        What ``python -m training pairs`` wrote.
    multiple_of
        The images are cropped to multiples of this.
    """

    def __init__(self, folder: Path, multiple_of: int) -> None:
        self.pairs = load_pairs(folder)
        self.multiple_of = multiple_of

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next image, or None at the end."""
        pair = next(self.pairs, None)
        if pair is None:
            return None
        height, width = (side // self.multiple_of * self.multiple_of for side in pair.damaged.shape[:2])
        image = pair.damaged[:height, :width].transpose(2, 0, 1)[None]
        return {"image": np.ascontiguousarray(image, np.float32) / np.float32(255)}


def quantize(model: ModelInfo, tiles: Path, output: Path, *, overwrite: bool = False) -> ModelInfo:
    """Write the quantised model with the metadata of its source.

    Raises
    ------
    DsrError
        The output exists, there are no tiles, or on them the masks of the two models differ by more than
        :data:`MASKS_DIFFER`.
    """
    check_free([output], overwrite=overwrite)
    graph = _in_single(onnx.load(model.path))
    nodes = graph.graph.node
    spared = _outermost(nodes, "input", "output") | _outermost(reversed(nodes), "output", "input")

    def write(path: Path) -> None:
        with TemporaryDirectory() as folder:
            source = Path(folder) / "source.onnx"
            onnx.save(graph, source)
            quantize_static(
                source,
                path,
                Tiles(tiles, model.multiple_of),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Relu", "Add"],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=sorted(spared),
                extra_options={"CalibMovingAverage": True},  # one tile's extremes cost all others precision
            )
        written = onnx.load(path)
        onnx.helper.set_model_props(written, model.metadata)
        onnx.save(written, path)
        differ = masks_differ(model, find_model(path), tiles)
        if differ > MASKS_DIFFER:
            raise DsrError(
                f"In 8 bits {differ:.3%} of the pixels change sides, more than {MASKS_DIFFER:.1%}; nothing "
                "was written. Calibrate with other tiles."
            )

    write_all({output: write}, overwrite=overwrite)
    return find_model(output)


def masks_differ(first: ModelInfo, second: ModelInfo, tiles: Path) -> float:
    """Return the share of the tiles' pixels that one of two models takes for damage, the other not."""
    differ = pixels = 0
    for pair in load_pairs(tiles):
        one, other = (
            run(predict(pair.damaged, model=model.path, provider="cpu")).probability >= EVEN
            for model in (first, second)
        )
        differ += int(np.count_nonzero(one != other))
        pixels += one.size
    return float(differ / pixels)


def _in_single(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the kernels as float32, without the casts that unpack them, and name every node."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes, unpacked = [], []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in tensors:
            values = numpy_helper.to_array(tensors[node.input[0]]).astype(np.float32)
            unpacked.append(numpy_helper.from_array(values, node.output[0]))
        else:
            node.name = node.name or node.output[0]
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for name, tensor in tensors.items() if name in used]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*kept, *unpacked])
    return model


def _outermost(nodes: Iterable[onnx.NodeProto], takes: str, gives: str) -> set[str]:
    """Name the nodes that no convolution comes before, in this order, the first convolutions among them.

    ``takes`` and ``gives`` are ``"input"`` and ``"output"``, the other way round for nodes in reverse.
    """
    convolved: set[str] = set()
    names = set()
    for node in nodes:
        inside = not convolved.isdisjoint(getattr(node, takes))
        if not inside:
            names.add(node.name)
        if inside or node.op_type == "Conv":
            convolved.update(getattr(node, gives))
    return names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", help="1, 2, 3 or the path of an ONNX file")
    parser.add_argument("--tiles", type=Path, required=True, help="folder that `pairs` wrote")
    parser.add_argument("--output", type=Path, required=True, help="the new .onnx file")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    return str(quantize(find_model(args.model), args.tiles, args.output, overwrite=args.overwrite).path)
