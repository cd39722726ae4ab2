"""The transfer-learning encoder: torchvision's ResNet-34."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ResNet34_Weights, resnet34

from dsr_core.errors import DsrError
from dsr_core.nn.weights import UNREADABLE, imagenet_weights, read_weights

WIDTHS = (64, 64, 128, 256, 512)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size."""


class ResNet34Encoder(nn.Module):
    """ResNet-34 without its classifier; returns one feature map a level, finest first.

    Its batch norm keeps the statistics it came with, frozen or not: what one image of a batch holds must
    not change the brightness of another.

    Raises
    ------
    DsrError
        ``widths`` are not those of ResNet-34.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        if tuple(widths) != WIDTHS:
            raise DsrError(
                f"The resnet34 encoder has the widths {WIDTHS}, not {tuple(widths)}; correct the config."
            )
        net = resnet34(weights=None)
        self.conv1, self.bn1, self.maxpool = net.conv1, net.bn1, net.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def load_weights(self, weights: str | Path = "imagenet") -> None:
        """Start from ``"imagenet"`` (torchvision's cache or the network) or a file of a resnet34 state dict.

        Raises
        ------
        DsrError
            The weights cannot be had, or do not fit.
        """
        url = ResNet34_Weights.IMAGENET1K_V1.url
        path = imagenet_weights(url) if weights == "imagenet" else Path(weights)
        state = {key: value for key, value in read_weights(path).items() if not key.startswith("fc.")}
        try:
            self.load_state_dict(state)
        except UNREADABLE as error:
            raise DsrError(f"'{path}' does not hold the weights of torchvision's resnet34.") from error

    def train(self, mode: bool = True) -> "ResNet34Encoder":
        """Enter train or eval mode; batch norm stays in eval mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map an image ``(N, 3, H, W)`` in [0, 1] to its features at 1/2, 1/4, ... 1/32 of its size."""
        x = torch.relu(self.bn1(self.conv1((image - self.mean) / self.std)))
        features = [x]
        x = self.maxpool(x)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features
