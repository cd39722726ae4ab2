"""Train VGG features on photographs: ``python -m training pretrain-vgg --photos FOLDER --output vgg.pt``.

For where ImageNet's weights cannot be had. A ``vgg16_bn`` looks at photographs degraded in several ways at
once and learns to say how much of each there is. To tell grain from blur from texture it has to learn what
photographs are made of, and its features answer to what a restoration may leave behind. (That distances in
the features of networks trained on other tasks than naming objects serve as well: Zhang et al., *The
Unreasonable Effectiveness of Deep Features as a Perceptual Metric*, 2018.)
"""

import argparse
import logging
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from dsr_core.atomic import check_free, write_all
from dsr_core.nn.vgg import RANDOM_SPREAD, normalise, vgg16_bn_features
from training.damage.film import blur, grain, jpeg, sharpen, smooth_noise
from training.photos import Photos, list_photos

log = logging.getLogger("training.pretrain_vgg")

DEGRADATIONS = ("blur", "grain", "jpeg", "sharpening", "contrast", "red", "blue", "specks", "lines", "holes")
"""What is recognised; each is absent in half of the pictures, else of a strength drawn from 0 to 1."""


ADAMW_DECAY = 1e-3
"""Weight decay of AdamW."""


def degrade(photos: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Degrade a batch in several ways at once.

    Parameters
    ----------
    photos
        ``(N, 3, H, W)`` in [0, 1], H and W multiples of 8.
    rng
        Generator on the photographs' device.

    Returns
    -------
    tuple[Tensor, Tensor]
        The degraded batch, and the strengths ``(N, len(DEGRADATIONS))`` in [0, 1].
    """
    n, _, height, width = photos.shape
    shape = (n, len(DEGRADATIONS))
    strength = torch.rand(shape, generator=rng, device=photos.device)
    strength = strength * (torch.rand(shape, generator=rng, device=photos.device) < 0.5)
    amount = dict(zip(DEGRADATIONS, strength.T, strict=True))

    def column(name: str) -> Tensor:
        values: Tensor = amount[name]
        return values[:, None, None, None]

    def cells(size: float) -> Tensor:
        return smooth_noise(n, 1, height, width, size, rng)

    image = blur(photos, 3 * amount["blur"])
    image = torch.lerp(image, image.mean((2, 3), keepdim=True), 0.7 * column("contrast"))
    gain = torch.stack([amount["red"], torch.zeros_like(amount["red"]), amount["blue"]], 1)
    image = image.clamp(min=1e-4) ** (1 - 0.5 * gain[..., None, None])
    shade = (torch.rand(n, 3, 1, 1, generator=rng, device=photos.device) < 0.5).float()
    for name, size in (("specks", 3), ("holes", 24)):
        where = cells(size) > 3.5 - 2 * column(name)
        image = torch.where(where & (column(name) > 0), shade, image)
    streaks = torch.randn(n, 1, 1, width, generator=rng, device=photos.device) > 3.5 - 2 * column("lines")
    image = torch.where(streaks & (column("lines") > 0), 0.5 * (image + shade), image)
    image = image + grain(image, 0.12 * amount["grain"], amount["grain"] * 0.8, amount["grain"], rng)
    image = sharpen(image, 2 * amount["sharpening"], 1 + amount["sharpening"]).clamp(0, 1)
    squeezed = jpeg(image, 95 - 85 * amount["jpeg"])
    return torch.where(column("jpeg") > 0, squeezed, image), strength


class Pretext(nn.Module):
    """``vgg16_bn`` features with a linear judge of the strengths behind each max-pool's input.

    Judging at every depth makes every map that the losses use carry something.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = vgg16_bn_features()
        widths = [layer.num_features for layer in self.features if isinstance(layer, nn.BatchNorm2d)]
        pooled = [widths[index] for index in (1, 3, 6, 9, 12)]
        self.judges = nn.ModuleList(nn.Linear(2 * width, len(DEGRADATIONS)) for width in pooled)

    def forward(self, image: Tensor) -> Tensor:
        """Map normalised images ``(N, 3, H, W)`` to the strengths ``(N, 5, len(DEGRADATIONS))`` judged."""
        judgements = []
        judges = iter(self.judges)
        x = image
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                flat = x.flatten(2).float()
                judgements.append(next(judges)(torch.cat([flat.mean(2), flat.std(2)], 1)))
            x = layer(x)
        return torch.stack(judgements, 1)


def pretrain(
    photos: Photos, *, steps: int, batch: int, crop: int, device: torch.device, seed: int = 0
) -> tuple[nn.Sequential, float]:
    """Train the features; return them, on the CPU and ready for the losses, and the last error.

    Parameters
    ----------
    photos
        Where crops come from, on ``device``.
    steps, batch, crop
        Length, pictures a step, and their side in pixels (a multiple of 16).
    device
        Where to train.
    seed
        Fixes the start and every batch.

    Returns
    -------
    tuple[nn.Sequential, float]
        The features, and the mean squared error of the strengths over the last tenth of the steps (a judge
        that always gives the mean has 0.1).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Pretext()
    net = net.to(device).to(memory_format=torch.channels_last)
    rng = torch.Generator(device).manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=ADAMW_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=1e-3, total_steps=steps, pct_start=0.1)
    errors: list[float] = []
    started = perf_counter()
    for step in range(steps):
        image, strength = degrade(photos.crops(batch, crop, (0.3, 0.9), rng), rng)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            judged = net(normalise(image).contiguous(memory_format=torch.channels_last))
        loss = F.mse_loss(judged, strength[:, None].expand_as(judged))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        errors.append(loss.detach().item())
        if (step + 1) % 100 == 0:
            rate = (step + 1) / (perf_counter() - started)
            log.info("step %d  error %.4f  %.1f steps/s", step + 1, sum(errors[-100:]) / 100, rate)
    recent = errors[-max(1, steps // 10) :]
    return rebalanced(net.features.cpu().eval()), sum(recent) / len(recent)


def rebalanced(features: nn.Sequential) -> nn.Sequential:
    """Give each map the spread of the random features; what follows sees no difference.

    Batch norm's outputs are scaled down and the next convolution's weights up, which a ReLU and a max-pool
    between them let through.
    """
    factor = 1.0
    with torch.no_grad():
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                layer.weight.div_(factor)
            elif isinstance(layer, nn.BatchNorm2d):
                factor = RANDOM_SPREAD / float(layer.weight.square().mean().sqrt())
                layer.weight.mul_(factor)
                layer.bias.mul_(factor)
    return features


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--output", type=Path, required=True, help="weights file to write (29 MB)")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--crop", type=int, default=128, help="side of the pictures, a multiple of 16")
    parser.add_argument("--seed", type=int, default=0)


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    check_free([args.output], overwrite=False)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    photos = Photos(list_photos(args.photos), device)
    features, error = pretrain(
        photos, steps=args.steps, batch=args.batch, crop=args.crop, device=device, seed=args.seed
    )
    state = {key: value.half() for key, value in features.state_dict().items() if value.is_floating_point()}
    counters = {key: value for key, value in features.state_dict().items() if key not in state}
    write_all({args.output: lambda path: torch.save(state | counters, path)}, overwrite=False)
    return f"{args.output} (error {error:.4f})"
