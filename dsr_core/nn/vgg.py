"""Features of VGG16 with batch norm, the yardstick of the perceptual losses."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import VGG16_BN_Weights
from torchvision.models.vgg import cfgs, make_layers

from dsr_core.errors import DsrError
from dsr_core.nn.probe import pink_noise
from dsr_core.nn.weights import UNREADABLE, imagenet_weights, read_weights

LAYERS = (5, 12, 22, 32, 42)
"""The ReLUs before each max-pool, as numbered in torchvision's ``vgg16_bn().features``."""

URL = VGG16_BN_Weights.IMAGENET1K_V1.url

RANDOM_SPREAD = 0.1
"""Standard deviation of random features before the ReLU.

A content distance grows with it and a style distance with its square; here the two weigh about the same.
"""


class VGGFeatures(nn.Module):
    """Feature maps of a frozen ``vgg16_bn``.

    Batch norm is folded into the convolutions: same features, fewer passes over memory, and nothing left that
    train mode could change.

    Parameters
    ----------
    weights
        ``"imagenet"``: torchvision's, from its cache or the network. ``"random:SEED"``: random features, for
        where those cannot be had (He, Wang, Hopcroft, *A Powerful Generative Model Using Random Weights for
        the Deep Image Representation*, 2016). Anything else: a file that holds the ``state_dict`` of
        torchvision's ``vgg16_bn``, or of its ``features`` alone.

    Raises
    ------
    DsrError
        The weights cannot be had, or do not fit.
    """

    def __init__(self, weights: str | Path = "imagenet") -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # the layers' own initialisation is not wanted, nor its draws
            layers = vgg16_bn_features()
        if str(weights).startswith("random:"):
            _randomise(layers, str(weights))
        else:
            _load(layers, imagenet_weights(URL) if weights == "imagenet" else Path(weights))
        self.weights = str(weights)
        self.stages = _stages(layers.eval())
        self.requires_grad_(requires_grad=False)

    def forward(self, image: Tensor, layers: tuple[int, ...] = LAYERS) -> list[Tensor]:
        """Return the feature maps at ``layers``, finest first; nothing beyond the last of them is computed.

        Parameters
        ----------
        image
            ``(N, 3, H, W)`` RGB in [0, 1], H and W at least 16.
        layers
            Some of :data:`LAYERS`.
        """
        x = normalise(image)
        features = []
        for layer, stage in zip(LAYERS, self.stages, strict=True):
            x = stage(x)
            if layer in layers:
                features.append(x)
            if layer == max(layers):
                break
        return features


def vgg16_bn_features() -> nn.Sequential:
    """Return the convolutional part of torchvision's ``vgg16_bn``; the classifier is eight times as large."""
    layers: nn.Sequential = make_layers(cfgs["D"], batch_norm=True)
    return layers


def normalise(image: Tensor) -> Tensor:
    """Shift and scale RGB in [0, 1] to the mean and spread that ImageNet's networks were trained with."""
    mean, std = image.new_tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    normal: Tensor = (image - mean) / std
    return normal


def _randomise(layers: nn.Sequential, name: str) -> None:
    """Draw He-initialised filters that answer pink noise with mean 0 and spread :data:`RANDOM_SPREAD`."""
    try:
        generator = torch.Generator().manual_seed(int(name.removeprefix("random:")))
    except ValueError as error:
        raise DsrError(f"'{name}' is no seed; write for example 'random:0'.") from error
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.constant_(layer.weight, RANDOM_SPREAD)
            layer.momentum = 1.0  # the statistics become those of the one batch below
    with torch.no_grad():
        layers.train()(normalise(pink_noise(8, 128, generator)))


def _load(layers: nn.Sequential, path: Path) -> None:
    """Fill the layers from a file that holds a ``vgg16_bn`` state dict or its ``features`` part."""
    state = read_weights(path)
    prefix = "features."
    features = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    try:
        layers.load_state_dict(features or state)
    except UNREADABLE as error:
        raise DsrError(f"'{path}' does not hold the weights of torchvision's vgg16_bn.") from error


def _stages(layers: nn.Sequential) -> nn.ModuleList:
    """Cut the layers behind each of :data:`LAYERS`, with batch norm folded into the convolutions."""
    stages, start = nn.ModuleList(), 0
    for end in LAYERS:
        stage = nn.Sequential()
        for index in range(start, end + 1):
            layer = layers[index]
            if isinstance(layer, nn.Conv2d):
                stage.append(fuse_conv_bn_eval(layer, cast("nn.BatchNorm2d", layers[index + 1])))
            elif not isinstance(layer, nn.BatchNorm2d):
                stage.append(layer)
        stages.append(stage)
        start = end + 1
    return stages
