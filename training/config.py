"""One file is one training: the dataclasses behind ``training/configs/*.yaml``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from dsr_core.nn.unet import UNetConfig
from training.reading import STRICT, Changes, read_yaml, structure


@dataclass(frozen=True)
class Stage:
    """A stretch of training.

    Parameters
    ----------
    name
        Shown in the progress bar and the curves.
    steps
        Optimiser steps.
    crop, batch
        Side of the crops in pixels (a multiple of 16) and their number a step and device.
    learning_rate
        Peak of the stage's one-cycle schedule: linear warm-up over 5 %, then cosine to a fiftieth.
    freeze_encoder
        Train the decoder only.
    perceptual
        Weight of the perceptual loss; at 0, VGG is not even loaded.
    conditions
        Changes to the configuration's ``conditions``, in this stage only.
    """

    name: str
    steps: int
    crop: int = 128
    batch: int = 16
    learning_rate: float = 1e-3
    freeze_encoder: bool = False
    perceptual: float = 0.0
    conditions: Changes = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """A whole training.

    Parameters
    ----------
    name
        Of the run; its files go to ``runs/NAME`` unless told otherwise.
    version
        Of the model, written into its metadata.
    loss
        Variant of the perceptual loss: 1, 2 or 3.
    stages
        Run one after the other.
    network
        Fields of ``UNetConfig``.
    initial
        Checkpoint whose weights the training starts from.
    encoder_weights
        Weights that a resnet34 encoder starts from, as ``ResNet34Encoder.load_weights`` takes them.
    vgg
        Weights of the perceptual features, as ``VGGFeatures`` takes them.
    photos, damage_data
        Folders of clean photographs and of damage (None: procedural damage only).
    frames, validation_frames
        Numbers of the real frames for training and for validation.
    validation_photos
        Folder of photographs for validation.
    hard_negatives
        Table of ``python -m training mine``: places that an earlier model took for damage (see
        ``Conditions.hard``).
    conditions
        Changes to ``training.damage.Conditions``.
    seed
        Fixes the network's start, the plates and every batch.
    ema
        Decay of the moving average of the weights, which is what is exported.
    caution
        What is taken from the damage logit of the finished model, in nats: the training shows far more damage
        than film has, and what is clean must not be touched at the default sensitivity.
    weight_decay
        Of both halves of :class:`training.muon.Muon`, the orthogonal steps and AdamW's: a step takes this
        times the half's learning rate of each of its parameters.
    gradient_clip
        The largest norm of the gradient.
    validate_every, checkpoint_every
        In steps.
    training_data
        Photographs and damage, in words, for the model's metadata.
    licence
        Of the model.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str
    loss: Literal[1, 2, 3]
    stages: tuple[Stage, ...]
    photos: Path
    validation_photos: Path
    training_data: str
    version: str = "1"
    network: UNetConfig = field(default_factory=UNetConfig)
    initial: Path | None = None
    encoder_weights: str | None = None
    vgg: str = "imagenet"
    damage_data: Path | None = None
    frames: tuple[str, ...] = ("01", "03", "04", "05", "07")
    validation_frames: tuple[str, ...] = ("08", "10")
    hard_negatives: Path | None = None
    conditions: Changes = field(default_factory=dict)
    seed: int = 0
    ema: float = 0.999
    caution: float = 0.0
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    validate_every: int = 500
    checkpoint_every: int = 200
    licence: str = "MIT"

    @property
    def steps(self) -> int:
        """Length of the whole training in optimiser steps."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> tuple[Stage, float]:
        """Return the stage of a step, and how much of it lies behind, from 0 to 1."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step / stage.steps
            step -= stage.steps
        return self.stages[-1], 1.0


def load_config(path: Path) -> Config:
    """Read a YAML file; relative paths in it are relative to the working directory.

    A file may name another beside it as its ``base``: it then holds only what differs.

    Raises
    ------
    DsrError
        The file cannot be read, or a field or condition is unknown, missing or of the wrong kind.
    """
    return structure(Config, _read(path), path)


def _read(path: Path) -> dict[str, Any]:
    values = read_yaml(path)
    base = values.pop("base", None)
    return _read(path.parent / str(base)) | values if base else values
