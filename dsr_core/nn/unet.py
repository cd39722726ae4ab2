"""The U-Net that repairs film damage: three residual channels and one damage logit."""

import copy
from collections.abc import Sequence
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
class Member:
    """A network of an ensemble, which finds damage and repairs nothing.

    Parameters
    ----------
    network
        Its dimensions.
    shrink
        1: it sees the picture as it is; 2: at half its size, where it sees twice as far and costs a quarter.
    """

    network: "UNetConfig"
    shrink: int = 1


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
    members
        Other networks, whose damage logits are added to this one's.

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
    members: tuple[Member, ...] = ()

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
        sides = (member.shrink * member.network.multiple_of for member in self.members)
        return max([int(2**self.halvings), *sides])


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

    The logits of an ensemble's members are added to this one's before anything is filled.
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
        self.members = nn.ModuleList(UNet(member.network) for member in config.members)
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
        for member, net in zip(self.config.members, self.members, strict=True):
            logit = logit + _seen_at(image, net, member.shrink)
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

    def heads(self) -> nn.ModuleList:
        """Return the last layers, its own and those of its members: their outputs have units of their own."""
        return nn.ModuleList(net.head for net in self.modules() if isinstance(net, UNet))

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


def _seen_at(image: Tensor, net: nn.Module, shrink: int) -> Tensor:
    """Return a network's own logit ``(N, 1, H, W)`` of an image that it sees shrunk."""
    assert isinstance(net, UNet)  # noqa: S101 - tells the type checker
    if shrink == 1:
        return net.outputs(image)[:, 4:]
    logit = net.outputs(F.avg_pool2d(image, shrink))[:, 4:]
    return F.interpolate(logit, scale_factor=shrink, mode="bilinear", align_corners=False)


def ensemble(net: UNet, others: Sequence[tuple[UNet, int, float]]) -> UNet:
    """Return a network whose damage logit is a weighted mean of several; none of them is changed.

    Parameters
    ----------
    net
        The one that repairs.
    others
        A network, how far the picture is shrunk for it, and its share in the mean; ``net`` has the rest.
    """
    shares = [share for *_, share in others]
    first, *rest = (
        _weighed(part, share)
        for part, share in zip([net, *(n for n, *_ in others)], [1 - sum(shares), *shares], strict=True)
    )
    members = (Member(part.config, shrink) for part, (_, shrink, _) in zip(rest, others, strict=True))
    first.members = nn.ModuleList(rest)
    first.config = replace(net.config, members=tuple(members))
    return first.eval()


def parts(net: UNet, shares: Sequence[float]) -> list[UNet]:
    """Return the networks that :func:`ensemble` put together, first the one that repairs.

    Parameters
    ----------
    net
        The ensemble, which is not changed.
    shares
        Of its members in the mean.
    """
    alone = copy.deepcopy(net)
    alone.members = nn.ModuleList()
    alone.config = replace(net.config, members=())
    members = [member for member in net.members if isinstance(member, UNet)]
    return [
        _weighed(part, 1 / share)
        for part, share in zip([alone, *members], [1 - sum(shares), *shares], strict=True)
    ]


def _weighed(net: UNet, share: float) -> UNet:
    """Return a copy with its logit multiplied by a share, without caution."""
    copied = copy.deepcopy(net)
    copied.config = replace(net.config, caution=0.0)
    last = copied.head.conv
    assert isinstance(last, nn.Conv2d)  # noqa: S101 - tells the type checker
    assert last.bias is not None  # noqa: S101
    subpixels = net.config.unshuffle**2
    with torch.no_grad():
        last.weight[-subpixels:] *= share
        last.bias[-subpixels:] *= share
    return copied
