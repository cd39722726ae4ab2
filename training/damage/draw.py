"""Random numbers for a batch of frames."""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return numbers as a tensor that is sent to a device once."""
    return torch.tensor(values, device=device)


class Draw:
    """Random numbers for a batch: one value a frame unless said otherwise, all from one generator.

    Parameters
    ----------
    n
        Frames.
    rng
        Generator on the device that the numbers are wanted on.
    host
        Generator on the CPU (default: ``rng`` if it is one, else one of the same seed).
    """

    def __init__(self, n: int, rng: torch.Generator, host: torch.Generator | None = None) -> None:
        self.n = n
        self.rng = rng
        # what decides how many frames are worked on is drawn on the CPU: a GPU would have to be waited for
        on_cpu = rng.device.type == "cpu"
        self.host = host or (rng if on_cpu else torch.Generator().manual_seed(rng.initial_seed()))

    def of(self, chosen: Tensor) -> "Draw":
        """Draw for the chosen frames only."""
        return Draw(len(chosen), self.rng, self.host)

    def chosen(self, probability: float) -> Tensor:
        """Choose each frame with a probability and return the numbers of the chosen ones, ``(K,)``."""
        numbers = (torch.rand(self.n, generator=self.host) < probability).nonzero().flatten()
        return numbers.to(self.rng.device, non_blocking=True)

    def begins(self, probability: float, side: int) -> tuple[int, int]:
        """Draw where the blocks of this side begin in all frames: with a probability anywhere, else at 0."""
        if not probability or float(torch.rand((), generator=self.host)) >= probability:
            return 0, 0
        down, across = torch.randint(side, (2,), generator=self.host).tolist()
        return down, across

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(self.n, *shape, generator=self.rng, device=self.rng.device)

    def uniform(self, low: float = 0, high: float = 1) -> Tensor:
        """Draw evenly from a range, ``(N,)``."""
        return low + (high - low) * self._rand()

    def uniform2(self, low: float, high: float) -> Tensor:
        """Draw two numbers a frame evenly from a range, ``(N, 2)``."""
        return low + (high - low) * self._rand(2)

    def uniform3(self, low: float, high: float) -> Tensor:
        """Draw three numbers a frame evenly from a range, ``(N, 3)``."""
        return low + (high - low) * self._rand(3)

    def log_uniform(self, low: float, high: float) -> Tensor:
        """Draw from a range whose every octave is as likely, ``(N,)``."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def normal(self) -> Tensor:
        """Draw from the standard normal distribution, ``(N,)``."""
        return torch.randn(self.n, generator=self.rng, device=self.rng.device)

    def normal3(self) -> Tensor:
        """Draw three numbers a frame from the standard normal distribution, ``(N, 3)``."""
        return torch.randn(self.n, 3, generator=self.rng, device=self.rng.device)

    def chance(self, probability: float) -> Tensor:
        """Choose each frame with a probability: ``(N,)`` bool."""
        return self._rand() < probability

    def sign(self) -> Tensor:
        """Draw 1 or -1, ``(N,)``."""
        return self.chance(0.5).float() * 2 - 1

    def integers(self, high: int) -> Tensor:
        """Draw whole numbers from 0 to ``high`` - 1, ``(N,)``."""
        return torch.randint(high, (self.n,), generator=self.rng, device=self.rng.device)

    def table(self) -> Tensor:
        """One uniform number for each frame and each of its 256 defect numbers: ``(N, 256)``."""
        return self._rand(256)


def some(
    image: Tensor, probability: float, draw: Draw, change: Callable[[Tensor, Draw, Tensor], Tensor]
) -> Tensor:
    """Change some of the images; what never happens takes no random numbers from the others."""
    if probability:
        chosen = draw.chosen(probability)
        if len(chosen):
            image[chosen] = change(image[chosen], draw.of(chosen), chosen)
    return image
