"""Damage that is drawn and not cut from plates: points, stains, streaks and long scratches.

Every function takes images ``(N, 3, H, W)`` in [0, 1] and returns damaged ones; values may leave [0, 1].
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.damage.draw import Draw, constant
from training.damage.film import LUMA, blur, smooth_noise

_SCRATCHES = 4  # at most, in a picture
_STAINS = 10
_STREAKS = 48


def lay_points(
    image: Tensor,
    mono: Tensor,
    draw: Draw,
    dark: tuple[float, float, float],
    density: tuple[float, float],
    growth: tuple[float, float],
) -> Tensor:
    """Draw dust of one or two pixels, as shrunk pictures have it: hard, of any opacity, evenly or in clouds.

    Parameters
    ----------
    image
        ``(N, 3, H, W)``.
    mono
        ``(N, 1, 1, 1)`` bool: black-and-white pictures, on which no point is coloured.
    draw
        Random numbers for N frames.
    dark
        Probabilities that a picture's points are dark, bright, or both.
    density
        Range of the share of its pixels on which a picture has points (log-uniform).
    growth
        Range of the share of the eight pixels around a point that it covers, too.
    """
    n, _, h, w = image.shape
    device, rng = image.device, draw.rng

    def noise() -> Tensor:
        return torch.rand(n, 1, h, w, generator=rng, device=device)

    # where dust gathers, its density varies by an order of magnitude
    gathered = torch.exp(1.2 * smooth_noise(n, 1, h, w, 48, rng)) * 0.5
    gathered = torch.where(draw.chance(0.4)[:, None, None, None], gathered, torch.ones_like(gathered))
    seeds = noise() < draw.log_uniform(*density)[:, None, None, None] * gathered
    grown = noise() < draw.uniform(*growth)[:, None, None, None]
    near = F.max_pool2d(seeds.float(), 3, 1, 1) > 0
    least = draw.uniform(0.05, 0.7)[:, None, None, None]
    coverage = (seeds | (near & grown)).float() * (least + (1 - least) * noise())
    coverage = blur(coverage, draw.uniform(0, 0.5) * draw.chance(0.4), radius=2)
    kind = torch.multinomial(constant(dark, device), n, replacement=True, generator=rng)
    kind = kind[:, None, None, None]
    # neighbouring pixels belong to one point and share its tone
    side = F.interpolate((noise()[..., ::4, ::4] < 0.5).float(), size=(h, w)) > 0.5
    bright = (kind == 1) | ((kind == 2) & side)
    high, low = 1 - 0.3 * draw.uniform()[:, None, None, None], 0.25 * draw.uniform()[:, None, None, None]
    tint = draw.normal3()[..., None, None] * 0.06 * ~mono
    colour = (torch.where(bright, high, low) + tint).clamp(0, 1)
    return torch.lerp(image, colour.expand_as(image), coverage)


def lay_stains(image: Tensor, mono: Tensor, draw: Draw) -> Tensor:
    """Draw soft stains such as mould and crystals: crumbled, in one or two dyes, with a halo around them.

    On three-plate colour each lies in one plane and has a pure colour; on film it eats a dye or leaves one.

    Parameters
    ----------
    image
        ``(N, 3, H, W)``.
    mono
        ``(N, 1, 1, 1)`` bool: black-and-white pictures, on which stains are grey.
    draw
        Random numbers for N frames.
    """
    n, _, h, w = image.shape
    device, rng = image.device, draw.rng

    def table(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, _STAINS, 1, 1, generator=rng, device=device)

    rows = torch.arange(h, device=device, dtype=torch.float32)[:, None]
    columns = torch.arange(w, device=device, dtype=torch.float32)
    size = draw.log_uniform(2, 16)[:, None, None, None] * torch.exp(table(-0.7, 0.7))  # sigma in pixels
    y, x, angle = rows - table(0, h), columns - table(0, w), table(0, math.pi)
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    distance = (along / size) ** 2 + (across / (size * table(0.3, 1))) ** 2
    there = torch.arange(_STAINS, device=device) < draw.log_uniform(1, _STAINS)[:, None]
    outline = (torch.exp(-0.5 * distance) * there[..., None, None]).amax(1, keepdim=True)
    # crumbs of two sizes, of which the fine ones may be missing
    crumbs = smooth_noise(n, 2, h, w, 9, rng) + draw.uniform(0, 1.2)[:, None, None, None] * smooth_noise(
        n, 2, h, w, 3, rng
    )
    filled = draw.uniform(-0.5, 1.5)[:, None, None, None]
    coverage = (2 * outline * (crumbs + filled)).clamp(0, 1) * outline.sqrt()
    coverage = blur(coverage, draw.uniform(0.5, 1.4), radius=3)
    halo = blur(coverage, draw.uniform(2, 3), radius=6)
    ring = (draw.uniform(0, 0.8) * draw.chance(0.6))[:, None, None, None]
    coverage = coverage - ring * halo

    strength = draw.log_uniform(0.06, 0.6)[:, None, None]
    lone = F.one_hot(torch.randint(3, (n, 2), generator=rng, device=device), 3).float()
    sign = torch.where(torch.rand(n, 2, 1, generator=rng, device=device) < 0.5, -1.0, 1.0)
    dyes = strength * sign * (lone + draw.uniform(0, 0.5)[:, None, None] * draw.chance(0.5)[:, None, None])
    dyes[:, 1] *= draw.chance(0.6)[:, None]
    dyes = torch.where(mono[:, 0], dyes.mean(-1, keepdim=True).expand_as(dyes), dyes)
    return image + torch.einsum("nkhw,nkc->nchw", coverage, dyes)


def fade(damaged: Tensor, clean: Tensor, draw: Draw) -> Tensor:
    """Take from all damage of a frame an eighth to a half of its strength."""
    return torch.lerp(clean, damaged, draw.log_uniform(0.12, 0.5)[:, None, None, None])


def lay_streaks(image: Tensor, mono: Tensor, draw: Draw) -> Tensor:
    """Draw straight streaks along the film, as cameras and squeegees rub them in: thin, many or few.

    On some frames they run in bundles, beside one another and over the same stretch; on some they show in the
    shadows alone (a rubbed negative) or in the lights alone.

    Parameters
    ----------
    image
        ``(N, 3, H, W)``; where it is square, half of the pictures get level streaks, else all upright ones.
    mono
        ``(N, 1, 1, 1)`` bool: black-and-white pictures.
    draw
        Random numbers for N frames.
    """
    n, _, h, w = image.shape
    device, rng = image.device, draw.rng
    turned = draw.chance(0.5)[:, None, None, None] if h == w else torch.zeros_like(mono)
    picture = torch.where(turned, image.transpose(2, 3), image) if h == w else image

    def table(low: float, high: float, columns: int = _STREAKS) -> Tensor:
        return low + (high - low) * torch.rand(n, columns, generator=rng, device=device)

    there = torch.arange(_STREAKS, device=device) < draw.log_uniform(1, _STREAKS)[:, None]
    y, x = table(0, h), table(0, w)
    length = torch.exp(table(1.2, 4.3)) * draw.log_uniform(0.5, 1.5)[:, None]
    # bundles: each streak joins one of three places
    which = torch.randint(3, (n, _STREAKS), generator=rng, device=device)
    spread = draw.log_uniform(1.5, 24)[:, None]
    beside = table(0, w, 3).gather(1, which) + (table(-1, 1) + table(-1, 1)) * spread
    stretch = draw.log_uniform(20, 3 * h)[:, None]
    along = table(0, h, 3).gather(1, which) + table(-0.4, 0.4) * stretch
    bundled = draw.chance(0.4)[:, None]
    x, y = torch.where(bundled, beside, x), torch.where(bundled, along, y)
    length = torch.where(bundled, stretch * table(0.2, 1.0), length)

    rows = torch.arange(h, device=device, dtype=torch.float32)
    columns = torch.arange(w, device=device, dtype=torch.float32)
    v = rows - y[..., None]  # (N, K, H)
    rough = 0.5 + 0.5 * torch.rand(n, _STREAKS, h, generator=rng, device=device)
    gaps = (smooth_noise(n, _STREAKS, h, 2, 12, rng)[..., 0] * 1.5 + table(0, 4)[..., None]).clamp(0, 1)
    present = ((length[..., None] / 2 - v.abs()) / 1.5).clamp(0, 1) * rough * gaps
    sigma = draw.uniform(0.3, 0.8)[:, None] * table(0.7, 1.4)
    depth = draw.uniform(0.15, 1)[:, None] * table(0.15, 0.9) * there
    u = columns - (x[..., None] + table(-0.015, 0.015)[..., None] * v)[..., None]  # (N, K, H, W)
    profile = torch.exp(-0.5 * (u / sigma[..., None, None]) ** 2)
    coverage = (profile * (present * depth[..., None])[..., None]).amax(1, keepdim=True)

    bright = draw.chance(0.7)[:, None, None, None]
    grey = (picture * constant(LUMA, device)[:, None, None]).sum(1, keepdim=True).clamp(0, 1)
    selective = (3 * draw.uniform() * draw.chance(0.5))[:, None, None, None]
    coverage = coverage * torch.where(bright, 1 - grey, grey) ** selective
    high, low = draw.uniform(0.75, 1)[:, None, None, None], draw.uniform(0, 0.25)[:, None, None, None]
    tint = draw.normal3()[..., None, None] * 0.12 * draw.chance(0.4)[:, None, None, None] * ~mono
    colour = (torch.where(bright, high, low) + tint).clamp(0, 1)
    picture = torch.lerp(picture, colour.expand_as(picture), coverage)
    return torch.where(turned, picture.transpose(2, 3), picture) if h == w else picture


def lay_scratches(image: Tensor, mono: Tensor, draw: Draw) -> Tensor:
    """Draw long scratches along the film's travel: broken, drifting, neutral, coloured or refracting.

    Parameters
    ----------
    image
        ``(N, 3, H, W)``; where it is not square, all scratches are upright.
    mono
        ``(N, 1, 1, 1)`` bool: black-and-white pictures.
    draw
        Random numbers for N frames.
    """
    n, _, h, w = image.shape
    upright = draw.chance(0.5)[:, None, None, None]
    # oblong: upright only
    turned = torch.where(upright, image, image.transpose(2, 3)) if h == w else image
    device, rng = image.device, draw.rng

    def table(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, _SCRATCHES, 1, generator=rng, device=device)

    along = torch.arange(turned.shape[2], device=device, dtype=torch.float32)
    across = torch.arange(turned.shape[3], device=device, dtype=torch.float32)
    drift = smooth_noise(n, _SCRATCHES, len(along), 2, 60, rng)[..., 0]
    lean = table(-0.02, 0.02) * along
    position = table(0, len(across)) + lean + drift * table(0, 2.0)
    sigma = table(0.35, 1.0) * torch.where(table(0, 1) < 0.2, table(1, 3), torch.ones_like(lean[..., :1]))
    gaps = smooth_noise(n, _SCRATCHES, len(along), 2, 40, rng)
    gaps = gaps + 0.5 * smooth_noise(n, _SCRATCHES, len(along), 2, 6, rng)
    presence = (gaps[..., 0] * 2 + table(-1.0, 4.0)).clamp(0, 1)
    depth = table(0.06, 0.6) * (table(0, 1) < 0.5)
    offset = (across - position[..., None]) / sigma[..., None]  # (N, K, along, across)
    single = torch.exp(-0.5 * offset**2)
    pair = -offset * torch.exp(0.5 - 0.5 * offset**2)
    refracting = (table(0, 1) < 0.3)[..., None]
    sign = torch.where(table(0, 1) < 0.5, -1.0, 1.0)[..., None]
    profile = torch.where(refracting, pair, single) * sign * (depth * presence)[..., None]
    dyes = torch.rand(n, _SCRATCHES, 3, generator=rng, device=device)
    neutral = (table(0, 1) < 0.6) | mono[:, 0, :, :]
    dyes = torch.where(neutral, torch.ones_like(dyes), (dyes * 2 - 0.6).clamp(-0.3, 1))
    turned = turned + torch.einsum("nkhw,nkc->nchw", profile, dyes)
    return torch.where(upright, turned, turned.transpose(2, 3)) if h == w else turned
