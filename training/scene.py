"""What is on the film before it gets dirty: fine detail, tones and colours, plates that end.

Everything is drawn in batches from the generator that a :class:`training.draw.Draw` holds.
"""

import math

import torch
from torch import Tensor

from training.atlas import Atlas, view
from training.details import BRIGHT_DETAILS, DETAILS, NIGHT_DETAILS, PRINT_DETAILS
from training.draw import Draw
from training.film import LUMA, blur, smooth_noise


def add_details(photos: Tensor, plates: Atlas, draw: Draw) -> Tensor:
    """Blend lettering, wires, twigs, stars and the like into pictures, as part of the clean truth.

    Parameters
    ----------
    photos
        ``(N, 3, H, W)`` in [0, 1].
    plates
        Plates of detail, whole sets in the order of ``training.details.DETAILS``.
    draw
        Random numbers for N frames.
    """
    index = draw.integers(len(plates))
    centre = draw.uniform2(0, float(plates.sizes[0, 0, 0]))
    scale = draw.log_uniform(0.35, 1.6)
    # level and upright lines above all: a scratch along the film is either
    angle = torch.where(draw.chance(0.5), draw.integers(4) * (math.pi / 2), draw.uniform(0, 2 * math.pi))
    positions = view(*photos.shape[-2:], centre, scale, angle, draw.sign())
    alpha = plates.sample(index, plates.level(scale), *positions)
    alpha = blur(alpha, draw.uniform(0, 1.2)) * draw.uniform(0.4, 1.0)[:, None, None, None]
    # print lies on paper, stars and lamps on a dark picture; all else is any colour on any picture
    kinds = index % len(DETAILS)
    paper = draw.uniform(0.85, 1) * draw.chance(0.4) * (kinds < PRINT_DETAILS)
    photos = torch.lerp(photos, photos.mean((2, 3), keepdim=True), paper[:, None, None, None])
    bright = kinds >= len(DETAILS) - BRIGHT_DETAILS
    night = (kinds >= len(DETAILS) - NIGHT_DETAILS)[:, None, None, None]
    ink = torch.where(draw.chance(0.5)[:, None], draw.uniform3(0, 0.3), draw.uniform3(0.6, 1.0))
    ink = torch.where(bright[:, None], draw.uniform3(0.75, 1.0), ink)[..., None, None]
    ink = torch.where(is_mono(photos), ink.mean(1, keepdim=True), ink)
    dim = torch.where(night, draw.uniform(0.05, 0.5)[:, None, None, None], 1.0)
    return torch.lerp(photos * dim, ink.expand_as(photos), alpha)


