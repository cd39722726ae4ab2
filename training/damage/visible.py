"""What of an alteration a viewer takes for damage."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

VISIBLE = 0.03
"""An alteration below this (8 of 255) is not seen."""


def spread(values: Tensor, reach: int) -> Tensor:
    """Return the largest of the values ``(N, 1, H, W)`` within a square of ``reach`` pixels around each."""
    side = 2 * reach + 1  # rows, then columns: a fifth of the work of the square
    return F.max_pool2d(F.max_pool2d(values, (side, 1), 1, (reach, 0)), (1, side), 1, (0, reach))


def visible(excess: Tensor) -> Tensor:
    """Return what a viewer takes for damage, ``(N, 1, H, W)`` bool, from alteration over what hides it.

    A trace that nowhere near exceeds 1.5 is left to the grain, and the line of pixels between a speck and the
    ring that sharpening draws around it, where the alteration changes sign, is closed.
    """
    near = spread(excess, 2)
    mask = ((excess > 1) & (near > 1.5)).float()
    widened = spread(mask, 1)
    return -spread(-widened, 1) > 0.5


def activity(image: Tensor, side: int = 9) -> Tensor:
    """Measure the brightness's deviation around each pixel, ``(N, 1, H, W)``: it hides small alterations."""
    grey = image.mean(1, keepdim=True)
    mean, square = (F.avg_pool2d(x, side, 1, side // 2, count_include_pad=False) for x in (grey, grey**2))
    return (square - mean**2).clamp(min=0).sqrt()
