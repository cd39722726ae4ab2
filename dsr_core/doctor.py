"""Looking over an installation: versions, models, providers."""

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from dsr_core.engine import choose_provider, cuda_fault, load_engine
from dsr_core.errors import DsrError
from dsr_core.models import ModelInfo, list_models, models_folder

_PACKAGES = (
    "dust-scratch-removal",
    "numpy",
    "opencv-python-headless",
    "tifffile",
    "imagecodecs",
    "onnxruntime",
    "onnxruntime-gpu",
)
_OPTIONAL = ("torch", "napari")


@dataclass(frozen=True)
class Finding:
    """One line of the report, and whether the filter can work in spite of it."""

    text: str
    good: bool = True


def examine() -> Iterator[Finding]:
    """Yield one finding after another, each as soon as it is known."""
    yield Finding(f"Python {platform.python_version()} on {platform.platform()}")
    for package in (*_PACKAGES, *_OPTIONAL):
        try:
            yield Finding(f"{package} {version(package)}")
        except PackageNotFoundError:
            if package in _OPTIONAL:
                yield Finding(f"{package} is not installed (optional)")
    models = list_models()
    if not models:
        yield Finding(f"no model in {models_folder()}; install the package again", good=False)
    for model in models:
        yield Finding(f"model {model.path.stem.removeprefix('model-')}: {model.name}, sha256 {model.sha256}")
    fault = cuda_fault()
    yield Finding(f"CUDA does not load: {fault}" if fault else "CUDA loads")
    for provider in ("cpu",) if fault else ("cpu", "cuda"):
        for model in models:
            yield _try_tile(model, provider)


def _try_tile(model: ModelInfo, provider: str) -> Finding:
    side = -(-256 // model.multiple_of) * model.multiple_of
    tile = np.full((1, 3, side, side), 0.5, np.float32)
    try:
        choose_provider(provider)
        start = time.perf_counter()
        repaired, damage = load_engine(model, provider, (side, side))(tile)
        seconds = time.perf_counter() - start
    except DsrError as error:
        return Finding(f"{model.name} on {provider}: {error}", good=False)
    sane = bool(np.isfinite(repaired).all() and np.isfinite(damage).all())
    result = f"one tile of {side} pixels in {seconds:.2f} s" if sane else "gives values that are not numbers"
    return Finding(f"{model.name} on {provider}: {result}", good=sane)
