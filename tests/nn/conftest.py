"""The two expensive things these tests share."""

import pytest
import torch

from dsr_core.nn.probe import damaged_images
from dsr_core.nn.unet import UNet, ensemble
from dsr_core.nn.vgg import VGGFeatures
from tests.nn.small_model import SMALL


@pytest.fixture(scope="session")
def features():
    return VGGFeatures("random:0")


def lively(seed):
    """Return a small U-Net that changes the image and calls some of it damage, as a trained one would."""
    torch.manual_seed(seed)
    net = UNet(SMALL)
    with torch.no_grad():
        net.head.conv.weight[-4:] *= 10
        net.head.conv.bias[-4:] = 0
        for name, weight in net.named_parameters():
            if name.endswith("conv2.norm.weight"):
                torch.nn.init.ones_(weight)
        for _ in range(5):  # statistics of its own
            net(damaged_images(2, 64))
    return net.eval()


@pytest.fixture(scope="session")
def model():
    return lively(0)


@pytest.fixture(scope="session")
def trio():
    """An ensemble of three, one of which looks at the picture at half its size."""
    return ensemble(lively(0), [(lively(1), 1, 0.25), (lively(2), 2, 0.25)])
