"""What a training is watched by, and its losses, against what can be counted by hand."""

import pytest
import torch

from training.damage import Triplet
from training.losses import RING, perceptual_term
from training.validation import measure

MASK = torch.zeros(1, 1, 32, 32, dtype=torch.bool)
MASK[..., 10:14, 10:20] = True
CLEAN = torch.full((1, 3, 32, 32), 0.5)
DAMAGED = torch.where(MASK, 0.9, CLEAN)
TRUTH = Triplet(DAMAGED, CLEAN, 0.4 * MASK.float(), MASK)
SURE = torch.where(MASK, 20.0, -20.0)


def test_a_perfect_answer():
    found = measure(CLEAN - DAMAGED, SURE, TRUTH)
    assert found["f1"] == found["precision"] == found["recall"] == 1
    assert found["average_precision"] == pytest.approx(1)
    assert found["false_alarms"] == 0
    assert found["psnr"] == found["psnr_inside"] == pytest.approx(100)  # the most there is
    assert found["psnr_inside_before"] == pytest.approx(-20 * torch.log10(torch.tensor(0.4)).item(), abs=1e-4)


def test_an_idle_answer_leaves_everything():
    found = measure(torch.zeros_like(CLEAN), torch.full_like(SURE, -20.0), TRUTH)
    assert found["recall"] == found["f1"] == found["precision"] == 0
    assert found["psnr"] == found["psnr_before"]
    assert found["psnr_inside"] == found["psnr_inside_before"]


def test_false_alarms_are_counted_away_from_the_damage():
    logit = SURE.clone()
    logit[..., 2, 2] = logit[..., 10, 22] = 20.0  # the second within three pixels of damage
    found = measure(CLEAN - DAMAGED, logit, TRUTH)
    clean = 32 * 32 - (4 + 6) * (10 + 6)
    assert found["false_alarms"] == pytest.approx(1 / clean)
    assert found["precision"] == pytest.approx(40 / 42)


class Distance:
    """A perceptual loss that is the mean absolute difference, and notes what it is shown."""

    def __init__(self):
        self.shown = []

    def target_features(self, target):
        return "features of", target

    def __call__(self, image, target, known):
        assert known == ("features of", target)
        self.shown.append(image)
        return (image - target).abs().mean()


def test_the_perceptual_term_judges_composite_and_raw_repair():
    judge = Distance()
    assert perceptual_term(judge, DAMAGED, CLEAN - DAMAGED, SURE, TRUTH) < 1e-6
    wrong = torch.full_like(CLEAN, 0.1)  # on top of the damaged picture, everywhere
    term = perceptual_term(judge, DAMAGED, wrong, torch.zeros_like(SURE), TRUTH)
    composite, raw = judge.shown[-2:]
    torch.testing.assert_close(composite, DAMAGED + 0.05)  # at a probability of one half
    near = torch.zeros_like(MASK)
    near[..., 10 - RING : 14 + RING, 10 - RING : 20 + RING] = True
    torch.testing.assert_close(raw, torch.where(near, DAMAGED + 0.1, CLEAN))
    expected = ((composite - CLEAN).abs().mean() + (raw - CLEAN).abs().mean()) / 2
    torch.testing.assert_close(term, expected)
