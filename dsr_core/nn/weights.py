"""Reading files of weights, and torchvision's own from its cache or the network."""

import pickle
from pathlib import Path
from typing import Any

import torch

from dsr_core.errors import DsrError

UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    pickle.PickleError,
)
"""What torch may raise on a file that is damaged or holds something else."""


def read_weights(path: str | Path) -> dict[str, Any]:
    """Return the dictionary of tensors and plain values that a file holds; nothing in it is executed.

    Raises
    ------
    DsrError
        The file is missing, truncated, or holds anything else.
    """
    if not Path(path).is_file():
        raise DsrError(f"There is no file '{path}'; give the path of a file that torch.save wrote.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise DsrError(
            f"'{path}' is damaged or was not written by torch.save; get or make it again."
        ) from error
    if not isinstance(content, dict):
        raise DsrError(f"'{path}' holds no weights but a {type(content).__name__}; give another file.")
    return content


def imagenet_weights(url: str) -> Path:
    """Return the path of a weights file of torchvision's, downloaded once into torch's own cache.

    Raises
    ------
    DsrError
        It is not in the cache and cannot be downloaded; the message says where to put it.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not path.is_file():
        checksum = path.stem.rpartition("-")[2]  # torchvision's file names end in the start of their SHA-256
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=checksum, progress=False)
        except (OSError, RuntimeError) as error:
            raise DsrError(
                f"The ImageNet weights could not be downloaded ({error}); put {url} at '{path}' or name a "
                "weights file of your own (for VGG features, 'random:0' will do too)."
            ) from error
    return path
