"""Train a model: ``python -m training fit --config training/configs/model-3.yaml``.

A run can be killed at any time: started again with the same command, it goes on from its last checkpoint, and
with the batches it would have seen.
"""

import argparse
import platform
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger

from dsr_core.nn.checkpoint import load_checkpoint
from dsr_core.nn.weights import read_weights
from training.config import Config, load_config
from training.precision import multiplies_bfloat16
from training.restorer import Restorer


class Throughput(Callback):
    """Log how many megapixels a second the training takes in."""

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.pixels = 0
        self.started = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: tuple[int, Any], index: int
    ) -> None:
        """Start the clock at the first step, which pays for warming up, so leave that one out."""
        del trainer, module, batch
        if index == 1:
            self.started, self.pixels = perf_counter(), 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        outputs: Any,
        batch: tuple[int, Any],
        index: int,
    ) -> None:
        """Count the step's pixels, on all devices."""
        del outputs
        assert isinstance(module, Restorer)  # noqa: S101 - tells the type checker
        stage, _ = module.config.stage_at(batch[0])
        self.pixels += stage.batch * stage.crop**2 * trainer.world_size
        if index and index % self.every == 0:
            rate = self.pixels / 1e6 / (perf_counter() - self.started)
            module.log("train/megapixels_per_second", rate, prog_bar=True)
            self.started, self.pixels = perf_counter(), 0


def _precision() -> str:
    """bfloat16 where the hardware multiplies it: GPUs, and CPUs with AMX or AVX512-BF16."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return "bf16-mixed" if multiplies_bfloat16(device) else "32-true"


def fit(config: Config, folder: Path, *, max_time: timedelta | None = None, **trainer_options: Any) -> Path:
    """Train until the stages or the time end; return the path of the model written.

    Parameters
    ----------
    config
        What to train.
    folder
        Where curves, checkpoints (``last.ckpt``) and the model (``model.pt``) go; a ``last.ckpt`` there is
        resumed.
    max_time
        When to stop; the next call goes on.
    **trainer_options
        Passed to ``lightning.pytorch.Trainer``.

    Raises
    ------
    DsrError
        ``last.ckpt``, or what the configuration starts from, is damaged or holds more than data.
    """
    last = folder / "last.ckpt"
    if last.exists():
        read_weights(last)
    module = Restorer(config)
    if config.initial is not None:
        initial, info = load_checkpoint(config.initial)
        module.net.load_state_dict(initial.state_dict())
        module.earlier_steps = int(info.get("steps", 0))
    options: dict[str, Any] = {
        "accelerator": "auto",
        "devices": "auto",
        "precision": _precision(),
        "gradient_clip_val": config.gradient_clip,
        "log_every_n_steps": 20,
        "val_check_interval": config.validate_every,
        "num_sanity_val_steps": 0,
    } | trainer_options
    if torch.cuda.device_count() > 1:
        options["strategy"] = "ddp_find_unused_parameters_true"  # a frozen encoder has no gradients
    trainer = pl.Trainer(
        max_steps=config.steps,
        max_epochs=1,
        logger=TensorBoardLogger(folder, name=None, version="curves"),
        callbacks=[
            ModelCheckpoint(folder, filename="last", every_n_train_steps=config.checkpoint_every,
                            save_on_train_epoch_end=False, enable_version_counter=False),
            Throughput(),
            *([Timer(max_time)] if max_time else []),
        ],
        **options,
    )  # fmt: skip
    trainer.fit(module, ckpt_path=last if last.exists() else None, weights_only=True)
    trainer.save_checkpoint(last)
    model = folder / "model.pt"
    if trainer.is_global_zero:
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine() + " CPU"
        module.save_model(model, f"{trainer.world_size} x {device}")
    return model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--config", type=Path, required=True, help="a YAML file such as training/configs/model-3.yaml"
    )
    parser.add_argument("--output-dir", type=Path, help="default: runs/NAME; a run found there is resumed")
    parser.add_argument(
        "--max-time", type=_duration, metavar="DD:HH:MM:SS", help="stop after this time; start again to go on"
    )
    parser.add_argument("--initial", type=Path, help="start from the weights of this checkpoint")
    parser.add_argument("--devices", default="auto", help="number of devices (default: all)")
    parser.add_argument("--nodes", type=int, default=1, help="number of machines")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    config = load_config(args.config)
    if args.initial:
        config = replace(config, initial=args.initial)
    folder = args.output_dir or Path("runs") / config.name
    return str(fit(config, folder, max_time=args.max_time, devices=args.devices, num_nodes=args.nodes))


def _duration(text: str) -> timedelta:
    days, hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
