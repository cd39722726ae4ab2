"""The U-Net and its two encoders."""

import pytest
import torch
from small_model import SMALL
from torch.utils.flop_counter import FlopCounterMode

from dsr_core.errors import DsrError
from dsr_core.nn.resnet import WIDTHS, ResNet34Encoder
from dsr_core.nn.unet import UNet, UNetConfig, Upsample

RESNET = UNetConfig(encoder="resnet34", widths=WIDTHS, encoder_blocks=(), decoder_blocks=(0, 0, 0, 0))


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return UNet(RESNET)


@pytest.mark.parametrize("size", [(8, 8), (16, 40)])
def test_output_has_the_size_of_the_input(size):
    residual, logit = UNet(SMALL)(torch.rand(2, 3, *size))
    assert residual.shape == (2, 3, *size)
    assert logit.shape == (2, 1, *size)


def test_a_new_network_calls_nothing_damaged():
    torch.manual_seed(0)
    _, logit = UNet(SMALL)(torch.rand(1, 3, 32, 32))
    assert torch.sigmoid(logit).max() < 0.1


def test_upsampling_starts_without_a_checkerboard():
    up = Upsample(4, 2)(torch.rand(1, 4, 5, 5))
    torch.testing.assert_close(up[:, :, ::2, ::2], up[:, :, 1::2, 1::2])


def test_the_shipped_size_costs_at_most_80_kmac_a_pixel():
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        UNet(UNetConfig())(torch.zeros(1, 3, 64, 64))
    assert counter.get_total_flops() / 2 / 64**2 <= 80e3


def test_freezing_is_of_the_encoder_and_can_be_undone():
    model = UNet(SMALL)
    model.freeze_encoder()
    assert not any(parameter.requires_grad for parameter in model.encoder.parameters())
    assert all(parameter.requires_grad for parameter in model.head.parameters())
    model.freeze_encoder(frozen=False)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_resnet34_gives_the_same_face(resnet):
    assert RESNET.multiple_of == 32
    residual, logit = resnet(torch.rand(1, 3, 32, 64))
    assert residual.shape == (1, 3, 32, 64)
    assert logit.shape == (1, 1, 32, 64)


def test_resnet34_takes_torchvisions_weights_with_the_classifier_left_out(resnet, tmp_path):
    state = resnet.encoder.state_dict()
    state["conv1.weight"] = torch.full_like(state["conv1.weight"], 0.25)
    torch.save(
        state | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}, tmp_path / "resnet34.pth"
    )
    encoder = ResNet34Encoder()
    encoder.load_weights(tmp_path / "resnet34.pth")
    assert (encoder.conv1.weight == 0.25).all()
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(DsrError, match="resnet34"):
        encoder.load_weights(tmp_path / "other.pth")


def test_batch_statistics_of_resnet34_never_move(resnet):
    before = resnet.encoder.bn1.running_mean.clone()
    resnet.train()
    resnet(torch.rand(2, 3, 32, 32))
    assert torch.equal(resnet.encoder.bn1.running_mean, before)


@pytest.mark.parametrize("config", [UNetConfig(encoder="vit"), UNetConfig(encoder="resnet34")])
def test_a_config_that_cannot_be_is_refused(config):
    with pytest.raises(DsrError):
        UNet(config)
