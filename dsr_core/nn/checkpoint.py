"""Checkpoints: a U-Net's configuration, weights and history in one file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from dsr_core.atomic import write_all
from dsr_core.errors import DsrError
from dsr_core.nn.unet import Member, UNet, UNetConfig
from dsr_core.nn.weights import UNREADABLE, read_weights

FORMAT = "dsr-unet-1"


def save_checkpoint(path: str | Path, model: UNet, info: Mapping[str, str | int]) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path
        File to write; one that exists is replaced.
    model
        Its kernels are stored as float16, as in the exported model, if that holds them; all else as float32.
    info
        What the exported model will say about itself: name, version, loss, training_data, steps, licence,
        hardware.
    """
    weights = {key: _stored(value.detach().cpu()) for key, value in model.state_dict().items()}
    content = {"format": FORMAT, "config": asdict(model.config), "state_dict": weights, "info": dict(info)}
    write_all({Path(path): lambda temporary: torch.save(content, temporary)}, overwrite=True)


def _stored(value: torch.Tensor) -> torch.Tensor:
    """Return weights as they are stored: float16 ends at 65,504."""
    half = value.to(torch.float16)
    return half if value.ndim > 1 and bool(half.isfinite().all()) else value.to(torch.float32)


def _config(stored: Mapping[str, Any]) -> UNetConfig:
    members = (Member(_config(member["network"]), member["shrink"]) for member in stored.get("members", ()))
    return UNetConfig(**{**stored, "members": tuple(members)})


def load_checkpoint(path: str | Path) -> tuple[UNet, dict[str, str]]:
    """Return the U-Net of a checkpoint, in eval mode on the CPU, and what is said about it.

    Raises
    ------
    DsrError
        The file is missing, truncated, not a checkpoint, or of a later format.
    """
    content = read_weights(path)
    if content.get("format") != FORMAT:
        raise DsrError(
            f"'{path}' is not a checkpoint of format {FORMAT}; train one with `python -m training fit`."
        )
    try:
        model = UNet(_config(content["config"]))
        model.load_state_dict(content["state_dict"])
        info = {str(key): str(value) for key, value in content["info"].items()}
    except UNREADABLE as error:
        raise DsrError(f"The parts of checkpoint '{path}' do not fit together; train it again.") from error
    return model.eval(), info
