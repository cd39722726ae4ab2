"""Muon: descent by orthogonal steps, which takes far fewer steps here than AdamW does."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from training.precision import multiplies_bfloat16

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)  # of the iteration: fast for small singular values, near enough to one


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Return matrices with the same singular vectors and singular values near one (0.7 to 1.2).

    Parameters
    ----------
    matrices
        ``(..., M, N)`` float; computed in bfloat16 where the hardware multiplies it, else in float32.
    iterations
        Of Newton and Schulz.
    """
    a, b, c = QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    dtype = matrices.dtype if not multiplies_bfloat16(matrices.device) else torch.bfloat16
    x = (matrices.mT if tall else matrices).to(dtype)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    turned: Tensor = x.mT if tall else x
    return turned.to(matrices.dtype)


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
        Last layer, or a list of last layers, whose outputs have units of their own.
    lr
        Learning rate of the kernels; a fifth of it is AdamW's.
    weight_decay
        Of both halves: a step takes this times the half's learning rate of each of its parameters.
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
        # on a GPU, all of a step can be recorded as a graph; then the rates must be tensors, too
        on_gpu = others[0].device.type == "cuda"
        super().__init__(groups, lr=lr, weight_decay=weight_decay, fused=on_gpu or None, capturable=on_gpu)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["orthogonal"]:
                alike = defaultdict(list)  # one matrix product for all kernels of a shape
                for kernel in group["params"]:
                    if kernel.grad is not None:
                        alike[kernel.shape].append(kernel)
                for kernels in alike.values():
                    self._turn(kernels, group["lr"], group["weight_decay"])
        super().step()
        return loss

    def _turn(self, kernels: list[Tensor], lr: float | Tensor, weight_decay: float) -> None:
        """Take the step of kernels of one shape, and their gradients, so that AdamW leaves them alone."""
        gradients = [kernel.grad for kernel in kernels if kernel.grad is not None]
        for kernel in kernels:
            state = self.state[kernel]
            if not state:
                state["momentum"] = torch.zeros_like(kernel)
                state["step"] = torch.tensor(0.0)  # which AdamW looks for when it is loaded
        momenta = [self.state[kernel]["momentum"] for kernel in kernels]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        matrices = torch.stack(gradients).lerp(torch.stack(momenta), MOMENTUM).flatten(2)  # Nesterov's
        scale = 0.2 * max(matrices.shape[-2:]) ** 0.5
        turned = orthogonalise(matrices) * (lr * scale)
        torch._foreach_mul_(kernels, 1 - lr * weight_decay)
        torch._foreach_sub_(kernels, list(turned.view(-1, *kernels[0].shape)))
        for kernel in kernels:
            kernel.grad = None
