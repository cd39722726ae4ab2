"""What it would bring to move whole numbers to a graphics card and back, and to bind memory once.

The filter gives the network planes of float32 and takes such planes back. Here the network lies between a few
operators that scale on the card: up go samples as the scan has them, down come the same and a probability of
8 bits. Input and outputs are memory that is bound once.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from dsr_core.engine import Engine
from dsr_core.models import ModelInfo, runtime_errors
from dsr_core.pixels import Image, encode, to_network
from dsr_core.providers import CARDS
from dsr_core.sweep import Load
from training.measure.timing import best

TYPES = {np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.uint16): TensorProto.UINT16}
SESSIONS = 2
"""Sessions that run side by side, so that one may copy while the other computes."""

Results = dict[str, Any]


def on_whole_numbers(model: onnx.ModelProto, dtype: np.dtype[Any]) -> onnx.ModelProto:
    """Return a model that takes ``samples`` and gives ``mended``, ``(N, H, W, 3)`` of a type, and ``marks``.

    ``marks`` is the probability times 255, ``(N, 1, H, W)`` uint8. All of it is rounded as the filter rounds.

    Parameters
    ----------
    model
        One of this project's; it is changed.
    dtype
        uint8 or uint16.
    """
    graph, kind = model.graph, TYPES[dtype]
    white = float(np.iinfo(dtype).max)
    numbers = {"to_one": 1 / white, "white": white, "most": 255.0, "half": 0.5, "nil": 0.0, "one": 1.0}
    graph.initializer.extend(
        helper.make_tensor(f"bound_{name}", TensorProto.FLOAT, [], [value]) for name, value in numbers.items()
    )

    def chain(start: str, end: str, *steps: tuple[str, list[str], dict[str, Any]]) -> list[onnx.NodeProto]:
        names = [start, *(f"bound_{end}_{step}" for step in range(len(steps) - 1)), end]
        return [
            helper.make_node(kind, [before, *(f"bound_{name}" for name in more)], [after], **attributes)
            for before, after, (kind, more, attributes) in zip(names[:-1], names[1:], steps, strict=True)
        ]

    clip, rounded = ("Clip", ["nil", "one"], {}), ("Add", ["half"], {})
    before = chain(
        "samples",
        "image",
        ("Cast", [], {"to": TensorProto.FLOAT}),
        ("Mul", ["to_one"], {}),
        ("Transpose", [], {"perm": [0, 3, 1, 2]}),
    )
    mended = chain(
        "repaired",
        "mended",
        clip,
        ("Mul", ["white"], {}),
        rounded,
        ("Cast", [], {"to": kind}),  # cuts the fraction off
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    )
    cut = ("Cast", [], {"to": TensorProto.UINT8})
    marks = chain("damage", "marks", clip, ("Mul", ["most"], {}), rounded, cut)
    nodes = [*before, *graph.node, *mended, *marks]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    side = ["n", "height", "width"]
    graph.input.append(helper.make_tensor_value_info("samples", kind, [*side, 3]))
    graph.output.append(helper.make_tensor_value_info("mended", kind, [*side, 3]))
    graph.output.append(helper.make_tensor_value_info("marks", TensorProto.UINT8, ["n", 1, *side[1:]]))
    return model


class Bound:
    """A session with memory of its own that a batch goes up from and comes down to.

    Parameters
    ----------
    model
        From `on_whole_numbers`.
    provider
        What runs it.
    samples
        A batch.
    """

    def __init__(self, model: onnx.ModelProto, provider: str, samples: Image) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        card = CARDS.get(provider)
        wanted: list[Any] = [(card.execution, dict(card.options))] if card else []
        self._session = ort.InferenceSession(
            model.SerializeToString(), options, providers=[*wanted, "CPUExecutionProvider"]
        )
        self.mended = np.empty_like(samples)
        self.marks = np.empty((len(samples), 1, *samples.shape[1:3]), np.uint8)
        self._binding = self._session.io_binding()
        self._binding.bind_ortvalue_input("samples", ort.OrtValue.ortvalue_from_numpy(samples))
        for name in ("mended", "marks"):
            self._binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(getattr(self, name)))

    def __call__(self) -> None:
        """Run the batch; ``mended`` and ``marks`` hold what comes of it."""
        self._session.run_with_iobinding(self._binding)


def compare(model: ModelInfo, load: Load, dtype: np.dtype[Any]) -> Iterator[Results]:
    """Yield the megapixels a second of each way on full batches, and how far it departs from the first.

    ``apart`` is the largest difference of a sample, as a share of white. A way that the provider refuses is
    left out.
    """
    shape = (load.batch, load.tile, load.tile, 3)
    samples = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    batch = np.empty((load.batch, 3, load.tile, load.tile), np.float32)
    network = Engine(model, load.provider, (load.tile, load.tile))
    mended = np.empty_like(samples)

    def as_the_filter() -> NDArray[np.uint8]:
        for each, planes in zip(samples, batch, strict=True):
            to_network(each, planes, linear=False)
        repaired, damage = network(batch)
        np.copyto(mended, encode(repaired.clip(0, 1), dtype).transpose(0, 2, 3, 1))
        return encode(damage.clip(0, 1), np.dtype(np.uint8))

    def speed(run: Callable[[], object], batches: int = 1) -> float:
        return batches * load.batch * load.tile**2 / 1e6 / best(run)

    marks = as_the_filter()
    yield {"way": "as the filter runs it, with its scaling", "speed": speed(as_the_filter), "apart": 0.0}

    def way(name: str, content: onnx.ModelProto, sessions: int = 1) -> Iterator[Results]:
        try:
            bound = [Bound(content, load.provider, samples) for _ in range(sessions)]
            with ThreadPoolExecutor(sessions) as pool:
                quick = speed(lambda: list(pool.map(Bound.__call__, bound)), sessions)
        except runtime_errors():
            return
        apart = max(
            float(np.abs(ours.astype(np.float64) - theirs).max()) / np.iinfo(ours.dtype).max
            for each in bound
            for ours, theirs in ((each.mended, mended), (each.marks, marks))
        )
        yield {"way": name, "speed": quick, "apart": apart}

    whole = on_whole_numbers(onnx.load(model.path), dtype)
    yield from way("whole numbers, memory bound once", whole)
    yield from way(f"the same, {SESSIONS} sessions side by side", whole, SESSIONS)
    half = convert_float_to_float16(onnx.load(model.path), keep_io_types=True)
    yield from way("the same, float16 inside", on_whole_numbers(half, dtype), SESSIONS)
