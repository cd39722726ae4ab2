"""Finding model files and reading their metadata."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dsr_core.errors import DsrError
from dsr_core.onnx_file import has_external_data

MODEL_NAMES = ("fast", "1", "2", "3")
"""What may ship: a small model in 8 bits, for CPUs, and a large one trained with each of the losses."""

_MEMORY_WORDS = (
    "out of memory",
    "failed to allocate",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    "pthread_create failed",
)
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class ModelInfo:
    """A model file and its metadata.

    Parameters
    ----------
    path
        The ONNX file.
    name, version, loss
        Free text from the training.
    multiple_of
        Height and width of the network's input must be multiples of this many pixels.
    margin
        What lies this many pixels away changes a result by less than the project's tolerance.
    metadata
        Every property in the file, these included.
    sha256
        Checksum of the file, hexadecimal.
    """

    path: Path
    name: str
    version: str
    loss: str
    multiple_of: int
    margin: int
    metadata: dict[str, str]
    sha256: str

    def __hash__(self) -> int:
        """Hash by content, so that a model can be the key of a cache."""
        return hash((self.path, self.sha256))


def models_folder() -> Path:
    """Return the folder of the shipped models: inside the installed package, beside it in a source tree."""
    inside = _HERE / "onnx_models"
    return inside if inside.is_dir() else _HERE.parent / "onnx_models"


def find_model(model: str | Path = "3") -> ModelInfo:
    """Return the description of a model.

    Parameters
    ----------
    model
        ``"1"``, ``"2"``, ``"3"`` or ``"fast"`` for a model that ships with the package, else the path of an
        ONNX file.

    Raises
    ------
    DsrError
        There is no such file, or it is not a model of this kind.
    """
    if str(model) in MODEL_NAMES:
        path = models_folder() / f"model-{model}.onnx"
        if not path.is_file():
            there = ", ".join(info.name for info in list_models()) or "none"
            raise DsrError(
                f"Model {model} is not part of this installation (there: {there}); choose another one."
            )
    else:
        path = Path(model).expanduser().resolve()
        if not path.is_file():
            raise DsrError(f"There is no model {model}; use fast, 1, 2, 3 or the path of an .onnx file.")
    stat = path.stat()
    return _read_info(path, stat.st_mtime_ns, stat.st_size)


def list_models() -> list[ModelInfo]:
    """Return the models that ship with the package, from the least to the best."""
    return [find_model(name) for name in installed_names()]


def installed_names() -> list[str]:
    """Return the names of the models that ship with the package, from the least to the best."""
    return [name for name in MODEL_NAMES if (models_folder() / f"model-{name}.onnx").is_file()]


@lru_cache(maxsize=16)
def _read_info(path: Path, _mtime_ns: int, _size: int) -> ModelInfo:
    """Read a file's metadata; its time and size make the cache forget a file that was replaced."""
    from dsr_core.runtime import ort  # noqa: PLC0415 -- half a second that `import dsr_core` need not cost

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        content = path.read_bytes()
        _refuse_external_data(path, content)
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise DsrError(f"{path} cannot be read ({error.strerror}); check the file's permissions.") from error
    except runtime_errors() as error:
        if tells_of_memory(error):
            raise DsrError(
                f"There is too little memory for {path}; close other programs and try again."
            ) from error
        raise _no_model(path) from error
    faults = _face_faults(session)
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    try:
        multiple_of, margin = int(metadata["multiple_of"]), int(metadata["margin"])
    except (KeyError, ValueError):
        faults.append("no multiple_of and margin in its metadata")
        multiple_of, margin = 1, 0
    if multiple_of < 1 or margin < 0:
        faults.append("a senseless multiple_of or margin")
    if faults:
        raise DsrError(
            f"{path} is not a model for this filter ({'; '.join(faults)}); use `dsr-core export-onnx`."
        )
    return ModelInfo(
        path=path,
        name=metadata.get("name", path.stem),
        version=metadata.get("version", ""),
        loss=metadata.get("loss", ""),
        multiple_of=multiple_of,
        margin=margin,
        metadata=metadata,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _refuse_external_data(path: Path, content: bytes) -> None:
    """Refuse a model that makes onnxruntime read other files, which its author could choose."""
    try:
        outside = has_external_data(content)
    except ValueError as error:
        raise _no_model(path) from error
    if outside:
        raise DsrError(
            f"{path} keeps its weights in another file, which is not read; save it with them inside."
        )


def _no_model(path: Path) -> DsrError:
    return DsrError(f"{path} is damaged or not an ONNX model; export or download it again.")


def _face_faults(session: Any) -> list[str]:
    """Say what is missing from the interface that every model shares."""
    inputs = {node.name for node in session.get_inputs()}
    outputs = {node.name for node in session.get_outputs()}
    faults = []
    if inputs != {"image"}:
        faults.append(f"its inputs are {sorted(inputs)}, not image")
    if not {"repaired", "damage"} <= outputs:
        faults.append(f"its outputs are {sorted(outputs)}, not repaired and damage")
    return faults


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return the errors onnxruntime raises for a file that is no model; they share no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.NoModel,
        state.NotImplemented,
        state.RuntimeException,
        RuntimeError,
    )


def tells_of_memory(error: Exception) -> bool:
    """Return whether onnxruntime complains about too little memory."""
    return any(word in str(error).lower() for word in _MEMORY_WORDS)
