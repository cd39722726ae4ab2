"""The U-Net and its two encoders."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from dsr_core.errors import DsrError
from dsr_core.nn.blocks import NormedConv, Upsample, fold_norms, local_contrast, push_pull
from dsr_core.nn.probe import damaged_images
from dsr_core.nn.resnet import WIDTHS, ResNet34Encoder
from dsr_core.nn.unet import UNet, UNetConfig, ensemble, parts
from tests.nn.small_model import SMALL

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


def test_the_logit_of_an_ensemble_is_the_mean_of_its_networks(model, trio):
    image = damaged_images(1, 64)
    same, halved = trio.members
    with torch.no_grad():
        own, logit = model(image)[1], trio(image)[1]
        beside, coarse = same.outputs(image)[:, 4:], halved.outputs(F.avg_pool2d(image, 2))[:, 4:]
    wide = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(logit, own / 2 + beside + wide)
    assert trio.config.multiple_of == 2 * model.config.multiple_of
    assert not model.members  # what was joined is as it was


def test_an_ensemble_can_be_taken_apart(model, trio):
    image = damaged_images(1, 64)
    first, *others = parts(trio, [0.25, 0.25])
    with torch.no_grad():
        torch.testing.assert_close(first(image)[1], model(image)[1])
        again = ensemble(first, [(others[0], 1, 0.25), (others[1], 2, 0.25)])
        torch.testing.assert_close(again(image)[1], trio(image)[1])


def test_upsampling_starts_without_a_checkerboard():
    up = Upsample(4, 2)(torch.rand(1, 4, 5, 5))
    torch.testing.assert_close(up[:, :, ::2, ::2], up[:, :, 1::2, 1::2])


def test_freezing_is_of_the_encoder_and_can_be_undone():
    model = UNet(SMALL)
    model.freeze_encoder()
    assert not any(parameter.requires_grad for parameter in model.encoder.parameters())
    assert all(parameter.requires_grad for parameter in model.head.parameters())
    model.freeze_encoder(frozen=False)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_freezing_is_of_the_encoders_statistics_too():
    model = UNet(SMALL).train()
    model.freeze_encoder()
    before = {name: value.clone() for name, value in model.named_buffers() if "running" in name}
    model(torch.rand(2, 3, 16, 16))
    moved = {name for name, value in before.items() if not torch.equal(value, model.get_buffer(name))}
    assert moved
    assert not any(name.startswith("encoder.") for name in moved)
    model.freeze_encoder(frozen=False)
    model(torch.rand(2, 3, 16, 16))
    first = "encoder.stems.0.norm.running_mean"
    assert not torch.equal(before[first], model.get_buffer(first))


def test_thawing_a_model_in_use_leaves_it_in_eval_mode():
    model = UNet(SMALL).eval()
    model.freeze_encoder(frozen=False)
    assert not model.encoder.training


def test_folding_the_norms_keeps_the_outputs(model):
    generator = torch.Generator().manual_seed(1)
    original = copy.deepcopy(model).double()
    norms = [module for module in original.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.running_mean.normal_(0, 0.3, generator=generator)
            norm.running_var.uniform_(0.3, 3, generator=generator)
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.3, generator=generator)
    folded = copy.deepcopy(original)
    fold_norms(folded)
    assert len(norms) == sum(isinstance(module, NormedConv) for module in folded.modules())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    image = torch.rand(2, 3, 16, 24, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        expected, found = original(image), folded(image)
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.std() > 0.01
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)  # float64 throughout


def test_one_image_of_a_batch_does_not_change_another(model):
    pair = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        for both, alone in zip(model(pair), model(pair[:1]), strict=True):
            torch.testing.assert_close(both[:1], alone, rtol=0, atol=1e-5)  # sums of float32 in another order


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
    with pytest.raises(DsrError, match="does not hold the weights of torchvision's resnet34"):
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


def test_contrast_is_seen_alike_on_any_background():
    speck = torch.zeros(1, 3, 32, 32)
    speck[..., 9:12, 9:12] = 0.2
    for background in (torch.tensor([0.7, 0.7, 0.7]), torch.tensor([0.6, 0.1, 0.05])):
        seen = local_contrast(background.view(1, 3, 1, 1) + speck, 16)
        torch.testing.assert_close(seen, local_contrast(speck, 16), rtol=0, atol=1e-4)
    assert seen[..., 9:12, 9:12].min() > 2  # the speck stands out


def test_holes_are_filled_from_around():
    rows, columns = torch.meshgrid(torch.arange(64) / 64, torch.arange(64) / 64, indexing="ij")
    image = torch.stack([rows, columns, 0.5 + 0 * rows])[None]
    known = torch.ones(1, 1, 64, 64)
    known[..., 20:27, 30:50] = 0
    holed = torch.where(known > 0, image, 9.0)
    filled = push_pull(holed, known, 4)
    assert filled.shape == (1, 3, 32, 32)
    half = torch.nn.functional.avg_pool2d(image, 2)
    assert (filled - half).abs().max() < 0.12  # a slope is nearly kept across twenty pixels
    away = known.clone()
    away[..., 18:29, 28:52] = 0
    seen = torch.nn.functional.avg_pool2d(away, 2) == 1
    torch.testing.assert_close((filled * seen), (half * seen), rtol=0, atol=1e-3)


def test_an_untrained_network_fills_what_its_logit_takes_for_damage():
    torch.manual_seed(0)
    net = UNet(SMALL).eval()
    with torch.no_grad():
        net.head.conv.weight.zero_()
        image = torch.rand(1, 3, 32, 32)
        residual, logit = net(image)
        torch.testing.assert_close(image + residual, net.fill(image, logit))


def test_caution_lowers_the_logit_and_leaves_the_fill():
    torch.manual_seed(0)
    net = UNet(SMALL).eval()
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        bold_residual, bold = net(image)
        net.config = replace(SMALL, caution=1.5)
        residual, logit = net(image)
    torch.testing.assert_close(logit, bold - 1.5)
    assert torch.equal(residual, bold_residual)


@pytest.mark.parametrize(("levels", "multiple"), [(0, 8), (2, 8), (3, 8), (5, 32)])
def test_holes_are_filled_over_the_levels_asked_for(levels, multiple):
    config = replace(SMALL, fill_levels=levels)
    assert config.stride == 8
    assert config.multiple_of == multiple
    image = torch.rand(1, 3, multiple, 2 * multiple)
    with torch.no_grad():
        residual, logit = UNet(config).eval()(image)
    assert residual.shape == image.shape
    assert logit.shape == (1, 1, multiple, 2 * multiple)


def test_more_levels_fill_from_further_away():
    image = torch.full((1, 3, 64, 64), 0.2)
    image[..., 4:60, 4:60] = 0.9
    logit = torch.full((1, 1, 64, 64), -20.0)
    logit[..., 4:60, 4:60] = 20.0
    near, far = (UNet(replace(SMALL, fill_levels=levels)).fill(image, logit) for levels in (0, 5))
    assert (far[..., 32, 32] - 0.2).abs().max() < 0.02
    assert (near[..., 32, 32] - 0.2).abs().max() > 0.1
