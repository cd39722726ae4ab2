"""What others use, for its speed alone: networks of the size of LaMa and Restormer, and inpainting.

The networks have random weights and the layers of their papers: Suvorov et al., *Resolution-robust large mask
inpainting with Fourier convolutions*, 2022; Zamir et al., *Restormer*, 2022. They run in PyTorch, in float32.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.restoration import inpaint_biharmonic
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from training.measure.methods import dust_and_scratches, telea_true_mask, top_hat_telea
from training.measure.timing import best

TILE = 256
"""Side in pixels of what the networks run on; a multiple of 8."""

BIHARMONIC_SIDE = 256
"""Side in pixels of what biharmonic inpainting is timed on: it solves a system for each hole."""

Samples = NDArray[np.uint8]


class Spectral(nn.Module):
    """Convolutions of one pixel on the Fourier transform, so that each output sees the whole picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.before, self.after = nn.Conv2d(width, half, 1), nn.Conv2d(half, width, 1)
        self.within = nn.Conv2d(2 * half, 2 * half, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        x = functional.relu(self.before(x))
        waves = torch.fft.rfft2(x, norm="ortho")
        parts = functional.relu(self.within(torch.cat([waves.real, waves.imag], 1)))
        real, imaginary = parts.chunk(2, 1)
        back = torch.fft.irfft2(torch.complex(real, imaginary), x.shape[-2:], norm="ortho")
        return self.after(x + back)  # type: ignore[no-any-return]


class Fourier(nn.Module):
    """A convolution whose channels are in part local, in part global."""

    def __init__(self, local: int, everywhere: int) -> None:
        super().__init__()
        self.parts = [local, everywhere]
        self.local = nn.Conv2d(local + everywhere, local, 3, padding=1)
        self.outwards = nn.Conv2d(local, everywhere, 3, padding=1)
        self.spectral = Spectral(everywhere)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        near, far = x.split(self.parts, 1)
        return functional.relu(torch.cat([self.local(x), self.outwards(near) + self.spectral(far)], 1))


class Residual(nn.Module):
    """Layers whose input is added to their output."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        return x + self.layers(x)  # type: ignore[no-any-return]


def lama(width: int = 64, blocks: int = 18) -> nn.Module:
    """Return a network like LaMa's large one; it takes a picture and a mask, ``(1, 4, H, W)``."""
    wide = 8 * width
    split = wide // 4, wide - wide // 4
    down = [nn.Conv2d(width << n, width << n + 1, 3, 2, 1) for n in range(3)]
    up = [nn.ConvTranspose2d(width << n + 1, width << n, 3, 2, 1, 1) for n in (2, 1, 0)]
    middle = [Residual(Fourier(*split), Fourier(*split)) for _ in range(blocks)]
    first, last = nn.Conv2d(4, width, 7, padding=3), nn.Conv2d(width, 3, 7, padding=3)
    return nn.Sequential(first, *_with(nn.ReLU(), down), *middle, *_with(nn.ReLU(), up), last)


def _with(activation: nn.Module, layers: list[nn.Module]) -> list[nn.Module]:
    return [each for layer in layers for each in (layer, activation)]


class Attention(nn.Module):
    """Attention between channels, not between pixels."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.out = nn.GroupNorm(1, width), nn.Conv2d(width, width, 1)
        self.three = nn.Sequential(
            nn.Conv2d(width, 3 * width, 1), nn.Conv2d(3 * width, 3 * width, 3, padding=1, groups=3 * width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        query, key, value = (
            part.flatten(2).unflatten(1, (self.heads, -1)) for part in self.three(self.norm(x)).chunk(3, 1)
        )
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        mixed = (query @ key.transpose(-1, -2)).softmax(-1) @ value
        return self.out(mixed.reshape(x.shape))  # type: ignore[no-any-return]


class Gated(nn.Module):
    """Two branches of convolutions, one of which lets the other through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = int(2.66 * width)
        self.norm, self.out = nn.GroupNorm(1, width), nn.Conv2d(wide, width, 1)
        self.two = nn.Sequential(
            nn.Conv2d(width, 2 * wide, 1), nn.Conv2d(2 * wide, 2 * wide, 3, padding=1, groups=2 * wide)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape."""
        one, other = self.two(self.norm(x)).chunk(2, 1)
        return self.out(functional.gelu(one) * other)  # type: ignore[no-any-return]


class Restormer(nn.Module):
    """A network of Restormer's size; it takes a picture ``(1, 3, H, W)``."""

    def __init__(self, width: int = 48, blocks: tuple[int, ...] = (4, 6, 6, 8), refinement: int = 4) -> None:
        super().__init__()
        levels = range(len(blocks))

        def stage(level: int, channels: int, count: int) -> nn.Module:
            parts = [(Attention(channels, 1 << level), Gated(channels)) for _ in range(count)]
            return nn.Sequential(*(Residual(part) for pair in parts for part in pair))

        self.first, self.last = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(2 * width, 3, 3, padding=1)
        self.encoder = nn.ModuleList(stage(n, width << n, blocks[n]) for n in levels)
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width << n, (width << n) // 2, 3, padding=1), nn.PixelUnshuffle(2))
            for n in levels[:-1]
        )
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width << n + 1, width << n + 2, 3, padding=1), nn.PixelShuffle(2))
            for n in levels[:-1]
        )
        self.mix = nn.ModuleList(
            nn.Conv2d(2 * (width << n), width << n, 1) if n else nn.Identity() for n in levels[:-1]
        )
        # the last level keeps both halves, as their network does
        self.decoder = nn.ModuleList(stage(n, width << n if n else 2 * width, blocks[n]) for n in levels[:-1])
        self.refinement = stage(0, 2 * width, refinement)

    def forward(self, image: Tensor) -> Tensor:
        """Return a picture of the same shape."""
        x, kept = self.first(image), []
        for level, stage in enumerate(self.encoder):
            x = stage(x)
            if level < len(self.down):
                kept.append(x)
                x = self.down[level](x)
        for level in reversed(range(len(self.up))):
            x = self.decoder[level](self.mix[level](torch.cat([self.up[level](x), kept[level]], 1)))
        return image + self.last(self.refinement(x))  # type: ignore[no-any-return]


