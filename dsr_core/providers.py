"""What onnxruntime runs on beside its own code for processors: a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Card:
    """A way to a graphics card, or to another library for processors.

    Parameters
    ----------
    label
        What people call it.
    execution
        What onnxruntime calls it.
    package
        The distribution of onnxruntime that holds it.
    options
        For onnxruntime.
    """

    label: str
    execution: str
    package: str
    options: Mapping[str, str] = field(default_factory=dict)


CARDS = {
    "cuda": Card(
        "CUDA",
        "CUDAExecutionProvider",
        "onnxruntime-gpu[cuda,cudnn]",
        # A search by trial costs seconds for each new shape, and a doubling arena takes memory other programs
        # need.
        {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"},
    ),
    "openvino": Card(
        "OpenVINO",
        "OpenVINOExecutionProvider",
        "onnxruntime-openvino",
        # where the processor has it: three times as fast with AMX
        {"device_type": "CPU", "load_config": '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'},
    ),
    "directml": Card("DirectML", "DmlExecutionProvider", "onnxruntime-directml"),
    "coreml": Card("CoreML", "CoreMLExecutionProvider", "onnxruntime", {"ModelFormat": "MLProgram"}),
    "migraphx": Card("MIGraphX", "MIGraphXExecutionProvider", "onnxruntime-migraphx"),
}
"""Name -> card: NVIDIA's; Intel's library; any on Windows; Apple's; AMD's. The last three are untried."""


def label(provider: str) -> str:
    """Return what people call a provider."""
    return CARDS[provider].label if provider in CARDS else "the CPU"
