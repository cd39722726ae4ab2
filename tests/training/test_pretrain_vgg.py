"""Features trained on photographs: the pretext, and that the losses can use the file."""

import cv2
import torch
from skimage.data import astronaut

from dsr_core.nn.probe import pink_noise
from dsr_core.nn.vgg import LAYERS, RANDOM_SPREAD, VGGFeatures, vgg16_bn_features
from training.__main__ import main
from training.pretrain_vgg import DEGRADATIONS, degrade, rebalanced


def photos(count=16):
    return pink_noise(count, 32, torch.Generator().manual_seed(0))


def test_degradations_are_seeded_and_stay_in_range():
    image, strength = degrade(photos(), torch.Generator().manual_seed(1))
    again, strength_again = degrade(photos(), torch.Generator().manual_seed(1))
    assert torch.equal(image, again)
    assert torch.equal(strength, strength_again)
    assert strength.shape == (16, len(DEGRADATIONS))
    assert 0 <= image.min() <= image.max() <= 1
    assert 0 <= strength.min() <= strength.max() <= 1
    assert 0.35 < (strength == 0).float().mean() < 0.65  # 160 coins


def test_every_degradation_shows(monkeypatch):
    clean = photos(1)
    for index in range(len(DEGRADATIONS)):
        draws = iter([torch.eye(len(DEGRADATIONS))[index : index + 1], torch.zeros(1, len(DEGRADATIONS))])
        with monkeypatch.context() as patch:
            patch.setattr(torch, "rand", lambda *_, draws=draws, **__: next(draws, torch.zeros(1, 3, 1, 1)))
            image, strength = degrade(clean, torch.Generator().manual_seed(2))
        assert strength[0, index] == 1
        assert (image - clean).abs().mean() > 1e-3, DEGRADATIONS[index]


def test_rebalancing_changes_the_scale_of_the_maps_and_nothing_else():
    torch.manual_seed(0)
    layers = vgg16_bn_features().eval()
    image = photos(1)
    before, after, x = [], [], image
    with torch.no_grad():
        for result in (before, after):
            x = image
            for index, layer in enumerate(layers if result is before else rebalanced(layers)):
                x = layer(x)
                if index in LAYERS:
                    result.append(x.clone())
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(two, one * RANDOM_SPREAD, rtol=1e-3, atol=1e-6)  # 13 scalings in float32


def test_a_short_training_ends_in_a_file_that_the_losses_take(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), astronaut()[:128, :128, ::-1])
    arguments = [
        "--photos",
        str(folder),
        "--output",
        str(tmp_path / "vgg.pt"),
        "--steps",
        "2",
        "--batch",
        "2",
    ]
    assert main(["pretrain-vgg", *arguments, "--crop", "32"]) == 0
    features = VGGFeatures(tmp_path / "vgg.pt")
    assert all(layer.isfinite().all() for layer in features(photos(1)))
    assert (tmp_path / "vgg.pt").stat().st_size < 32e6
    assert main(["pretrain-vgg", *arguments, "--crop", "32"]) == 1  # exists
