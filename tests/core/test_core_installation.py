"""Broken installations and cards: a sentence, or the processor."""

import sys
from types import ModuleType

import numpy as np
import pytest

import dsr_core
from dsr_core import doctor, engine
from dsr_core.cli import main
from dsr_core.editor.wire import MAGIC, PlugInError, read_header
from dsr_core.errors import DsrError
from tests.dusty import dusty


class WithoutKernels:
    """A session on a card for which the build of CUDA has no code."""

    def __init__(self, real, providers):
        self.cuda, self.real = "CUDA" in str(providers), real

    def __getattr__(self, name):
        return getattr(self.real, name)

    def get_providers(self):
        return ["CUDAExecutionProvider"] if self.cuda else ["CPUExecutionProvider"]

    def run(self, *arguments):
        if self.cuda:
            raise engine.runtime_errors()[0]("no kernel image is available")
        return self.real.run(*arguments)


def put_an_old_card_in(patch):
    """Feign a card for which the build of CUDA has no code."""
    real = engine.ort.InferenceSession

    def session(path, options=None, providers=()):
        return WithoutKernels(real(path, options, providers=["CPUExecutionProvider"]), providers)

    patch.setattr(engine, "cuda_fault", lambda: "")
    patch.setattr(engine.ort, "InferenceSession", session)


@pytest.fixture
def old_card(monkeypatch):
    put_an_old_card_in(monkeypatch)
    engine.forget_engine()
    yield
    engine.forget_engine()


def test_auto_goes_on_without_a_card_that_cannot_run_the_model(old_card, toy_model):
    del old_card
    result = dsr_core.restore(dusty(), model=toy_model, provider="auto")
    assert (result.provider, result.defects) == ("cpu", 3)
    assert len(result.notes) == 1
    assert "no kernel image" in result.notes[0]
    with pytest.raises(DsrError, match="no kernel image"):
        dsr_core.restore(dusty(), model=toy_model, provider="cuda")


@pytest.mark.parametrize("broken", ["in part", "does not load"])
def test_a_broken_onnxruntime_is_one_sentence(monkeypatch, capsys, broken):
    if broken == "in part":
        monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    else:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for name in [name for name in sys.modules if name in ("dsr_core.runtime", "dsr_core.models")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(DsrError, match=f"{broken}.*pip install"):
        __import__("dsr_core.runtime")
    assert main(["doctor"]) == 1
    assert broken in capsys.readouterr().out


def test_doctor_lives_through_anything_and_sees_twins(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda _: "1.0")
    monkeypatch.setattr(doctor, "_MODULES", {"no_such_module": "thing"})
    texts = [finding.text for finding in doctor.examine() if not finding.good]
    assert texts[0].startswith("onnxruntime 1.0 and onnxruntime-gpu 1.0 hide each other; run: pip")
    assert texts[1].endswith("run: pip install --force-reinstall thing")


@pytest.mark.parametrize(
    "message",
    [
        MAGIC + (2).to_bytes(4, "little") + b"\xff" * 8 + b"{}",
        MAGIC + (2).to_bytes(4, "little") + bytes(8) + b"[]",
        MAGIC + (40_000).to_bytes(4, "little") + bytes(8) + b"[" * 20_000 + b"]" * 20_000,
        MAGIC + (2).to_bytes(4, "little") + bytes(8) + b"\xff\xff",
    ],
)
def test_a_wrong_message_is_a_sentence(message):
    import io  # noqa: PLC0415

    with pytest.raises(PlugInError):
        read_header(io.BytesIO(message))


def test_repairs_of_a_picture_without_colour_have_none(toy_model):
    grey = np.repeat(dusty(channels=0)[:, :, None], 3, axis=2)
    result = dsr_core.restore(grey, model=toy_model, provider="cpu")
    assert result.defects == 3
    assert (result.image == result.image[:, :, :1]).all()
