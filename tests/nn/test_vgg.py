"""The features: where they come from, and that what is asked for is what is used."""

import pytest
import torch

from dsr_core.errors import DsrError
from dsr_core.nn.probe import pink_noise
from dsr_core.nn.vgg import LAYERS, RANDOM_SPREAD, VGGFeatures, vgg16_bn_features


def image(size=32):
    return pink_noise(2, size, torch.Generator().manual_seed(9))


def test_maps_have_the_channels_and_sizes_of_vgg16(features):
    shapes = [tuple(layer.shape[1:]) for layer in features(image())]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]


def test_folded_network_equals_torchvisions_layers(tmp_path):
    torch.manual_seed(1)
    layers = vgg16_bn_features()
    for layer in layers:  # statistics and weights that leave no term of batch norm out
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.bias, -0.1, 0.1)
    torch.save(layers.state_dict(), tmp_path / "vgg.pt")
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    x, expected = (image() - mean) / std, []
    with torch.no_grad():
        for index, layer in enumerate(layers.eval()):
            x = layer(x)
            if index in LAYERS:
                expected.append(x.clone())
        found = VGGFeatures(tmp_path / "vgg.pt")(image())
    assert len(found) == len(LAYERS)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)  # rounding in another order


def test_whole_and_feature_only_state_dicts_give_the_same(tmp_path):
    torch.manual_seed(2)
    state = vgg16_bn_features().state_dict()
    torch.save(state, tmp_path / "features.pt")
    whole = {f"features.{key}": value for key, value in state.items()} | {"classifier.0.bias": torch.zeros(2)}
    torch.save(whole, tmp_path / "whole.pt")
    one, two = (VGGFeatures(tmp_path / name)(image(), (5,))[0] for name in ("features.pt", "whole.pt"))
    assert torch.equal(one, two)


def test_nothing_can_be_trained_and_train_mode_changes_nothing(features):
    before = features(image(), (12,))[0]
    features.train()
    assert torch.equal(features(image(), (12,))[0], before)
    assert not any(parameter.requires_grad for parameter in features.parameters())


def test_random_features_are_seeded_balanced_and_leave_the_global_generator_alone():
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    one, again, other = (VGGFeatures(f"random:{seed}") for seed in (1, 1, 2))
    maps = [net(image(64), (5, 32)) for net in (one, again, other)]
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(maps[0][1], maps[1][1])
    assert not torch.allclose(maps[0][1], maps[2][1])
    for layer in maps[0]:
        # A normal variable behind a ReLU keeps 0.58 of its spread; this is not the noise of the calibration.
        assert layer.std().item() == pytest.approx(0.58 * RANDOM_SPREAD, rel=0.3)


def test_what_is_not_needed_is_not_computed(features):
    calls = []
    hooks = [stage.register_forward_hook(lambda *_: calls.append(1)) for stage in features.stages]
    features(image(), (5, 22))
    for hook in hooks:
        hook.remove()
    assert len(calls) == 3


def test_imagenet_without_network_says_which_file_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def offline(*_args, **_options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(
        DsrError,
        match=r"could not be downloaded \(no route to host.*vgg16_bn-6c64b313\.pth.*checkpoints.*random:0",
    ):
        VGGFeatures("imagenet")


def test_imagenet_uses_torchs_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torch.manual_seed(3)
    torch.save(vgg16_bn_features().state_dict(), tmp_path / "checkpoints" / "vgg16_bn-6c64b313.pth")
    assert VGGFeatures("imagenet").weights == "imagenet"


@pytest.mark.parametrize("name", ["random:", "random:seven"])
def test_a_seed_must_be_a_number(name):
    with pytest.raises(DsrError, match="is no seed; write for example 'random:0'"):
        VGGFeatures(name)


def test_files_that_hold_something_else(tmp_path):
    with pytest.raises(DsrError, match="There is no file"):
        VGGFeatures(tmp_path / "missing.pt")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(DsrError, match="is damaged or was not written by torch"):
        VGGFeatures(tmp_path / "text.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(DsrError, match="does not hold the weights of torchvision's vgg16_bn"):
        VGGFeatures(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(DsrError, match="holds no weights but a list"):
        VGGFeatures(tmp_path / "list.pt")