def network_speeds() -> list[dict[str, object]]:
    """Return cost and speed of the networks, as `benchmarks.speed.network` does."""
    found = []
    for name, net, planes in (("LaMa's size", lama(), 4), ("Restormer's size", Restormer(), 3)):
        image = torch.rand(1, planes, TILE, TILE)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            net.eval()(image)
        cost = counter.get_total_flops() / 2 / TILE**2 / 1000
        with torch.inference_mode():
            seconds = best(lambda net=net, image=image: net(image), 1)  # type: ignore[misc]
        speed = TILE**2 / 1e6 / seconds
        title = f"{name}, random weights, in PyTorch"
        found.append({"name": title, "type": "float32", "kmac": cost, "speed": speed})
    return found


def method_speeds(image: Samples) -> dict[str, float]:
    """Return megapixels a second of what works without a network on an 8-bit scan ``(H, W, 3)``.

    What only fills is given what the second method found.
    """
    pixels = image.shape[0] * image.shape[1] / 1e6
    _, found = top_hat_telea(image)
    part = np.s_[:BIHARMONIC_SIDE, :BIHARMONIC_SIDE]
    small, holes = image[part], found[part]
    return {
        "OpenCV, median + threshold": pixels / best(lambda: dust_and_scratches(image), 1),
        "OpenCV, top-hat + Telea": pixels / best(lambda: top_hat_telea(image), 1),
        "OpenCV, Telea alone": pixels / best(lambda: telea_true_mask(image, found), 1),
        "scikit-image, biharmonic alone": holes.size
        / 1e6
        / best(lambda: inpaint_biharmonic(small, holes, channel_axis=-1), 1),
    }
