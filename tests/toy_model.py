"""A tiny model, written by hand, with the same face as the real ones: quick, exact and known by heart.

Its repair is a 9x9 mean; damage is whatever departs from that mean by more than 0.15 in a channel.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

MARGIN = 8
MULTIPLE_OF = 2
METADATA = {
    "name": "toy",
    "version": "1",
    "loss": "none",
    "multiple_of": str(MULTIPLE_OF),
    "margin": str(MARGIN),
    "training_data": "none",
    "steps": "0",
    "licence": "MIT",
    "project_version": "0.1.0",
}


def write_toy_model(path: Path, metadata: dict[str, str] | None = None, threshold: float = 0.15) -> Path:
    """Write the toy model to ``path`` and return the path."""
    nodes = [
        helper.make_node(
            "AveragePool",
            ["image"],
            ["repaired"],
            kernel_shape=[9, 9],
            pads=[4, 4, 4, 4],
            count_include_pad=0,
        ),
        helper.make_node("Sub", ["image", "repaired"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["distance"]),
        helper.make_node("ReduceMax", ["distance"], ["largest"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["largest", "threshold"], ["excess"]),
        helper.make_node("Mul", ["excess", "steepness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["damage"]),
    ]
    return write_model(path, nodes, {"threshold": threshold, "steepness": 40.0}, metadata)


def write_model(
    path: Path, nodes: list[onnx.NodeProto], numbers: dict[str, float], metadata: dict[str, str] | None = None
) -> Path:
    """Write a model of these nodes to ``path`` and return the path.

    Parameters
    ----------
    path
        Its folder is made.
    nodes
        They make ``repaired`` and ``damage`` of ``image``.
    numbers
        Constants by name.
    metadata
        Instead of the toy's.
    """
    shape = ["n", 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "toy",
        inputs=[helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        outputs=[
            helper.make_tensor_value_info("repaired", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("damage", TensorProto.FLOAT, ["n", 1, "height", "width"]),
        ],
        initializer=[
            helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in numbers.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, METADATA if metadata is None else metadata)
    onnx.checker.check_model(model)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path
