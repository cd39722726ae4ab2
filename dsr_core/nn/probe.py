"""Seeded images to calibrate and to probe networks with, for where no photographs are at hand."""

import torch
from torch import Tensor


def pink_noise(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Return colour images ``(count, 3, size, size)`` in [0, 1] with the statistics that photographs share.

    Amplitude falls as 1/frequency (Field, *Relations between the statistics of natural images and the
    response properties of cortical cells*, 1987); mostly brightness, with a quarter as much colour.
    """
    frequency = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = torch.inf
    white = torch.fft.rfft2(torch.randn(count, 4, size, size, generator=generator))
    noise = torch.fft.irfft2(white / frequency, s=(size, size))
    noise = noise / noise.std(dim=(2, 3), keepdim=True)
    image: Tensor = 0.5 + 0.2 * (noise[:, :1] + 0.25 * noise[:, 1:])
    return image.clamp(0, 1)


def damaged_images(count: int, size: int, seed: int = 0) -> Tensor:
    """Return pink noise ``(count, 3, size, size)`` with grain, specks and scratches of either polarity.

    A caricature of damage, but one with all that a network reacts to: small and large, straight across the
    whole image and short, opaque and translucent.
    """
    generator = torch.Generator().manual_seed(seed)
    image = pink_noise(count, size, generator)
    image += 0.02 * torch.randn(image.shape, generator=generator)
    rows = torch.arange(size)[:, None]
    columns = torch.arange(size)[None, :]
    for picture in image:
        for index in range(max(8, size * size // 4000)):
            y, x = (torch.rand(2, generator=generator) * size).tolist()
            radius, opacity, slope = torch.rand(3, generator=generator).tolist()
            if index % 16 == 0:
                shape = (columns - x - (slope - 0.5) * rows).abs() < 0.6 + radius
            else:
                shape = torch.hypot(rows - y, columns - x) < 0.7 + 4 * radius**3
            shade = float(index % 2)
            picture.add_(shape * (0.3 + 0.7 * opacity) * (shade - picture))
    return image.clamp(0, 1)
