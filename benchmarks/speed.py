"""Megapixels a second of networks and classical methods, and the machine's own peak."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from dsr_core.engine import Engine
from dsr_core.models import ModelInfo
from dsr_core.nn import export
from dsr_core.nn.checkpoint import save_checkpoint
from dsr_core.nn.resnet import WIDTHS
from dsr_core.nn.unet import UNet, UNetConfig
from dsr_core.tiles import Grid
from training.measure.timing import best, kmac

TILE = 1024
"""Side in pixels of what networks are compared on; a multiple of 32."""

SCAN = (4000, 6000)
"""Height and width of what tile sizes are compared on."""

TILE_SIZES = (512, 768, 1024, 1536, 2048)
"""Sides in pixels that are compared."""

MATRIX = 4096
"""Rows and columns of the matrices whose product shows what the machine can do."""


def machine_peak() -> dict[str, float]:
    """Return the machine's billions of operations a second in products of large matrices, by type.

    PyTorch's libraries are slow on some processors and onnxruntime's on others; the faster one counts.
    """
    matrix = torch.rand(MATRIX, MATRIX)
    half, whole = matrix.bfloat16(), (matrix * 100).to(torch.int8)
    products = {
        "float32": [lambda: matrix @ matrix, _product("MatMul", matrix.numpy(), matrix.numpy())],
        "bfloat16": [lambda: half @ half],
        "int8": [
            lambda: torch._int_mm(whole, whole),  # noqa: SLF001 -- the only such product that torch has
            _product("MatMulInteger", whole.numpy().astype(np.uint8), whole.numpy()),
        ],
    }
    return {name: 2 * MATRIX**3 / 1e9 / min(map(best, ways)) for name, ways in products.items()}


def _product(operator: str, left: NDArray[Any], right: NDArray[Any]) -> Callable[[], Any]:
    """Return what multiplies two matrices in onnxruntime: of float32, or whole numbers into int32."""
    given = helper.np_dtype_to_tensor_dtype(left.dtype)
    summed = given if operator == "MatMul" else TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", given, left.shape)],
        [helper.make_tensor_value_info("product", summed, left.shape)],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", export.OPSET)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": left})


def engine_speed(model: ModelInfo, height: int = TILE, width: int = TILE) -> float:
    """Return the speed of a model on one tile, as the filter runs it on the CPU."""
    network = Engine(model, "cpu", (height, width))
    image = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    return height * width / 1e6 / best(lambda: network(image))


def resnet() -> UNet:
    """Return a U-Net on ResNet-34 with random weights."""
    net = UNet(UNetConfig("resnet34", WIDTHS, (), (1, 1, 1, 1)))
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # untrained, its layers would amplify any rounding
            torch.nn.init.constant_(module.weight, 0.3)
    return net


def network(model: ModelInfo, name: str) -> dict[str, Any]:
    """Return what the page says of a network: its cost, the type it computes in, and its speed."""
    eight = any(node.op_type == "QuantizeLinear" for node in onnx.load(model.path).graph.node)
    kind = "int8" if eight else "float32"
    return {"name": name, "type": kind, "kmac": kmac(model.path), "speed": engine_speed(model)}


def exported(net: UNet, name: str) -> dict[str, Any]:
    """Return the same of a network that is no file yet."""
    info = dict.fromkeys(export.REQUIRED, "none")
    # how far it looks takes its time to measure and does not matter here
    with TemporaryDirectory() as folder, patch.object(export, "measure_margin", lambda *_: 0):
        save_checkpoint(Path(folder) / "net.pt", net, info)
        return network(export.export_onnx(Path(folder) / "net.pt", Path(folder) / "net.onnx"), name)


def tile_sizes(model: ModelInfo) -> list[dict[str, float]]:
    """Return what each size of tiles comes to on a 24-megapixel scan, its margins included."""
    rows = []
    for size in TILE_SIZES:
        grid = Grid(*SCAN, size, model.margin, model.multiple_of)
        pixels = len(grid) * grid.tile_shape[0] * grid.tile_shape[1]
        speed = engine_speed(model, *grid.tile_shape)
        computed = pixels / (SCAN[0] * SCAN[1])
        rows.append(
            {
                "size": size,
                "tiles": len(grid),
                "computed": computed,
                "speed": speed,
                "seconds": pixels / 1e6 / speed,
            }
        )
    return rows


def _plain(_: ort.SessionOptions) -> None:
    pass


OPTIONS: dict[str, Callable[[ort.SessionOptions], object]] = {
    "as the filter runs it": _plain,
    "with memory patterns": lambda o: setattr(o, "enable_mem_pattern", True),
    "without memory arena": lambda o: setattr(o, "enable_cpu_mem_arena", False),
    "threads that sleep between operators": lambda o: o.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    ),
    "basic graph optimisation only": lambda o: setattr(
        o, "graph_optimization_level", ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    ),
    "one thread": lambda o: setattr(o, "intra_op_num_threads", 1),
}
"""What was changed -> how the session's options are changed."""


def session_options(model: ModelInfo) -> dict[str, float]:
    """Return the speed of a model under other options of onnxruntime."""
    image = np.random.default_rng(0).random((1, 3, TILE, TILE), np.float32)

    def speed(
        change: Callable[[ort.SessionOptions], object],
        size: tuple[int, ...],
        batch: int = 1,
        workers: int = 1,
    ) -> float:
        options = ort.SessionOptions()
        options.enable_mem_pattern = False
        for name, side in zip(("height", "width"), size, strict=False):
            options.add_free_dimension_override_by_name(name, side)
        change(options)
        session = ort.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])
        feed = {"image": np.repeat(image, batch, axis=0)}

        def run() -> None:
            threads = [Thread(target=session.run, args=(None, feed)) for _ in range(workers)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        return workers * batch * TILE**2 / 1e6 / best(run)

    size = (TILE, TILE)
    speeds = {name: speed(change, size) for name, change in OPTIONS.items()}
    speeds["size of the tiles not told"] = speed(_plain, ())
    speeds["two tiles a batch"] = speed(_plain, size, batch=2)
    speeds["two tiles side by side, a thread each"] = speed(OPTIONS["one thread"], size, workers=2)
    return speeds
