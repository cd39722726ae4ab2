"""The U-Net that repairs film damage: three residual channels and one damage logit."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dsr_core.errors import DsrError


@dataclass(frozen=True)
class UNetConfig:
    """Every dimension of a :class:`UNet`, and how cautious it is.

    Parameters
    ----------
    encoder
        ``"plain"`` (compact, the one that ships) or ``"resnet34"`` (torchvision's, for transfer learning).
    widths
        Channels of each level of the plain encoder, finest first.
    encoder_blocks, decoder_blocks
        Residual blocks at each level (``decoder_blocks`` has one entry less: the bottleneck has no decoder).
    unshuffle
        Pixels are folded into channels by this factor before the first convolution.
    caution
        Taken from every damage logit on its way out.
    fill_levels
        Times that the picture is halved to fill holes from around; 0: down to the network's coarsest level.

    Notes
    -----
    The dimensions of resnet34 are given: ``widths=(64, 64, 128, 256, 512)``, ``unshuffle=2``;
    ``encoder_blocks`` is not used, ``decoder_blocks`` has four entries.
    """

    encoder: Literal["plain", "resnet34"] = "plain"
    widths: tuple[int, ...] = (32, 64, 128, 256)
    encoder_blocks: tuple[int, ...] = (1, 1, 1, 2)
    decoder_blocks: tuple[int, ...] = (1, 1, 1)
    unshuffle: int = 2
    caution: float = 0.0
    fill_levels: int = 0

    @property
    def stride(self) -> int:
        """Pixels of the input to one of the network's coarsest level, along each axis."""
        return int(self.unshuffle * 2 ** (len(self.widths) - 1))

    @property
    def multiple_of(self) -> int:
        """Height and width of the input must be multiples of this many pixels."""
        return max(self.stride, int(2**self.fill_levels))


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


class PlainEncoder(nn.Module):
    """Strided residual encoder on a pixel-unshuffled image and its local contrast.

    Returns one feature map a level, finest first.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        widths = config.widths
        self.window = config.stride
        self.unshuffle: nn.Module = nn.PixelUnshuffle(config.unshuffle)
        stems = [nn.Conv2d(6 * config.unshuffle**2, widths[0], 3, padding=1)]
        stems += [nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths)]
        for stem in stems:
            nn.init.kaiming_normal_(stem.weight, nonlinearity="relu")
        self.stems = nn.ModuleList(NormedConv(stem) for stem in stems)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(widths, config.encoder_blocks, strict=True)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map an image in [0, 1] to its features at ``1/unshuffle``, ``1/(2 unshuffle)``, ... of its size."""
        x = self.unshuffle(torch.cat([image - 0.5, local_contrast(image, self.window)], dim=1))
        features = []
        for stem, blocks in zip(self.stems, self.blocks, strict=True):
            x = blocks(torch.relu(stem(x)))
            features.append(x)
        return features


def _encoder(config: UNetConfig) -> nn.Module:
    """Return the encoder that the configuration names."""
    if config.encoder == "plain":
        return PlainEncoder(config)
    if config.encoder == "resnet34":
        from dsr_core.nn.resnet import ResNet34Encoder  # noqa: PLC0415 - torchvision, for this encoder only

        return ResNet34Encoder(config.widths)
    raise DsrError(f"There is no encoder '{config.encoder}'; choose plain or resnet34.")


class UNet(nn.Module):
    """Encoder-decoder with skip connections.

    Parameters
    ----------
    config
        Dimensions.

    Notes
    -----
    Input: ``(N, 3, H, W)`` float RGB in [0, 1], ``H`` and ``W`` multiples of ``config.multiple_of``. Output:
    the residual ``(N, 3, H, W)`` to be added to the input, and the damage logit ``(N, 1, H, W)``.

    What the logit takes for damage is filled from around it (:func:`push_pull`), and the head gives a
    correction of that fill and a share: the residual is ``share * (fill + correction - image)``. Opaque dirt
    is replaced (share 1); a translucent trace can be taken off instead (share below 0, the correction leading
    to the colour of the dirt), without the exact pixels of the image having to come through the network.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _encoder(config)
        widths = config.widths
        pairs = list(pairwise(widths))[::-1]
        self.ups = nn.ModuleList(Upsample(coarse, fine) for fine, coarse in pairs)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(fine) for _ in range(count)))
            for (fine, _), count in zip(pairs, config.decoder_blocks[::-1], strict=True)
        )
        self.head = Upsample(widths[0], 5, factor=config.unshuffle, kernel_size=3, normed=False)
        # The filter starts as "nothing is damaged, and damage is filled from around": a rare-event prior on
        # the logit, a share of one, no correction.
        assert isinstance(self.head.conv, nn.Conv2d)  # noqa: S101 - tells the type checker
        assert self.head.conv.bias is not None  # noqa: S101
        subpixels = config.unshuffle**2
        with torch.no_grad():
            self.head.conv.weight.mul_(0.1)
            self.head.conv.bias[-2 * subpixels : -subpixels] = 1.0
            self.head.conv.bias[-subpixels:] = -4.0

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(residual, logit)``."""
        *skips, x = self.encoder(image)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = blocks(torch.relu(up(x) + skips.pop()))
        correction, share, logit = self.head(x).split((3, 1, 1), dim=1)
        residual = share * (self.fill(image, logit.detach()) + correction - image)
        # the fill uses the logit without the caution: half-trusted pixels would bleed into it
        return residual, logit - self.config.caution if self.config.caution else logit

    def fill(self, image: Tensor, logit: Tensor) -> Tensor:
        """Return the image with what the logit ``(N, 1, H, W)`` takes for damage filled from around it."""
        clean = torch.sigmoid(-F.max_pool2d(logit, 3, stride=1, padding=1))
        known = clean.square().square()  # half damaged: unknown
        half = push_pull(image, known, self.config.multiple_of.bit_length() - 1)
        return F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False)

    def load_encoder(self, weights: str | Path) -> None:
        """Start a resnet34 encoder from ``"imagenet"`` or a file, for transfer learning.

        Raises
        ------
        DsrError
            The encoder is another, or the weights cannot be had.
        """
        if self.config.encoder != "resnet34":
            raise DsrError(f"There are no weights for a {self.config.encoder} encoder; use resnet34.")
        self.encoder.load_weights(weights)  # type: ignore[operator]

    def freeze_encoder(self, frozen: bool = True) -> None:
        """Keep the encoder's weights and statistics as they are, or train them again.

        Parameters
        ----------
        frozen
            A later ``train()`` wakes the statistics, so freeze after it.
        """
        self.encoder.requires_grad_(not frozen)
        self.encoder.train(self.training and not frozen)
