import onnx
import pytest
from onnx import TensorProto, helper

from training.measure import timing


def test_multiply_adds_are_counted_of_every_convolution(tmp_path):
    def value(name, channels):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "height", "width"])

    weights = [
        helper.make_tensor("first", TensorProto.FLOAT, (8, 3, 3, 3), bytes(4 * 216), raw=True),
        helper.make_tensor("second", TensorProto.INT8, (4, 8, 1, 1), bytes(32), raw=True),
        helper.make_tensor("one", TensorProto.FLOAT, (), [1.0]),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["halved"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("DequantizeLinear", ["second", "one"], ["second in float"]),
        helper.make_node("Conv", ["halved", "second in float"], ["damage"]),
    ]
    graph = helper.make_graph(nodes, "two", [value("image", 3)], [value("damage", 4)], weights)
    onnx.save(helper.make_model(graph), tmp_path / "two.onnx")
    # at a quarter of the positions: 8 channels of 3 x 3 x 3, then 4 channels of 8
    assert timing.kmac(tmp_path / "two.onnx") == pytest.approx((8 * 27 + 4 * 8) / 4 / 1000)


def test_the_shortest_run_counts_and_the_first_does_not(monkeypatch):
    clock, lengths = [0.0], iter([9.0, 3.0, 2.0, 4.0])

    def work():
        clock[0] += next(lengths)

    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    assert timing.best(work) == 2.0
