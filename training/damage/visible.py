"""What of an alteration a viewer takes for damage."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

VISIBLE = 0.03
"""An alteration below this (8 of 255) is not seen."""


def visible(excess: Tensor) -> Tensor:
    """Return what a viewer takes for damage, ``(N, 1, H, W)`` bool, from alteration over what hides it.

    A trace that nowhere near exceeds 1.5 is left to the grain, and the line of pixels between a speck and the
    ring that sharpening draws around it, where the alteration changes sign, is closed.
    """
    near = F.max_pool2d(excess, 5, 1, 2)
    mask = ((excess > 1) & (near > 1.5)).float()
    widened = F.max_pool2d(mask, 3, 1, 1)
    return -F.max_pool2d(-widened, 3, 1, 1) > 0.5


def activity(image: Tensor, side: int = 9) -> Tensor:
    """Measure the brightness's deviation around each pixel, ``(N, 1, H, W)``: it hides small alterations."""
    grey = image.mean(1, keepdim=True)
    mean, square = (F.avg_pool2d(x, side, 1, side // 2, count_include_pad=False) for x in (grey, grey**2))
    return (square - mean**2).clamp(min=0).sqrt()
