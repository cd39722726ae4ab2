"""The parts that the network is built of: layers with their norms, and fills from around."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class NormedConv(nn.Module):
    """Convolution and batch norm: ``(N, Cin, H, W) -> (N, Cout, H', W')``.

    Without the norm half of the units were dead after some thousand steps. In use it is part of the
    convolution (:func:`fold_norms`): its statistics are fixed, and nothing in one tile changes another.

    Parameters
    ----------
    conv
        The convolution; its bias may be missing, as the norm has one of its own.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        # short runs and moving averages of the weights: follow the statistics closely
        self.norm: nn.Module = nn.BatchNorm2d(conv.out_channels, momentum=0.05)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised features."""
        normed: Tensor = self.norm(self.conv(x))
        return normed

    def fold(self) -> None:
        """Make the norm part of the convolution, for good; the second time, there is nothing left to do."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


def fold_norms(model: nn.Module) -> None:
    """Fold every :class:`NormedConv` of a model in place: the same outputs, with fewer layers.

    Parameters
    ----------
    model
        In eval mode: only then is a norm a fixed scale and shift.
    """
    for module in list(model.modules()):
        if isinstance(module, NormedConv):
            module.fold()


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity: ``(N, C, H, W) -> (N, C, H, W)``.

    The second norm starts at zero, so that every block starts as the identity (Goyal et al., *Accurate, Large
    Minibatch SGD*, 2017).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = NormedConv(nn.Conv2d(channels, channels, 3, padding=1, bias=False))
        self.conv2 = NormedConv(nn.Conv2d(channels, channels, 3, padding=1, bias=False))
        nn.init.zeros_(self.conv2.norm.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return the refined features, non-negative."""
        return torch.relu(x + self.conv2(torch.relu(self.conv1(x))))


class Upsample(nn.Module):
    """Sub-pixel upsampling: ``(N, Cin, H, W) -> (N, Cout, fH, fW)``.

    The convolution is initialised so that the ``factor**2`` sub-pixels start equal, which keeps the
    checkerboard out of the first results (ICNR: Aitken et al., *Checkerboard artifact free sub-pixel
    convolution*, 2017).

    Parameters
    ----------
    channels_in, channels_out
        Before and after.
    factor
        By which height and width grow.
    kernel_size
        Of the convolution.
    normed
        With a batch norm, which an output of the network must not have.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        factor: int = 2,
        kernel_size: int = 1,
        *,
        normed: bool = True,
    ) -> None:
        super().__init__()
        conv = nn.Conv2d(channels_in, channels_out * factor**2, kernel_size, padding=kernel_size // 2)
        seed = torch.empty(channels_out, *conv.weight.shape[1:])
        nn.init.kaiming_normal_(seed, nonlinearity="relu")
        with torch.no_grad():
            conv.weight.copy_(seed.repeat_interleave(factor**2, dim=0))
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        self.conv: nn.Module = NormedConv(conv) if normed else conv
        self.shuffle: nn.Module = nn.PixelShuffle(factor)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` at ``factor`` times its size."""
        upsampled: Tensor = self.shuffle(self.conv(x))
        return upsampled


def local_contrast(image: Tensor, window: int) -> Tensor:
    """Take the local mean from an image and divide by the local contrast: ``(N, 3, H, W)``, same shape.

    A speck looks alike then on a bright sky and in a red shadow, which a network otherwise has to learn tone
    by tone. Both are means over blocks, interpolated.

    Parameters
    ----------
    image
        ``(N, 3, H, W)`` in [0, 1], sides multiples of ``window``.
    window
        Side of the blocks in pixels.
    """

    def spread(blocks: Tensor) -> Tensor:
        return F.interpolate(blocks, scale_factor=window, mode="bilinear", align_corners=False)

    detail = image - spread(F.avg_pool2d(image, window))
    energy = F.avg_pool2d(detail * detail, window).mean(1, keepdim=True)
    return detail * spread(torch.rsqrt(energy + 4e-4))  # contrast below 0.02 is noise: not drawn out


def push_pull(image: Tensor, known: Tensor, levels: int) -> Tensor:
    """Fill the unknown pixels of an image smoothly from around: ``(N, 3, H, W)``, at half its resolution.

    Means over the known pixels are taken at growing scales; where too few are known, the next coarser scale
    shows through (Gortler, Grzeszczuk, Szeliski, Cohen, *The Lumigraph*, 1996).

    Parameters
    ----------
    image
        ``(N, 3, H, W)``, sides multiples of ``2**levels``.
    known
        ``(N, 1, H, W)`` in [0, 1]: how much each pixel is to be trusted.
    levels
        Halvings.
    """
    samples, weights = [image * known], [known]
    for _ in range(levels):
        samples.append(F.avg_pool2d(samples[-1], 2))
        weights.append(F.avg_pool2d(weights[-1], 2))
    # a hole that spans the coarsest pixels is filled from their neighbours
    around, weight = (F.avg_pool2d(stack.pop(), 5, stride=1, padding=2) for stack in (samples, weights))
    filled = around / (weight + 1e-4)
    for sample, weight in zip(samples[:0:-1], weights[:0:-1], strict=True):
        coarse = F.interpolate(filled, scale_factor=2, mode="bilinear", align_corners=False)
        share = (4 * weight).clamp(max=1)  # a quarter of the pixels known is enough for their mean
        filled = coarse + share * (sample / (weight + 1e-4) - coarse)
    return filled
