"""The steps of a training against the clock: network, average, optimiser, and a graph that replays them."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dsr_core.nn.losses import PerceptualLoss
from dsr_core.nn.unet import UNet
from training.damage import Triplet
from training.losses import perceptual_term, repair_terms
from training.muon import Muon
from training.precision import autocast

AVERAGE = 0.999
"""Decay of the moving average of the weights."""

WEIGHT_DECAY = 1e-4
"""Of both halves of Muon."""


class Runner:
    """The steps of one leg: network, average, optimiser, and the graph that replays them.

    Parameters
    ----------
    net
        Network in train mode, on its device.
    judge
        Perceptual loss, or None.
    """

    def __init__(self, net: UNet, judge: PerceptualLoss | None) -> None:
        self.net, self.judge = net, judge
        self.average = copy.deepcopy(net).requires_grad_(requires_grad=False)
        self.optimizer = Muon(net, net.heads(), lr=1.0, weight_decay=WEIGHT_DECAY)
        device = next(net.parameters()).device
        self.rate = torch.zeros((), device=device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate if group["orthogonal"] else torch.zeros((), device=device)
        self.weight = 0.0  # of the perceptual term
        self.steps = 0
        self.settled = False
        self.graph: Any = None
        self.static: Triplet | None = None
        self.loss = torch.zeros((), device=device)

    def terms(self, truth: Triplet) -> tuple[Tensor, Tensor]:
        """Return the sum of the repair terms, and the perceptual term before it is weighed."""
        image = truth.damaged.contiguous(memory_format=torch.channels_last)
        with autocast(image.device, cached=False):
            residual, logit = self.net(image)
        residual, logit = residual.float(), logit.float()
        base = torch.stack(list(repair_terms(image, residual, logit, truth).values())).sum()
        if self.judge is None:
            return base, base.new_zeros(())
        with autocast(image.device):
            return base, perceptual_term(self.judge, image, residual, logit, truth)

    def weigh(self, batches: Sequence[Triplet]) -> None:
        """Set the weight of the perceptual term so that it begins half as large as the others together."""
        if self.judge is None:
            return
        training = self.net.training
        self.net.eval()  # looking at batches must not move the norms' statistics
        with torch.no_grad():
            base, perceptual = (sum(terms) for terms in zip(*map(self.terms, batches), strict=True))
        self.net.train(training)
        self.weight = float(0.5 * base / perceptual)

    def _step(self, truth: Triplet) -> None:
        base, perceptual = self.terms(truth)
        loss = base + self.weight * perceptual
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.loss.copy_(loss.detach())

    def settle(self, batches: Sequence[Tensor]) -> None:
        """Keep the norms' statistics over ``batches``, or the present ones; a recorded graph is dropped."""
        if batches:
            recalibrate(self.net, batches)
        else:
            self.net.eval()
        self.graph, self.settled = None, True

    def record(self, truth: Triplet) -> dict[str, float | str]:
        """On a GPU, record a step as a graph if that is faster; say what was found."""
        if self.rate.device.type != "cuda" or self.judge is not None:
            return {}
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        self.set_rate(1e-5)
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._step(truth)
        torch.cuda.current_stream().wait_stream(stream)
        eager = _milliseconds(lambda: self._step(truth))
        said: dict[str, float | str] = {"eager_ms": eager}
        try:
            self.static = Triplet(*(part.clone() for part in truth))
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._step(self.static)
            said["graph_ms"] = replayed = _milliseconds(graph.replay)
            if math.isfinite(self.loss.item()) and replayed < eager:
                self.graph = graph
        except RuntimeError as error:  # goes on without
            torch.cuda.synchronize()
            said["no_graph"] = str(error)[:300]
        return said

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the coming steps."""
        for group in self.optimizer.param_groups:
            group["lr"].fill_(rate if group["orthogonal"] else rate / 5)

    def step(self, truth: Triplet) -> None:
        """Take one step and move the average."""
        if self.graph is not None and self.static is not None:
            for mine, new in zip(self.static, truth, strict=True):
                mine.copy_(new)
            self.graph.replay()
        else:
            self._step(truth)
        self.steps += 1
        decay = min(AVERAGE, (1 + self.steps) / (10 + self.steps))  # the first weights are soon forgotten
        with torch.no_grad():
            ours, theirs = (tuple(net.parameters()) for net in (self.average, self.net))
            torch._foreach_lerp_(ours, theirs, 1 - decay)
            torch._foreach_copy_(_statistics(self.average), _statistics(self.net))


def _statistics(net: nn.Module) -> list[Tensor]:
    return [buffer for buffer in net.buffers() if buffer.is_floating_point()]


def _milliseconds(work: Callable[[], None], repeats: int = 8) -> float:
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(repeats):
        work()
    torch.cuda.synchronize()
    return round((time.perf_counter() - begun) / repeats * 1000, 2)


@torch.no_grad()
def recalibrate(net: UNet, batches: Sequence[Tensor]) -> None:
    """Compute the norms' statistics again: those of an average of weights are not the average of theirs.

    Parameters
    ----------
    net
        Changed in place, left in eval mode.
    batches
        Damaged images ``(N, 3, H, W)``.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    net.train()
    for image in batches:
        with autocast(image.device):
            net(image.contiguous(memory_format=torch.channels_last))
    net.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
