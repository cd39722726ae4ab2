"""What film and scanner do to light: grain, blur, sharpening, JPEG. Batched, on the device of their input.

Every function takes and returns images ``(N, C, H, W)``, display-referred, nominally in [0, 1].
"""

import math
from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.damage.draw import constant

LUMA = (0.299, 0.587, 0.114)


def blur(image: Tensor, sigma: Tensor, radius: int = 6) -> Tensor:
    """Blur each image by a Gaussian of its own ``sigma`` ``(N,)``, 0 (unchanged) to ``radius / 2`` pixels."""
    n, c, h, w = image.shape
    t = torch.arange(-radius, radius + 1, device=image.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (t / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(c, 0)
    flat = F.pad(image.reshape(1, n * c, h, w), (radius,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=n * c)
    return F.conv2d(flat, kernel[:, None, None, :], groups=n * c).reshape(n, c, h, w)


def smooth_noise(n: int, c: int, h: int, w: int, cell: float, rng: torch.Generator) -> Tensor:
    """Draw smooth noise with features of about ``cell`` pixels; its variance is 1 before interpolation."""
    grid = (n, c, max(2, math.ceil(h / cell) + 1), max(2, math.ceil(w / cell) + 1))
    coarse = torch.randn(grid, generator=rng, device=rng.device)
    return F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=True)


def grain(image: Tensor, depth: Tensor, clump: Tensor, colour: Tensor, rng: torch.Generator) -> Tensor:
    """Draw the grain of an image, to be added to it.

    Parameters
    ----------
    image
        ``(N, 3, H, W)``: grain is deepest in its midtones and weaker in deep shadows and highlights.
    depth
        ``(N,)``: standard deviation in the midtones, 0 to about 0.08.
    clump
        ``(N,)``: Gaussian sigma of a clump in pixels, 0 to about 1.5.
    colour
        ``(N,)``: 0 for silver grain (equal in all channels) to 1 for independent dye clouds.
    """
    n, _, h, w = image.shape
    noise = torch.randn(n, 4, h, w, generator=rng, device=image.device)
    noise = blur(noise, clump, radius=4)
    noise = noise / noise.std(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)
    share = colour[:, None, None, None]
    mixed = noise[:, :3] * share + noise[:, 3:] * (1 - share**2).sqrt()
    tone = image.clamp(0, 1)
    response = 0.35 + 0.65 * 4 * tone * (1 - tone)
    return mixed * response * depth[:, None, None, None]


def sharpen(image: Tensor, amount: Tensor, sigma: Tensor) -> Tensor:
    """Unsharp mask as scanners apply it: ``amount`` and ``sigma`` in pixels are ``(N,)``."""
    return image + amount[:, None, None, None] * (image - blur(image, sigma, radius=4))


_LUMINANCE_TABLE = torch.tensor([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
], dtype=torch.float32)  # fmt: skip
_CHROMINANCE_TABLE = torch.full((8, 8), 99.0)
_CHROMINANCE_TABLE[:4, :4] = torch.tensor(
    [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]], dtype=torch.float32
)
_TO_YCC = torch.tensor([LUMA, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)])


def _dct_matrix() -> Tensor:
    k, t = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    matrix = torch.cos((2 * t + 1) * k * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


@cache
def _jpeg_constants(device: torch.device) -> tuple[Tensor, ...]:
    """Return quantisation tables, the DCT, the matrices to and from YCC, and its middle, sent once."""
    tables = torch.stack([_LUMINANCE_TABLE, _CHROMINANCE_TABLE, _CHROMINANCE_TABLE])
    middle = torch.tensor([128.0, 0, 0])[:, None, None]
    parts = (tables, _dct_matrix(), _TO_YCC, torch.linalg.inv(_TO_YCC), middle)
    return tuple(part.to(device) for part in parts)


def jpeg(image: Tensor, quality: Tensor) -> Tensor:
    """Quantise as baseline JPEG at 4:4:4 does (ITU-T T.81, annex K tables); ``quality`` ``(N,)`` is 1 to 100.

    ``H`` and ``W`` must be multiples of 8.
    """
    n, _, h, w = image.shape
    device = image.device
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    tables, dct, ycc, rgb, middle = _jpeg_constants(device)
    steps = (tables * scale[:, None, None, None] + 0.5).floor().clamp(min=1)[:, :, None, :, None, :]
    x = torch.einsum("kc,nchw->nkhw", ycc, image.clamp(0, 1) * 255).round()
    x = x - middle
    x = x.reshape(n, 3, h // 8, 8, w // 8, 8)
    x = torch.einsum("ij,ncajbl,kl->ncaibk", dct, x, dct)
    x = (x / steps).round() * steps
    x = torch.einsum("ji,ncajbl,lk->ncaibk", dct, x, dct).reshape(n, 3, h, w)
    x = x + middle
    return (torch.einsum("kc,nchw->nkhw", rgb, x) / 255).clamp(0, 1)


def halve_chroma(image: Tensor) -> Tensor:
    """Take half the resolution from the colour, not from the brightness, as JPEG 4:2:0 does."""
    luma = (image * constant(LUMA, image.device)[:, None, None]).sum(1, keepdim=True)
    colour = F.interpolate(
        F.avg_pool2d(image - luma, 2), scale_factor=2, mode="bilinear", align_corners=False
    )
    return (luma + colour).clamp(0, 1)
