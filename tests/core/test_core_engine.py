import ctypes
from types import SimpleNamespace

import onnxruntime
import pytest

from dsr_core import DsrError, engine
from dsr_core.options import PROVIDERS
from dsr_core.providers import CARDS
from dsr_core.sweep import LOADS


@pytest.mark.parametrize(
    ("providers", "driver", "missing", "words"),
    [
        (["CPUExecutionProvider"], 0, "none", "no CUDA in it; run: pip uninstall -y onnxruntime &&"),
        (["CUDAExecutionProvider"], None, "none", "no NVIDIA driver"),
        (["CPUExecutionProvider"], None, "none", "no NVIDIA driver"),  # nothing to install there
        (["CUDAExecutionProvider"], 100, "none", "finds no GPU"),  # CUDA_ERROR_NO_DEVICE
        (["CUDAExecutionProvider"], 0, "providers_cuda", "libcudnn.so.9 is not there; run: pip"),
        (["CUDAExecutionProvider"], 0, "none", ""),
    ],
)
def test_each_link_of_cudas_chain_is_named_when_it_breaks(monkeypatch, providers, driver, missing, words):
    def load(name, mode=None):
        del mode
        if "onnxruntime" not in name:
            if driver is None:
                raise OSError("libcuda.so.1 is not there")
            return SimpleNamespace(cuInit=lambda _flags: driver)
        if missing in name:
            raise OSError("libcudnn.so.9 is not there")
        return None

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(ctypes, "CDLL", load)
    fault = engine.cuda_fault.__wrapped__()
    assert words in fault
    assert bool(words) == bool(fault)


@pytest.mark.parametrize("name", sorted(CARDS.keys() - {"cuda"}))
def test_another_card_runs_for_who_asks_for_it_and_for_nobody_else(monkeypatch, name):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(engine, "cuda_fault", lambda: "there is no NVIDIA driver")
    with pytest.raises(DsrError, match=f"pip install {CARDS[name].package}"):
        engine.choose_provider(name)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CARDS[name].execution])
    assert engine.choose_provider(name) == (name, "")
    assert engine.choose_provider("auto")[0] == "cpu"


def test_every_provider_can_be_asked_for_and_has_a_load():
    assert set(PROVIDERS) == {"auto", "cpu", *CARDS}
    assert set(LOADS) == {"cpu", *CARDS}
