"""The perceptual losses, against what can be worked out by hand."""

import math

import pytest
import torch

from dsr_core.nn import losses
from dsr_core.nn.losses import VARIANTS, PerceptualLoss, content_distance, gram, mae, pixel_distance, ssim
from dsr_core.nn.probe import damaged_images, pink_noise
from dsr_core.nn.vgg import LAYERS

EXACT = 1e-6  # float32 arithmetic on values of about 1


def pair(size=32):
    clean = pink_noise(2, size, torch.Generator().manual_seed(1))
    damaged = clean.clone()
    damaged[:, :, 10:13, 4:28] = 1.0
    return damaged, clean


def test_mae_of_a_tiny_image_is_the_mean_of_its_differences():
    x = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    y = torch.tensor([[[[0.5, 0.5], [0.0, 0.75]]]])
    assert mae(x, y).item() == pytest.approx((0.5 + 0 + 1 + 0.5) / 4, abs=EXACT)


def test_ssim_of_flat_images_is_the_luminance_term_alone():
    x, y, c1 = 0.2, 0.6, 0.01**2
    expected = (2 * x * y + c1) / (x * x + y * y + c1)
    found = ssim(*(torch.full((1, 3, 9, 7), value, dtype=torch.float64) for value in (x, y)))
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_ssim_of_one_window_follows_wangs_formula():
    """Weighted moments of what the window covers of a 5x5 image, worked out in plain Python."""
    generator = torch.Generator().manual_seed(3)
    x, y = torch.rand(2, 1, 1, 5, 5, generator=generator, dtype=torch.float64)
    taps = [math.exp(-((i - 2) ** 2) / (2 * 1.5**2)) for i in range(5)]
    similarities = []
    for row in range(5):
        for column in range(5):
            total = mx = my = xx = yy = xy = 0.0
            for i in range(max(0, row - 2), min(5, row + 3)):
                for j in range(max(0, column - 2), min(5, column + 3)):
                    w, a, b = (
                        taps[i - row + 2] * taps[j - column + 2],
                        x[0, 0, i, j].item(),
                        y[0, 0, i, j].item(),
                    )
                    total, mx, my = total + w, mx + w * a, my + w * b
                    xx, yy, xy = xx + w * a * a, yy + w * b * b, xy + w * a * b
            mx, my, xx, yy, xy = (value / total for value in (mx, my, xx, yy, xy))
            c1, c2 = 1e-4, 9e-4
            similarities.append(
                (2 * mx * my + c1)
                * (2 * (xy - mx * my) + c2)
                / ((mx**2 + my**2 + c1) * (xx - mx**2 + yy - my**2 + c2))
            )
    assert ssim(x, y).item() == pytest.approx(sum(similarities) / 25, abs=1e-12)  # float64 throughout


def test_ssim_is_symmetric_bounded_and_falls_with_noise():
    clean = pink_noise(1, 32, torch.Generator().manual_seed(2))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    values = [ssim(clean, clean + level * noise).item() for level in (0.0, 0.01, 0.05, 0.2)]
    assert values[0] == pytest.approx(1, abs=EXACT)
    assert values == sorted(values, reverse=True)
    assert ssim(clean, 1 - clean).item() < 0.5
    assert ssim(clean, clean + noise).item() == pytest.approx(ssim(clean + noise, clean).item(), abs=EXACT)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 2, 3, 2), (2, 3, 4, 9)])
def test_ssim_takes_images_smaller_than_its_window(shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(4))
    assert ssim(x, x).item() == pytest.approx(1, abs=EXACT)


def test_ssim_has_the_gradient_of_its_value():
    generator = torch.Generator().manual_seed(5)
    x, y = torch.rand(2, 1, 2, 6, 7, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a: ssim(a, y), (x.requires_grad_(),))


def test_gram_of_two_tiny_channels():
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2)
    expected = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4
    torch.testing.assert_close(gram(maps), expected)


def test_gram_does_not_depend_on_where_things_are():
    maps = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(6))
    torch.testing.assert_close(gram(maps), gram(maps.flip(3)))


def test_the_table_of_variants():
    assert VARIANTS[1].weights == (0, 0, 20, 70, 10)
    assert VARIANTS[2].weights == VARIANTS[3].weights == (2, 4, 5, 6, 6)
    assert [VARIANTS[number].structural for number in (1, 2, 3)] == [False, False, True]
    assert LAYERS == (5, 12, 22, 32, 42)


def test_structural_distances_are_what_the_table_says():
    x, y = pair()
    torch.testing.assert_close(pixel_distance(x, y, structural=True), mae(x, y) + 1 - ssim(x, y))
    assert content_distance(x, y, structural=True) == 1 - ssim(x, y)
    assert pixel_distance(x, y, structural=False) == content_distance(x, y, structural=False) == mae(x, y)


@pytest.mark.parametrize("variant", [1, 2, 3])
def test_identical_images_cost_nothing_and_damage_costs(variant, features):
    damaged, clean = pair()
    loss = PerceptualLoss(variant, features)
    assert loss(clean, clean).item() == pytest.approx(0, abs=1e-4)  # of terms that weigh up to 70
    assert loss(damaged, clean).item() > 0.01


@pytest.mark.parametrize("variant", [1, 2, 3])
def test_module_equals_the_formula_written_out(variant, features):
    damaged, clean = pair()
    table = VARIANTS[variant]
    expected = pixel_distance(damaged, clean, structural=table.structural)
    for weight, x, y in zip(table.weights, features(damaged), features(clean), strict=True):
        expected = expected + weight * content_distance(x, y, structural=table.structural)
        expected = expected + weight**2 * 5e3 * mae(gram(x), gram(y))
    torch.testing.assert_close(PerceptualLoss(variant, features)(damaged, clean), expected)


def test_function_equals_module(features):
    damaged, clean = pair()
    loss = PerceptualLoss(2, features)
    terms = losses.perceptual_terms(damaged, clean, features(damaged), features(clean), VARIANTS[2])
    torch.testing.assert_close(torch.stack(list(terms.values())).sum(), loss(damaged, clean))


def test_model_1_ignores_layers_5_and_12(features, monkeypatch):
    damaged, clean = pair()
    asked = []
    compute = features.forward
    monkeypatch.setattr(features, "forward", lambda x, layers: asked.append(layers) or compute(x, layers))
    PerceptualLoss(1, features)(damaged, clean)
    assert asked == [(22, 32, 42)] * 2


def test_target_features_may_be_computed_once(features):
    damaged, clean = pair()
    loss = PerceptualLoss(3, features)
    once = loss.target_features(clean)
    assert not any(layer.requires_grad for layer in once)
    torch.testing.assert_close(loss(damaged, clean, once), loss(damaged, clean))


@pytest.mark.parametrize("variant", [1, 2, 3])
def test_gradients_reach_the_restored_image_only(variant, features):
    damaged, clean = (image.requires_grad_() for image in pair())
    PerceptualLoss(variant, features)(damaged, clean).backward()
    assert damaged.grad is not None
    assert damaged.grad.abs().max() > 0
    assert clean.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())


def test_bfloat16_autocast_changes_the_loss_by_less_than_a_twentieth(features):
    """bfloat16 keeps 8 bits of each feature; SSIM and Gram matrices are computed in float32 from them."""
    clean = pink_noise(1, 32, torch.Generator().manual_seed(7))
    damaged = damaged_images(1, 32, seed=7)
    loss = PerceptualLoss(3, features)
    with torch.autocast("cpu", torch.bfloat16):
        half = loss(damaged, clean)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(loss(damaged, clean).item(), rel=0.05)
