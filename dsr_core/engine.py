"""onnxruntime: which provider runs, one session, and its errors."""

import contextlib
import ctypes
import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import MEND_CUDA, DsrError
from dsr_core.models import ModelInfo, runtime_errors, tells_of_memory
from dsr_core.options import PROVIDERS
from dsr_core.providers import CARDS, label
from dsr_core.runtime import ort

_SHRINK = "memory.enable_memory_arena_shrinkage"


class ProviderError(DsrError):
    """The provider cannot run the model; another may."""


class OutOfMemoryError(Exception):
    """The provider could not hold the batch; a smaller one may do."""


def choose_provider(wanted: str) -> tuple[str, str]:
    """Return the provider that runs when ``wanted`` is asked for, and a note for the user or ``""``.

    Raises
    ------
    DsrError
        What was asked for cannot be loaded, or there is no such provider.
    """
    if wanted not in PROVIDERS:
        raise DsrError(f"There is no provider {wanted!r}; choose one of {', '.join(PROVIDERS)}.")
    if wanted == "cpu":
        return "cpu", ""
    name = "cuda" if wanted == "auto" else wanted  # what was never tried runs for those who ask for it
    fault = card_fault(name)
    if not fault:
        return name, ""
    what = f"{label(name)} could not be loaded ({fault})"
    if wanted != "auto":
        raise DsrError(f"{what}; put that right or choose the provider cpu.")
    return "cpu", f"{what}, running on the CPU"


def card_fault(name: str) -> str:
    """Return why one of `CARDS` does not run here, or ``""`` where it seems to."""
    if name == "cuda":
        return cuda_fault()
    card = CARDS[name]
    if card.execution in ort.get_available_providers():
        return ""
    mend = f"pip uninstall -y onnxruntime && pip install {card.package}"
    return f"this onnxruntime has no {card.label} in it; where there is one: {mend}"


def unasked(wanted: str) -> str:
    """Return the note that is of no concern where it was left to the filter where to run, or ``""``."""
    return choose_provider("auto")[1] if wanted == "auto" else ""


@cache
def cuda_fault() -> str:
    """Return why CUDA does not run here, or ``""`` where it does.

    onnxruntime lists CUDA even where its libraries are missing and then runs on the CPU unasked, so every
    link of the chain is tried by itself.
    """
    windows = sys.platform == "win32"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if windows else "libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver"
    if driver.cuInit(0) != 0:
        return "the NVIDIA driver finds no GPU"
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return f"this onnxruntime has no CUDA in it; run: {MEND_CUDA}"
    if not hasattr(ort, "preload_dlls"):
        return "this onnxruntime is older than 1.21"
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it did not find
        ort.preload_dlls()
    folder = Path(ort.__file__).parent / "capi"
    pattern = "onnxruntime_providers_{}.dll" if windows else "libonnxruntime_providers_{}.so"
    try:
        for part in ("shared", "cuda"):
            ctypes.CDLL(str(folder / pattern.format(part)), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return f"{error}; run: {MEND_CUDA}"
    return ""


class Engine:
    """A model loaded for one provider and one size of tiles.

    Parameters
    ----------
    model, provider
        What runs, and where.
    size
        Height and width of every batch: where they are known, onnxruntime adds within convolutions.

    Raises
    ------
    OutOfMemoryError
        The provider has no memory for the model.
    ProviderError
        onnxruntime refuses the model on this provider.
    """

    def __init__(self, model: ModelInfo, provider: str, size: tuple[int, int]) -> None:
        self.model = model
        self.provider = provider
        options = ort.SessionOptions()
        options.log_severity_level = 4  # errors are raised; onnxruntime would print them a second time
        options.intra_op_num_threads = _turns.threads
        options.enable_mem_pattern = False  # planning ahead takes half as much memory again, and no less time
        # threads that wait in a loop for their next operator would take the core from what runs beside
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        for name, side in zip(("height", "width"), size, strict=True):
            options.add_free_dimension_override_by_name(name, side)
        card = CARDS.get(provider)
        wanted: list[Any] = [(card.execution, dict(card.options))] if card else []
        with _understood(f"{model.path} cannot be run on {provider}"):
            self._session = ort.InferenceSession(
                str(model.path), options, providers=[*wanted, "CPUExecutionProvider"]
            )
        if card and card.execution not in self._session.get_providers():
            raise ProviderError(
                f"onnxruntime refused {card.label} for a reason it does not tell; the provider cpu may do."
            )

    def __call__(
        self, batch: NDArray[np.float32], *, last: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return ``repaired`` ``(N, 3, h, w)`` and ``damage`` ``(N, 1, h, w)`` for a batch ``(N, 3, h, w)``.

        After the ``last`` batch of an image the main memory that the network worked in is given back.

        Raises
        ------
        OutOfMemoryError
            The provider has not enough memory for a batch of this size.
        ProviderError
            Anything else that onnxruntime complains about.
        """
        with _understood(f"Model {self.model.name} failed on {self.provider}"), _turns.gate:
            options = ort.RunOptions()
            if last:
                options.add_run_config_entry(_SHRINK, "cpu:0")
            repaired, damage = self._session.run(["repaired", "damage"], {"image": batch}, options)
        return repaired, damage


class _Turns:
    """Who may run the network, and with how many threads; 0 is onnxruntime's own choice."""

    gate: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    threads = 0


_turns = _Turns()


def take_turns(gate: contextlib.AbstractContextManager[Any], threads: int) -> None:
    """Run the network only within ``gate``, which several processes share, and with so many threads."""
    _turns.gate, _turns.threads = gate, threads


@contextlib.contextmanager
def _understood(what: str) -> Iterator[None]:
    """Tell a lack of memory from onnxruntime's other complaints, which get a sentence."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemoryError from error
    except runtime_errors() as error:
        if tells_of_memory(error):
            raise OutOfMemoryError from error
        raise ProviderError(f"{what} ({error}); another provider may.") from error


_Key = tuple[ModelInfo, str, tuple[int, int]]
_kept: dict[_Key, Engine] = {}


def load_engine(model: ModelInfo, provider: str, size: tuple[int, int]) -> Engine:
    """Return the engine for a model, a provider and a size.

    The last one is kept, because loading takes time. It is let go before another is made: the memory may hold
    one, but not both.
    """
    key = (model, provider, size)
    found = _kept.get(key)
    if found is None:
        forget_engine()
        found = _kept[key] = Engine(*key)
    return found


def forget_engine() -> None:
    """Let go of the engine that is kept."""
    _kept.clear()
