"""What is on the film before it gets dirty: fine detail, tones and colours, plates that end.

Everything is drawn in batches from the generator that a :class:`training.damage.draw.Draw` holds.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from training.damage.atlas import Atlas, view
from training.damage.details import (
    BRIGHT_DETAILS,
    LINE_DETAILS,
    NIGHT_DETAILS,
    PRINT_DETAILS,
    plates_of,
)
from training.damage.draw import Draw, constant
from training.damage.film import LUMA, blur, smooth_noise


def add_details(photos: Tensor, plates: Atlas, draw: Draw, only: Sequence[str] = ()) -> Tensor:
    """Blend lettering, wires, twigs, stars and the like into pictures, as part of the clean truth.

    Parameters
    ----------
    photos
        ``(N, 3, H, W)`` in [0, 1].
    plates
        Plates of detail, whole sets in the order of ``training.damage.details.DETAILS``.
    draw
        Random numbers for N frames.
    only
        Names of the kinds to choose from, such as ``"wires"``; none: all.
    """
    if only:
        chosen = torch.tensor(plates_of(only, len(plates)), device=photos.device)
        index = chosen[draw.integers(len(chosen))]
    else:
        index = draw.integers(len(plates))
    centre = draw.uniform2(0, float(plates.sizes[0, 0, 0]))
    scale = draw.log_uniform(0.35, 1.6)
    # level and upright lines above all: a scratch along the film is either
    angle = torch.where(draw.chance(0.5), draw.integers(4) * (math.pi / 2), draw.uniform(0, 2 * math.pi))
    height, width = photos.shape[-2:]
    positions = view(height, width, centre, scale, angle, draw.sign())
    alpha = plates.sample(index, plates.level(scale), *positions)

    def among(names: Sequence[str]) -> Tensor:
        return torch.isin(index, torch.tensor(plates_of(names, len(plates)), device=index.device))

    printed = among(PRINT_DETAILS)
    opaque = draw.chance(0.7) & printed
    opacity = torch.where(opaque, draw.uniform(0.9, 1), draw.uniform(0.4, 1))
    alpha = blur(alpha, draw.uniform(0, 1.2)) * opacity[:, None, None, None]
    # print lies on paper, stars and lamps on a dark picture; all else is any colour on any picture
    paper = draw.uniform(0.85, 1) * draw.chance(0.4) * printed
    photos = torch.lerp(photos, photos.mean((2, 3), keepdim=True), paper[:, None, None, None])
    bright, night = among(BRIGHT_DETAILS), among(NIGHT_DETAILS)[:, None, None, None]
    ink = torch.where(draw.chance(0.5)[:, None], draw.uniform3(0, 0.3), draw.uniform3(0.6, 1.0))
    ink = torch.where((draw.chance(0.3) & printed)[:, None], draw.uniform3(0, 1), ink)
    ink = torch.where(bright[:, None], draw.uniform3(0.75, 1.0), ink)[..., None, None]
    ink = torch.where(is_mono(photos), ink.mean(1, keepdim=True), ink)
    # a wire or a rail before a dark ground is no scratch
    lines = among(LINE_DETAILS) & draw.chance(0.3)
    night = night | lines[:, None, None, None]
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
    grey = (image * constant(LUMA, image.device)[:, None, None]).sum(1, keepdim=True)
    image = torch.where(draw.chance(monochrome)[:, None, None, None], grey, image)
    parted = draw.chosen(misaligned)
    if len(parted):
        image[parted] = misalign(image[parted], side[parted], draw.of(parted))
    base = draw.uniform3(0, 0.06) + constant((0.9, 0.6, 0.42), image.device)
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
    rows, columns = (torch.arange(length, device=image.device) for length in (h, w))
    moved = [image[:, 1]]
    for channel, shift in ((0, shifts[:, 0]), (2, shifts[:, 1])):
        y = (rows - shift[:, :1]).remainder(h)[:, :, None]
        x = (columns - shift[:, 1:]).remainder(w)[:, None]
        moved.append(image[torch.arange(n, device=image.device)[:, None, None], channel, y, x])
    image = torch.stack([moved[1], moved[0], moved[2]], 1)
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


def repeat_border(image: Tensor, side: Tensor, reach: Tensor) -> Tensor:
    """Repeat one row of each image up to a side, as the filter shows borders to the network.

    Parameters
    ----------
    image
        ``(N, C, H, W)``, any values.
    side
        ``(N,)``: 0 left, 1 right, 2 top, 3 bottom.
    reach
        ``(N,)``: pixels from the side to the row, which are replaced.
    """
    n, _, h, w = image.shape

    def positions(length: int, first: int) -> Tensor:
        along = torch.arange(length, device=image.device)
        low = torch.where(side == first, reach, 0)[:, None]
        high = length - 1 - torch.where(side == first + 1, reach, 0)[:, None]
        return torch.minimum(torch.maximum(along, low), high)

    frames = torch.arange(n, device=image.device)[:, None, None]
    return image.movedim(1, -1)[frames, positions(h, 2)[:, :, None], positions(w, 0)[:, None]].movedim(-1, 1)


def lay_boxes(image: Tensor, draw: Draw, most: int = 6) -> Tensor:
    """Lay packaging and furniture into pictures: plain faces of any colour, edges that catch light or shade.

    Parameters
    ----------
    image
        ``(N, 3, H, W)`` in [0, 1].
    draw
        Random numbers for N frames.
    most
        Faces in a picture, at most.
    """
    h, w = image.shape[2:]
    y = torch.arange(h, device=image.device, dtype=torch.float32)[:, None]
    x = torch.arange(w, device=image.device, dtype=torch.float32)
    mono = is_mono(image)

    def column(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    # things stand and lie: nearly level, one tilt a picture
    tilt = column(draw.normal() * 0.04 + draw.chance(0.2) * draw.normal() * 0.5)
    cos, sin = torch.cos(tilt), torch.sin(tilt)
    for number in range(most):
        there = column(draw.uniform() < 1.2 - number / most)
        dy, dx = y - column(draw.uniform(-0.1, 1.1) * h), x - column(draw.uniform(-0.1, 1.1) * w)
        # nothing as small as a stain: a coloured spot is damage
        tall, wide = column(draw.log_uniform(0.2, 0.8) * h), column(draw.log_uniform(0.2, 0.9) * w)
        outside = torch.maximum(
            (cos * dy - sin * dx).abs() - tall / 2, (sin * dy + cos * dx).abs() - wide / 2
        )
        soft = column(draw.log_uniform(0.7, 3))
        cover = torch.sigmoid(-4 * outside / soft) * there
        colour = draw.uniform3(0, 1)[..., None, None]
        colour = torch.where(mono | column(draw.chance(0.3)), colour[:, :1], colour)
        shade = 1 + (dx / wide * column(draw.normal()) + dy / tall * column(draw.normal())) * 0.15
        image = torch.lerp(image, (colour * shade).clamp(0, 1).expand_as(image), cover)
        rim = torch.exp(
            -0.5 * ((outside + column(draw.uniform(0, 3))) / column(draw.log_uniform(0.5, 2.5))) ** 2
        )
        # the light comes from one side, so that two of the four edges are lit
        sided = (
            (cos * dy - sin * dx) * column(draw.sign()) + (sin * dy + cos * dx) * column(draw.sign())
        ) > 0
        rim = (
            rim
            * torch.where(column(draw.chance(0.6)), sided.float(), 1.0)
            * column(draw.uniform(0, 0.9))
            * there
        )
        tone = torch.where(
            column(draw.chance(0.7)), column(draw.uniform(0.7, 1)), column(draw.uniform(0, 0.2))
        )
        image = torch.lerp(image, tone.expand_as(image), rim * column(draw.chance(0.7)))
    return image


def narrow_range(image: Tensor, draw: Draw) -> Tensor:
    """Compress pictures ``(N, ..., 3, H, W)`` into part of the range, most of them each channel apart."""
    alike = torch.ones_like(draw.uniform3(1, 1))
    gain = draw.log_uniform(0.2, 0.9)[:, None] * torch.where(
        draw.chance(0.6)[:, None], draw.uniform3(0.6, 1), alike
    )
    offset = (1 - gain) * (draw.uniform3(0, 1) * 0.3 + draw.uniform()[:, None] * 0.7)
    shape = (draw.n, *(1,) * (image.ndim - 4), 3, 1, 1)
    return image * gain.view(shape) + offset.view(shape)


def border_line(image: Tensor, draw: Draw) -> Tensor:
    """Draw a dark or bright line or strip along one border, sharp or soft: the edge of a crop or a scan."""
    h, w = image.shape[2:]

    def column(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    side = column(draw.integers(4))
    y, x = (torch.arange(length, device=image.device) for length in (h, w))
    along = torch.where(side >= 2, y[:, None].expand(h, w), x.expand(h, w))
    last = torch.where(side >= 2, h, w) - 1
    along = torch.where(side % 2 == 1, last - along, along)
    first = column(torch.where(draw.chance(0.7), 0, draw.integers(4)))
    width, soft = column(draw.log_uniform(0.7, 12)), column(draw.log_uniform(1, 4))
    inside = ((along - first + 1) / soft).clamp(0, 1) * ((width - (along - first)) / soft).clamp(0, 1)
    tone = column(torch.where(draw.chance(0.5), draw.uniform(0, 0.2), draw.uniform(0.8, 1)))
    return torch.lerp(image, tone.expand_as(image), inside * column(draw.uniform(0.4, 1)))


def mount(image: Tensor, draw: Draw) -> Tensor:
    """Lay a mount or film gate over pictures: dark or light, soft or sharp, at times with a lit rim."""
    n, _, h, w = image.shape

    def plane(values: Tensor) -> Tensor:
        return values[:, None, None]

    y = torch.arange(h, device=image.device, dtype=torch.float32)[:, None]
    x = torch.arange(w, device=image.device, dtype=torch.float32)
    # one corner of the opening lies in or beyond the crop; often only one of its sides shows
    corner_y, corner_x = plane(draw.uniform(0.25, 1.8)) * h, plane(draw.uniform(0.25, 1.8)) * w
    y, x = (
        torch.where(plane(draw.chance(0.5)), y, h - 1 - y),
        torch.where(plane(draw.chance(0.5)), x, w - 1 - x),
    )
    lean, radius = plane(draw.normal()) * 0.006, plane(draw.log_uniform(0.5, 40))
    dy, dx = y + lean * x - corner_y + radius, x - lean * y - corner_x + radius
    outside = torch.hypot(dy.clamp(min=0), dx.clamp(min=0)) + torch.maximum(dy, dx).clamp(max=0) - radius
    fray = smooth_noise(n, 1, h, w, 6, draw.rng)[:, 0] * plane(draw.uniform(0, 1.2)) ** 2
    cover = torch.sigmoid((outside + fray) / plane(draw.log_uniform(0.5, 6)) * 2)[:, None]
    light = draw.chance(0.2)[:, None, None, None]
    tone = torch.where(draw.chance(0.2) & light[:, 0, 0, 0], draw.uniform(0.5, 0.85), draw.uniform(0.85, 1))
    tone = torch.where(light[:, 0, 0, 0], tone, draw.uniform(0, 0.12))[:, None, None, None]
    colour = (tone + draw.normal3()[..., None, None] * 0.02 * ~is_mono(image)).clamp(0, 1)
    framed = torch.lerp(image, colour.expand_as(image), cover)
    rim = torch.exp(-0.5 * ((outside - plane(draw.uniform(-1, 2))) / plane(draw.uniform(0.5, 2))) ** 2)
    rim = (rim * plane(draw.uniform(0.2, 0.9) * draw.chance(0.3)))[:, None]
    return torch.lerp(framed, torch.where(light, 0.2, 0.85).expand_as(framed), rim)


def is_mono(image: Tensor) -> Tensor:
    """Tell which pictures of a batch are black and white: bool ``(N, 1, 1, 1)``."""
    return ((image - image[:, :1]).abs().amax((1, 2, 3)) < 1e-3)[:, None, None, None]
