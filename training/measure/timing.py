"""What a network costs: multiply-adds counted in its file, and seconds on a clock."""

import math
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import onnx
from onnx import shape_inference

SIDE = 512
"""Side in pixels of the tile that multiply-adds are counted on."""


def kmac(model: Path) -> float:
    """Return the thousand multiply-adds that the convolutions of an ONNX model spend on a pixel.

    Parameters
    ----------
    model
        A model of this project, in float or in 8 bits.
    """
    content = onnx.load(model)
    sides = dict(zip(("n", "height", "width"), (1, SIDE, SIDE), strict=True))
    for dim in content.graph.input[0].type.tensor_type.shape.dim:
        if dim.dim_param:
            dim.dim_value = sides[dim.dim_param]
    graph = shape_inference.infer_shapes(content).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    shapes = {v.name: [dim.dim_value for dim in v.type.tensor_type.shape.dim] for v in values}
    shapes |= {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    sums = 0
    for node in graph.node:
        if node.op_type == "Conv":
            sums += math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])
    return sums / SIDE**2 / 1000


def best(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of some runs in seconds, after one that is not counted."""
    function()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        seconds.append(perf_counter() - start)
    return min(seconds)
