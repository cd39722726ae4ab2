"""Examining an installation: versions, models, providers."""

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from dsr_core.errors import MEND, DsrError
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
_TWINS = ("onnxruntime", "onnxruntime-gpu")
_MODULES = {
    "numpy": "numpy",
    "cv2": "opencv-python-headless",
    "imagecodecs": "imagecodecs",
    "tifffile": "tifffile",
    "dsr_core.runtime": "onnxruntime",
}


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
    sound = True
    for finding in (*_twins(), *_imports()):
        sound &= finding.good
        yield finding
    if sound:
        yield from _models()


def cuda_fault() -> str:
    """Return why CUDA does not run here, or ``""`` where it does."""
    from dsr_core import engine  # noqa: PLC0415 -- it may not load; that is what this module finds out

    return engine.cuda_fault()


def _cards() -> list[str]:
    """Return the graphics cards that seem to run here."""
    from dsr_core.engine import card_fault  # noqa: PLC0415
    from dsr_core.providers import CARDS  # noqa: PLC0415

    return [name for name in CARDS if not card_fault(name)]


def _twins() -> Iterator[Finding]:
    """Say whether two distributions own one package."""
    found = []
    for package in _TWINS:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    if len(found) > 1:
        yield Finding(f"{' and '.join(found)} hide each other; run: {MEND}", good=False)


def _imports() -> Iterator[Finding]:
    """Try every package that the filter needs."""
    for module, package in _MODULES.items():
        try:
            import_module(module)
        except DsrError as error:
            yield Finding(str(error), good=False)
        except Exception as error:  # noqa: BLE001 -- a broken package may raise anything, and all of it is told
            mend = f"pip install --force-reinstall {package}"
            yield Finding(f"{module} does not load ({error}); run: {mend}", good=False)


def _models() -> Iterator[Finding]:
    """Look at the models, and run each on each provider."""
    models = list_models()
    if not models:
        yield Finding(f"no model in {models_folder()}; install the package again", good=False)
    for model in models:
        yield Finding(f"model {model.path.stem.removeprefix('model-')}: {model.name}, sha256 {model.sha256}")
    fault = cuda_fault()
    yield Finding(f"CUDA does not load: {fault}" if fault else "CUDA loads")
    for provider in ("cpu", *_cards()):
        for model in models:
            yield _try_tile(model, provider)


def _try_tile(model: ModelInfo, provider: str) -> Finding:
    import numpy as np  # noqa: PLC0415

    from dsr_core.engine import OutOfMemoryError, choose_provider, load_engine  # noqa: PLC0415

    side = -(-256 // model.multiple_of) * model.multiple_of
    tile = np.full((1, 3, side, side), 0.5, np.float32)
    try:
        choose_provider(provider)
        start = time.perf_counter()
        repaired, damage = load_engine(model, provider, (side, side))(tile)
        seconds = time.perf_counter() - start
    except OutOfMemoryError:
        return Finding(f"{model.name} on {provider}: there is too little memory", good=False)
    except DsrError as error:
        return Finding(f"{model.name} on {provider}: {error}", good=False)
    sane = bool(np.isfinite(repaired).all() and np.isfinite(damage).all())
    result = f"one tile of {side} pixels in {seconds:.2f} s" if sane else "gives values that are not numbers"
    return Finding(f"{model.name} on {provider}: {result}", good=sane)
