"""Train against the clock: ``python -m training sprint --plan FILE.yaml --data DATA.tar --output-dir DIR``.

The plan is a list of legs, each a network trained for a number of seconds; its rate is annealed when they
end. For a GPU at hand for a few minutes, and for CPU cores over long hours. Batches are made beside the
training: on a stream of their own, or in a process. On a GPU a whole step is recorded as a graph, since a
step of many small kernels otherwise waits for Python. Each leg ends in ``LEG.pt``, the averaged network,
written every two minutes as well; ``log.jsonl`` holds what was measured.
"""

import argparse
import copy
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from dsr_core.nn.checkpoint import load_checkpoint, save_checkpoint
from dsr_core.nn.losses import PerceptualLoss
from dsr_core.nn.unet import UNet, ensemble, parts
from dsr_core.nn.vgg import VGGFeatures
from training.damage import Triplet
from training.maker import Maker
from training.mine import mine_half
from training.pack import Data, unpack
from training.plan import Leg, checkpoint, choose, read_plan
from training.precision import autocast
from training.runner import Runner, recalibrate
from training.validation import measure

log = logging.getLogger("training.sprint")

SAVE_EVERY = 120.0  # seconds
REPORTS = 16  # measurements in a leg
RECALIBRATION = 60  # batches for the statistics of an averaged network


@torch.no_grad()
def assess(net: UNet, truth: Triplet) -> dict[str, float]:
    """Measure a network in eval mode on a fixed batch."""
    net.eval()
    outputs = []
    for part in truth.damaged.split(4):
        with autocast(part.device):
            outputs.append(net(part.contiguous(memory_format=torch.channels_last)))
    residual, logit = (torch.cat(parts).float() for parts in zip(*outputs, strict=True))
    found = measure(residual, logit, truth)
    shown = ("average_precision", "f1", "false_alarms", "psnr_inside", "psnr")
    return {name: round(found[name], 5) for name in shown}


