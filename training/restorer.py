"""The network in training: its batches, the step, the average of its weights, and its measurements."""

import copy
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from dsr_core.nn.checkpoint import save_checkpoint
from dsr_core.nn.losses import PerceptualLoss
from dsr_core.nn.unet import UNet
from dsr_core.nn.vgg import VGGFeatures
from training.config import Config
from training.damage import FilmDamage, Triplet
from training.losses import perceptual_term, repair_terms
from training.mine import read_places
from training.muon import Muon
from training.photos import Photos, list_photos
from training.validation import measure

VALIDATION_CROPS, VALIDATION_SIZE = 24, 256


class Batches(torch.utils.data.IterableDataset[tuple[int, Any]]):
    """Make the batches of steps: pairs of the step's number and what ``make`` returns for it."""

    def __init__(self, make: Callable[[int], Any], steps: range) -> None:
        self.make = make
        self.steps = steps

    def __iter__(self) -> Any:
        return ((step, self.make(step)) for step in self.steps)


class Restorer(pl.LightningModule):
    """The U-Net in training.

    Every random number of step ``k`` comes from a generator seeded with ``(seed, k, rank)``: a run that was
    killed and resumed sees the batches it would have seen.

    Parameters
    ----------
    config
        The whole training.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.earlier_steps = 0  # of the training that the weights come from
        torch.manual_seed(config.seed)
        self.net = UNet(config.network).to(memory_format=torch.channels_last)
        if config.encoder_weights:
            self.net.load_encoder(config.encoder_weights)
        self.ema = AveragedModel(self.net, multi_avg_fn=self._average)
        self.perceptual: PerceptualLoss | None = None
        if any(stage.perceptual for stage in config.stages):
            self.perceptual = PerceptualLoss(config.loss, VGGFeatures(config.vgg))

    @torch.no_grad()
    def _average(self, averages: Any, weights: Any, count: Tensor | int) -> None:
        # the first weights are soon forgotten
        decay = min(self.config.ema, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averages, weights, 1 - decay)  # as torch's own averages do it

    def setup(self, stage: str) -> None:  # noqa: ARG002 - Lightning's signature
        """Load the photographs and draw the plates, on the training device."""
        c = self.config
        paths = list_photos(c.photos)
        places = read_places(c.hard_negatives, paths) if c.hard_negatives else None
        self.photos = Photos(paths, self.device, places)
        base = FilmDamage.build(c.damage_data, c.frames, seed=c.seed, device=self.device)
        self.simulator = base.with_conditions(**c.conditions)
        validation = FilmDamage.build(c.damage_data, c.validation_frames, seed=c.seed + 1, device=self.device)
        photos = Photos(list_photos(c.validation_photos)[:VALIDATION_CROPS], self.device)
        rng = self._rng(-1)
        crops = photos.crops(VALIDATION_CROPS, VALIDATION_SIZE, (0.4, 0.9), rng)
        self.validation = validation(crops, rng)

    def _rng(self, step: int) -> torch.Generator:
        seed = (self.config.seed * 1_000_003 + step + 1) * 64 + self.global_rank
        return torch.Generator(self.device).manual_seed(seed)

    def train_dataloader(self) -> Any:
        """Return the batches of the steps still to do: made on the GPU itself, or on a CPU core beside."""
        batches = Batches(self.batch, range(self.global_step, self.config.steps))
        if self.device.type == "cpu" and sys.platform == "linux" and (os.cpu_count() or 1) > 1:
            # forked: the photographs are there without being sent
            return torch.utils.data.DataLoader(
                batches, batch_size=None, num_workers=1, multiprocessing_context="fork"
            )
        return torch.utils.data.DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> Any:
        """Return one entry: the validation batch is fixed and already on the device."""
        return torch.utils.data.DataLoader(Batches(lambda _: self.validation, range(1)), batch_size=None)

    def batch(self, step: int) -> Triplet:
        """Make the batch of a step."""
        stage, _ = self.config.stage_at(step)
        rng = self._rng(step)
        simulator = self.simulator.with_conditions(**stage.conditions)
        conditions = simulator.conditions
        photos = self.photos.crops(stage.batch, stage.crop, conditions.photo_scale, rng, conditions.hard)
        return simulator(photos, rng)

    def training_step(self, numbered: tuple[int, Triplet], _: int) -> Tensor:
        """Run the network on a batch, return the loss."""
        step, truth = numbered
        stage, _progress = self.config.stage_at(step)
        self.net.freeze_encoder(stage.freeze_encoder)
        image = truth.damaged.contiguous(memory_format=torch.channels_last)
        residual, logit = (out.float() for out in self.net(image))
        terms = repair_terms(image, residual, logit, truth)
        if stage.perceptual and self.perceptual is not None:
            judged = perceptual_term(self.perceptual, image, residual, logit, truth)
            terms["perceptual"] = stage.perceptual * judged
        loss = torch.stack(list(terms.values())).sum()
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        self.log("train/loss", loss.detach())
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Move the average of the weights with them: later, a checkpoint would already have been written."""
        super().optimizer_step(*args, **kwargs)
        self.ema.update_parameters(self.net)

    def validation_step(self, numbered: tuple[int, Triplet], _: int) -> None:
        """Measure the averaged weights on the fixed batch: PSNR inside the damage, F1, false alarms."""
        _step, truth = numbered
        image = truth.damaged.contiguous(memory_format=torch.channels_last)
        outputs = [self.ema(part) for part in image.split(4)]
        residual, logit = (torch.cat(parts).float() for parts in zip(*outputs, strict=True))
        measures = {f"val/{name}": value for name, value in measure(residual, logit, truth).items()}
        self.log("val/f1", measures.pop("val/f1"), prog_bar=True, batch_size=1)
        self.log_dict(measures, batch_size=1)
        board = getattr(self.logger, "experiment", None)
        if board is not None and hasattr(board, "add_image"):
            probability = torch.sigmoid(logit)
            composite = torch.where(probability > 0.5, (image + residual).clamp(0, 1), image)
            maps = [part.expand_as(image) for part in (probability, truth.mask.float())]
            shown = [image, composite, truth.clean, *maps]
            panel = torch.cat([torch.cat(list(part[:6]), dim=2) for part in shown], dim=1).float().cpu()
            board.add_image("val/damaged, restored, clean, found, true", panel, self.global_step)

    def configure_optimizers(self) -> Any:
        """Muon, its rate set at every step from the stage's schedule."""
        optimizer = Muon(self.net, self.net.heads(), lr=1.0, weight_decay=self.config.weight_decay)

        def rate(step: int) -> float:
            stage, progress = self.config.stage_at(step)
            warm_up = min(1.0, (progress + 1 / stage.steps) / 0.05)
            cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2
            return stage.learning_rate * warm_up * cosine

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out the frozen VGG: it is loaded from its own file."""
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {k: v for k, v in state.items() if not k.startswith("perceptual.")}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the frozen VGG back."""
        own = {k: v for k, v in self.state_dict().items() if k.startswith("perceptual.")}
        checkpoint["state_dict"].update(own)

    def save_model(self, path: Path, hardware: str) -> None:
        """Write the averaged weights as a checkpoint that ``dsr-core export-onnx`` takes."""
        c = self.config
        info = {
            "name": c.name,
            "version": c.version,
            "loss": f"perceptual {c.loss}",
            "training_data": c.training_data,
            "steps": str(self.earlier_steps + self.global_step),
            "licence": c.licence,
            "hardware": hardware,
        }
        net = copy.deepcopy(self.ema.module)
        net.config = replace(c.network, caution=c.caution)  # type: ignore[assignment]
        save_checkpoint(path, net, info)  # type: ignore[arg-type]
