"""Muon: descent by orthogonal steps, which takes far fewer steps here than AdamW does."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # of the iteration: fast for small singular values, near enough to one


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Return a matrix with the same singular vectors and singular values near one (0.7 to 1.2).

    Parameters
    ----------
    matrix
        ``(M, N)`` float, computed in bfloat16.
    iterations
        Of Newton and Schulz.
    """
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.AdamW):
    """Muon for the kernels inside a network, AdamW for all else.

    Every kernel is taken as the matrix ``(out, in * height * width)``, and its momentum, orthogonalised, is
    the step: no direction in which the gradient happens to be large drowns the others. Steps are scaled to a
    root mean square of 0.2 of the learning rate, about that of AdamW. Sources: Jordan et al., *Muon: an
    optimizer for hidden layers in neural networks*, 2024; the scale: Liu et al., *Muon is scalable for LLM
    training*, 2025.

    Parameters
    ----------
    net
        Network; its one-dimensional parameters and the kernels of ``head`` go to AdamW.
    head
        Last layer, whose outputs have units of their own.
    lr
        Learning rate of the kernels; a fifth of it is AdamW's.
    weight_decay
        As of AdamW.
    """

    def __init__(self, net: nn.Module, head: nn.Module, lr: float, weight_decay: float) -> None:
        last = {id(parameter) for parameter in head.parameters()}
        inner = [p for p in net.parameters() if p.ndim == 4 and id(p) not in last]
        chosen = {id(parameter) for parameter in inner}
        others = [p for p in net.parameters() if id(p) not in chosen]
        groups = [
            {"params": inner, "orthogonal": True},
            {"params": others, "lr": lr / 5, "orthogonal": False},
        ]
        super().__init__(groups, lr=lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["orthogonal"]:
                for parameter in group["params"]:
                    self._turn(parameter, group["lr"], group["weight_decay"])
        super().step()
        return loss

    def _turn(self, kernel: Tensor, lr: float, weight_decay: float) -> None:
        """Take the step of one kernel, and its gradient with it, so that AdamW leaves it alone."""
        if kernel.grad is None:
            return
        state = self.state[kernel]
        if not state:
            state["momentum"] = torch.zeros_like(kernel)
            state["step"] = torch.tensor(0.0)  # which AdamW looks for when it is loaded
        state["step"] += 1
        momentum = state["momentum"].lerp_(kernel.grad, 1 - MOMENTUM)
        matrix = kernel.grad.lerp(momentum, MOMENTUM).flatten(1)  # Nesterov's
        scale = 0.2 * max(matrix.shape) ** 0.5
        kernel.mul_(1 - lr * weight_decay)
        kernel.sub_(orthogonalise(matrix).view_as(kernel), alpha=lr * scale)
        kernel.grad = None
