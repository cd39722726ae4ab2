"""The U-Net that repairs film damage: three residual channels and one damage logit."""

import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from dsr_core.errors import DsrError
from dsr_core.nn.blocks import NormedConv, ResidualBlock, Upsample, local_contrast, push_pull


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
    coarse
        Of a second network, which looks for damage in the picture at half its size; None: there is none.

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
    coarse: "UNetConfig | None" = None

    @property
    def stride(self) -> int:
        """Pixels of the input to one of the network's coarsest level, along each axis."""
        return int(self.unshuffle * 2 ** (len(self.widths) - 1))

    @property
    def halvings(self) -> int:
        """Times that the picture is halved to fill holes from around."""
        return max(self.stride.bit_length() - 1, self.fill_levels)

    @property
    def multiple_of(self) -> int:
        """Height and width of the input must be multiples of this many pixels."""
        own = int(2**self.halvings)
        return own if self.coarse is None else max(own, 2 * self.coarse.multiple_of)


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

    A coarse network (``config.coarse``) sees twice as far and costs a quarter, so that a large one can tell
    a stain or a hair from the picture while a small one follows its outline. Its logit is added to this one's
    before anything is filled.
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
        self.coarse = UNet(config.coarse) if config.coarse else None
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
        correction, share, logit = self.outputs(image).split((3, 1, 1), dim=1)
        if self.coarse is not None:
            coarse = self.coarse.outputs(F.avg_pool2d(image, 2))[:, 4:]
            logit = logit + F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        residual = share * (self.fill(image, logit.detach()) + correction - image)
        # the fill uses the logit without the caution: half-trusted pixels would bleed into it
        return residual, logit - self.config.caution if self.config.caution else logit

    def outputs(self, image: Tensor) -> Tensor:
        """Return correction, share and the network's own logit, ``(N, 5, H, W)``."""
        *skips, x = self.encoder(image)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = blocks(torch.relu(up(x) + skips.pop()))
        outputs: Tensor = self.head(x)
        return outputs

    def fill(self, image: Tensor, logit: Tensor) -> Tensor:
        """Return the image with what the logit ``(N, 1, H, W)`` takes for damage filled from around it."""
        clean = torch.sigmoid(-F.max_pool2d(logit, 3, stride=1, padding=1))
        known = clean.square().square()  # half damaged: unknown
        half = push_pull(image, known, self.config.halvings)
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


def with_coarse(fine: UNet, coarse: UNet) -> UNet:
    """Return a network whose damage logit is the mean of two: one at full size, one at half.

    Parameters
    ----------
    fine
        Its repairs are kept.
    coarse
        Of which the logit is taken.
    """
    net, half = copy.deepcopy(fine), copy.deepcopy(coarse)
    for part in (half, net):
        assert isinstance(part.head.conv, nn.Conv2d)  # noqa: S101 - tells the type checker
        assert part.head.conv.bias is not None  # noqa: S101
        subpixels = part.config.unshuffle**2
        with torch.no_grad():
            part.head.conv.weight[-subpixels:] /= 2
            part.head.conv.bias[-subpixels:] /= 2
    net.coarse, net.config = half, replace(fine.config, coarse=replace(coarse.config, caution=0.0))
    return net.eval()