class LegRun:
    """One leg under way.

    Parameters
    ----------
    leg
        What to do.
    data
        Photographs and simulators.
    folder
        Of all legs' checkpoints.
    device
        Where it trains.
    vgg
        Weights of the perceptual features, as ``VGGFeatures`` takes them.
    seed
        With the step's number, fixes every batch.
    """

    def __init__(
        self, leg: Leg, data: Data, folder: Path, device: torch.device, vgg: str | Path, seed: int = 0
    ) -> None:
        self.leg, self.data, self.device, self.seed = leg, data, device, seed
        self.output = folder / f"{leg.name}.pt"
        self.steps_before = 0
        net = self._network(folder).to(device).to(memory_format=torch.channels_last)
        judge = PerceptualLoss(leg.loss, VGGFeatures(vgg)).to(device) if leg.loss else None
        self.runner = Runner(net.train(), judge)
        self.early = data.simulator.with_conditions(**leg.conditions)
        self.late = self.early.with_conditions(**leg.late_conditions)
        self.truth = data.validation(leg.conditions)
        self.maker = Maker(self.make, device)

    def _network(self, folder: Path) -> UNet:
        if self.leg.initial:
            net, known = load_checkpoint(checkpoint(self.leg, folder))
            self.steps_before = int(known.get("steps", 0))
            net.config = replace(net.config, caution=0.0)
            if self.leg.members:
                others = [
                    (load_checkpoint(member.checkpoint)[0], member.shrink, member.share)
                    for member in self.leg.members
                ]
                net = ensemble(net, others)
            net.members.requires_grad_(self.leg.together)
            if self.leg.decoder:
                net.freeze_encoder()
            return net
        torch.manual_seed(self.seed)
        return UNet(self.leg.network)

    def make(self, step: int, progress: float) -> Triplet:
        """Make the batch of a step at a progress of 0 to 1."""
        rng = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + self.steps_before + step)
        simulator = self.late if progress >= self.leg.late else self.early
        c = simulator.conditions
        return simulator(
            self.data.photos.crops(self.leg.batch, self.leg.crop, c.photo_scale, rng, c.hard), rng
        )

    def train(self, say: Callable[..., None]) -> Path:
        """Train until the time is over, and return the checkpoint; ``say`` is called with what to log."""
        leg, runner, maker = self.leg, self.runner, self.maker
        first = self.make(0, 0.0)
        runner.weigh([self.make(step, 0.0) for step in range(6)] if leg.loss else [])
        start = assess(runner.average, self.truth)
        say(leg=leg.name, start=start, weight=runner.weight, **runner.record(first))
        begun = time.perf_counter()
        maker.start(begun, leg.seconds)
        reports = rounds = 0
        saved = 0.0
        while (elapsed := time.perf_counter() - begun) < leg.seconds:
            progress = elapsed / leg.seconds
            if rounds < leg.mine and progress > (rounds + 0.5) / (leg.mine + 1):
                rounds += 1
                mine_half(self.finished(), self.data.photos, rounds, self.device)
                maker.renew()
                places = self.data.photos.places
                say(leg=leg.name, mined=0 if places is None else len(places))
            if progress >= leg.settle and not runner.settled:
                runner.settle(self.some() if leg.settle else [])
                say(leg=leg.name, settled=round(progress, 3), **runner.record(first))
            runner.set_rate(rate(leg, progress))
            runner.step(maker.get())
            if progress * REPORTS > reports:
                reports = int(progress * REPORTS) + 1
                self.report(say, elapsed)
            if elapsed - saved > SAVE_EVERY:
                saved = elapsed
                self.save(runner.average)
        last = self.finished()
        maker.stop()
        self.save(last)
        say(leg=leg.name, step=runner.steps, end=assess(last, self.truth))
        return self.output

    def finished(self) -> UNet:
        """Return the averaged network; its norms' statistics are its own, or the settled ones."""
        net = copy.deepcopy(self.runner.average)
        if not self.runner.settled:
            recalibrate(net, self.some())
        return net

    def some(self) -> list[Tensor]:
        """Return damaged pictures enough for statistics, in batches."""
        return [self.maker.get().damaged for _ in range(RECALIBRATION)]

    def save(self, net: UNet) -> None:
        """Write a network as the leg's checkpoint, and the parts of an ensemble that is trained together."""
        leg = self.leg
        info = {
            "name": leg.name,
            "loss": f"perceptual {leg.loss}" if leg.loss else "mask and mean absolute error",
            "steps": str(self.steps_before + self.runner.steps),
            "hardware": _hardware(self.device),
            "licence": "MIT",
        }
        save_checkpoint(self.output, net, info | leg.info)
        if leg.together:
            for number, part in enumerate(parts(net, [member.share for member in leg.members])):
                save_checkpoint(self.output.with_stem(f"{leg.name}-{number}"), part, info | leg.info)

    def report(self, say: Callable[..., None], elapsed: float) -> None:
        """Say how far the leg is, how fast, and how good."""
        runner, leg = self.runner, self.leg
        pixels = runner.steps * leg.batch * leg.crop**2 / 1e6
        facts = {"step": runner.steps, "progress": round(elapsed / leg.seconds, 3)}
        facts |= {"loss": round(runner.loss.item(), 4), "megapixels": round(pixels)}
        per_second = round(pixels / max(elapsed, 1e-9), 2)
        say(leg=leg.name, **facts, per_second=per_second, **assess(runner.average, self.truth))


def rate(leg: Leg, progress: float) -> float:
    """Return the learning rate: a short rise, then half a cosine down to a hundredth."""
    rise = min(1.0, progress / leg.warm + 0.01)
    return leg.rate * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def _hardware(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--plan", type=Path, required=True, help="such as training/configs/sprint.yaml")
    parser.add_argument("--data", type=Path, required=True, help="archive that `pack` wrote")
    parser.add_argument("--output-dir", type=Path, required=True, help="where checkpoints and the log go")
    parser.add_argument("--vgg", default="imagenet", help="weights of the perceptual features")
    parser.add_argument("--legs", nargs="+", default=[], help="only these legs of the plan")
    parser.add_argument("--seed", type=int, default=0, help="another seed shows other batches")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    begun = time.perf_counter()
    legs = choose(read_plan(args.plan), args.legs, args.output_dir)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    data = unpack(args.data, device)
    with (args.output_dir / "log.jsonl").open("a") as file:

        def say(**facts: object) -> None:
            line = json.dumps({"t": round(time.perf_counter() - begun, 1), **facts})
            log.info("%s", line)
            file.write(line + "\n")
            file.flush()

        say(device=_hardware(device), photos=len(data.photos.atlas), legs=[leg.name for leg in legs])
        written = [LegRun(leg, data, args.output_dir, device, args.vgg, args.seed).train(say) for leg in legs]
    return "\n".join(map(str, written))
