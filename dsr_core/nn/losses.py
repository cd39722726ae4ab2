"""Perceptual losses: pixel, content and style distances, as pure functions and one thin module.

The form is that of fast.ai's feature loss (after Johnson, Alahi, Fei-Fei, *Perceptual Losses for Real-Time
Style Transfer and Super-Resolution*, 2016); the three variants are those of Ivanova, Siebert, Williamson,
*Perceptual Loss based Approach for Analogue Film Restoration*, VISAPP 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

from dsr_core.nn.vgg import LAYERS, VGGFeatures

STYLE_SCALE = 5e3
"""Brings Gram matrices, which are small, to the size of the other terms (fast.ai's constant)."""


@dataclass(frozen=True)
class Variant:
    """What sets one perceptual loss apart from the others.

    Parameters
    ----------
    weights
        One for each of :data:`dsr_core.nn.vgg.LAYERS`; a layer of weight zero is not even computed.
    structural
        Adds ``1 - SSIM`` to the pixel distance and makes it the content distance, which is the MAE otherwise.
    """

    weights: tuple[float, ...]
    structural: bool


VARIANTS = {
    1: Variant((0, 0, 20, 70, 10), structural=False),
    2: Variant((2, 4, 5, 6, 6), structural=False),
    3: Variant((2, 4, 5, 6, 6), structural=True),
}


def mae(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference of two tensors of one shape, as a scalar in float32 or better."""
    return F.l1_loss(_precise(x), _precise(y))


def ssim(x: Tensor, y: Tensor, window: int = 5, sigma: float = 1.5, data_range: float = 1.0) -> Tensor:
    """Mean structural similarity, each channel by itself.

    Wang, Bovik, Sheikh, Simoncelli, *Image quality assessment: from error visibility to structural
    similarity*, 2004, with K1 = 0.01 and K2 = 0.03. At the border only the part of the window inside the
    image counts.

    Parameters
    ----------
    x, y
        ``(N, C, H, W)``, of any size from 1x1.
    window, sigma
        Side and standard deviation of the Gaussian window, in pixels.
    data_range
        Span of the values: 1 for images in [0, 1], and for features whose spread is about 1.

    Returns
    -------
    Tensor
        Scalar in [-1, 1], 1 for equal inputs; in float32 or better, since variances are small differences.
    """
    x, y = _precise(x), _precise(y)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    taps = torch.arange(window, dtype=x.dtype, device=x.device) - (window - 1) / 2
    taps = torch.exp(-(taps**2) / (2 * sigma**2))
    value: Tensor = _Ssim.apply(x, y, taps, c1, c2)
    return value


def gram(features: Tensor) -> Tensor:
    """Gram matrices of feature maps, divided by ``C H W``: ``(N, C, H, W) -> (N, C, C)``, in float32."""
    _, channels, height, width = features.shape
    flat = _precise(features).flatten(2)
    with torch.autocast(features.device.type, enabled=False):
        return flat @ flat.transpose(1, 2) / (channels * height * width)


def content_distance(x: Tensor, y: Tensor, *, structural: bool) -> Tensor:
    """Distance between two feature maps ``(N, C, H, W)``: ``1 - SSIM`` (``structural``) or the MAE."""
    return 1 - ssim(x, y) if structural else mae(x, y)


def style_distance(x: Tensor, y: Tensor) -> Tensor:
    """MAE between the Gram matrices of two feature maps ``(N, C, H, W)``."""
    return mae(gram(x), gram(y))


def pixel_distance(x: Tensor, y: Tensor, *, structural: bool) -> Tensor:
    """Distance between two images ``(N, C, H, W)`` in [0, 1]: the MAE, and 1 - SSIM if ``structural``."""
    return mae(x, y) + (1 - ssim(x, y)) if structural else mae(x, y)


def perceptual_terms(
    restored: Tensor,
    target: Tensor,
    restored_features: Sequence[Tensor],
    target_features: Sequence[Tensor],
    variant: Variant,
) -> dict[str, Tensor]:
    """Return the weighted terms ``pixel``, ``content`` and ``style``, whose sum is the loss.

    Parameters
    ----------
    restored, target
        Images ``(N, 3, H, W)`` in [0, 1].
    restored_features, target_features
        Their features, one map for each layer whose weight is not zero, in order.
    variant
        Weights and kinds of distance.
    """
    weights = [weight for weight in variant.weights if weight]
    pairs = list(zip(weights, restored_features, target_features, strict=True))
    return {
        "pixel": pixel_distance(restored, target, structural=variant.structural),
        "content": torch.stack(
            [w * content_distance(x, y, structural=variant.structural) for w, x, y in pairs]
        ).sum(),
        "style": torch.stack([w**2 * STYLE_SCALE * style_distance(x, y) for w, x, y in pairs]).sum(),
    }


class PerceptualLoss(nn.Module):
    """One of the three perceptual losses: two image batches ``(N, 3, H, W)`` in [0, 1] -> scalar.

    Parameters
    ----------
    variant
        1, 2 or 3: a key of :data:`VARIANTS`.
    features
        Source of the features; may be shared by several losses.
    """

    def __init__(self, variant: int, features: VGGFeatures) -> None:
        super().__init__()
        self.variant = VARIANTS[variant]
        self.features = features
        self.layers = tuple(
            layer for layer, weight in zip(LAYERS, self.variant.weights, strict=True) if weight
        )

    def target_features(self, target: Tensor) -> list[Tensor]:
        """Features of the target, without gradient, to be handed to several calls that share it."""
        with torch.no_grad():
            features: list[Tensor] = self.features(target, self.layers)
            return features

    def terms(
        self, restored: Tensor, target: Tensor, target_features: Sequence[Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the weighted terms ``pixel``, ``content``, ``style``; arguments as for :meth:`forward`."""
        target = target.detach()
        if target_features is None:
            target_features = self.target_features(target)
        return perceptual_terms(
            restored, target, self.features(restored, self.layers), target_features, self.variant
        )

    def forward(
        self, restored: Tensor, target: Tensor, target_features: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return the loss; gradients reach ``restored`` only. See :meth:`target_features`."""
        return torch.stack(list(self.terms(restored, target, target_features).values())).sum()


class _Ssim(torch.autograd.Function):
    """Mean SSIM with its gradient written out, in less memory and time than autograd takes.

    With the window means ``X, Y`` of x and y, ``Q`` of ``x^2 + y^2`` and ``P`` of ``xy``, SSIM is ``S = A B
    / C D`` where ``A = 2XY + c1``, ``B = 2(P - XY) + c2``, ``C = X^2 + Y^2 + c1`` and ``D = Q - X^2 - Y^2 +
    c2``.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, taps: Tensor, c1: float, c2: float) -> Tensor:
        """Return the mean of S and keep its derivatives by X, Y, Q and P."""
        inside = _window_sum(torch.ones_like(x[:1, :1]), taps)
        mean_x, mean_y, mean_q, mean_p = (
            _window_sum(values, taps).div_(inside) for values in (x, y, x * x + y * y, x * y)
        )
        product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
        a, b = 2 * product + c1, 2 * (mean_p - product) + c2
        c, d = squares + c1, mean_q - squares + c2
        similarity = a * b / (c * d)
        if any(ctx.needs_input_grad):
            weight = 1 / (inside * similarity.numel())
            own = 2 * similarity * (1 / d - 1 / c) * weight
            other = 2 * (b - a) / (c * d) * weight
            by_x = own * mean_x + other * mean_y if ctx.needs_input_grad[0] else None
            by_y = own * mean_y + other * mean_x if ctx.needs_input_grad[1] else None
            ctx.save_for_backward(x, y, taps, by_x, by_y, -similarity / d * weight, 2 * a / (c * d) * weight)
        return similarity.mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by x and y; a window sum is its own transpose."""
        x, y, taps, by_x, by_y, by_q, by_p = ctx.saved_tensors
        by_q, by_p = 2 * _window_sum(by_q, taps), _window_sum(by_p, taps)
        by_input = [
            None if own is None else gradient * (_window_sum(own, taps) + this * by_q + other * by_p)
            for own, this, other in ((by_x, x, y), (by_y, y, x))
        ]
        return *by_input, None, None, None


def _precise(x: Tensor) -> Tensor:
    """Half-precision values as float32; float32 and float64 as they are."""
    return x.float() if x.dtype in {torch.float16, torch.bfloat16} else x


def _window_sum(x: Tensor, taps: Tensor) -> Tensor:
    """Separable window sum with zeros beyond the border: ``(N, C, H, W) -> (N, C, H, W)``."""
    channels, half = x.shape[1], taps.numel() // 2
    x = x.contiguous(memory_format=torch.channels_last)  # seven times as fast in a convolution by channel
    with torch.autocast(x.device.type, enabled=False):
        column = taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
        row = taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
        x = F.conv2d(x, column, padding=(half, 0), groups=channels)
        return F.conv2d(x, row, padding=(0, half), groups=channels)