def develop(
    photos: Tensor, film: tuple[float, float, float], misaligned: float, side: Tensor, draw: Draw
) -> Tensor:
    """Vary contrast and colour; some pictures turn black and white, uninverted negatives, or faded.

    Parameters
    ----------
    photos
        ``(N, 3, H, W)`` in [0, 1].
    film
        Probabilities of black and white, of an uninverted negative, and of a colour cast.
    misaligned
        Probability of plates that end within the picture, and of colour planes that do not meet.
    side
        ``(N,)``: where they end, 0 left, 1 right, 2 top, 3 bottom.
    draw
        Random numbers for N frames.
    """
    monochrome, negative, cast = film
    gamma = draw.normal()[:, None] * 0.2 + draw.normal3() * 0.35 * draw.chance(cast)[:, None]
    black = draw.uniform(0, 0.12)[:, None, None, None]
    white = draw.uniform(0.75, 1.0)[:, None, None, None]
    image = black + (white - black) * photos.clamp(1e-4, 1) ** torch.exp(gamma)[..., None, None]
    grey = (image * image.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    image = torch.where(draw.chance(monochrome)[:, None, None, None], grey, image)
    parted = draw.chance(misaligned)
    if parted.any():
        image[parted] = misalign(image[parted], side[parted], draw.of(parted))
    base = draw.uniform3(0, 0.06) + image.new_tensor([0.9, 0.6, 0.42])
    base = torch.where(is_mono(image)[..., 0, 0], base.mean(1, keepdim=True), base)[..., None, None]
    uninverted = base * (1 - draw.uniform(0.5, 0.9)[:, None, None, None] * image)
    return torch.where(draw.chance(negative)[:, None, None, None], uninverted, image)


def misalign(image: Tensor, side: Tensor, draw: Draw) -> Tensor:
    """Shift red and blue against green, as on three-plate colour, and let the plates end within the picture.

    A black and white picture has one plate and one edge. Beyond it lies a rim, and beyond that the light.

    Parameters
    ----------
    image
        ``(N, 3, H, W)`` in [0, 1].
    side
        ``(N,)``: where the plates end, 0 left, 1 right, 2 top, 3 bottom.
    draw
        Random numbers for N frames.
    """
    n, _, h, w = image.shape
    coloured = ~is_mono(image)
    shifts = torch.randint(-3, 4, (n, 2, 2), generator=draw.rng, device=image.device) * coloured[..., 0]
    image = image.clone()
    for frame, pair in zip(image, shifts.tolist(), strict=True):
        for channel, shift in zip((0, 2), pair, strict=True):
            frame[channel] = frame[channel].roll(shift, (0, 1))
    y, x = (torch.arange(length, dtype=torch.float32, device=image.device) for length in (h, w))
    turned, mirrored = (side >= 2)[:, None, None, None], (side % 2 == 1)[:, None, None, None]
    # nearly straight: cut by hand, and flaking
    fray = smooth_noise(draw.n, 1, h, w, 24, draw.rng) * draw.uniform(0, 3)[:, None, None, None]
    fray = fray + smooth_noise(draw.n, 1, h, w, 5, draw.rng) * draw.uniform(0, 1.5)[:, None, None, None] ** 2
    along = torch.where(turned, y[:, None].expand(h, w), x.expand(h, w))
    along = torch.where(mirrored, torch.where(turned, h, w) - 1 - along, along)
    along = along + fray + draw.normal()[:, None, None, None] * 0.01 * torch.where(turned, x, y[:, None])
    edge = draw.uniform(-0.3, 0.3)[:, None] * min(h, w) + draw.uniform3(-8, 8) * coloured[..., 0, 0]
    rim = draw.log_uniform(1, 40)[:, None, None, None]
    rim = rim * (1 + 0.4 * smooth_noise(draw.n, 1, h, w, 40, draw.rng)).clamp(min=0.1)
    dark, light = draw.uniform(0, 0.15)[:, None, None, None], draw.uniform(0.85, 1)[:, None, None, None]
    inverted = draw.chance(0.3)[:, None, None, None]
    for start, tone in ((0.0, torch.where(inverted, light, dark)), (rim, torch.where(inverted, dark, light))):
        outside = (edge[..., None, None] - start - along).clamp(0, 1)
        image = torch.lerp(image, tone.expand_as(image), outside)
    return image


def mirror_border(image: Tensor, side: int, reach: int) -> Tensor:
    """Mirror an image ``(C, H, W)`` at an axis ``reach`` pixels from a side, as the filter does at borders.

    Parameters
    ----------
    image
        Any values.
    side
        0 left, 1 right, 2 top, 3 bottom.
    reach
        Pixels that are replaced, at most half the image.
    """
    along = 1 if side >= 2 else 2
    far = (along,) if side % 2 else ()
    position = torch.arange(image.shape[along], device=image.device)
    position = torch.where(position < reach, 2 * reach - 1 - position, position)
    return image.flip(far).index_select(along, position).flip(far)


def is_mono(image: Tensor) -> Tensor:
    """Tell which pictures of a batch are black and white: bool ``(N, 1, 1, 1)``."""
    return ((image - image[:, :1]).abs().amax((1, 2, 3)) < 1e-3)[:, None, None, None]
