"""What the network is trained to lower: the terms of damage removal, and a perceptual one."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from dsr_core.nn.losses import PerceptualLoss
from training.damage import VISIBLE, Triplet
from training.damage.visible import spread

RING = 3
"""Pixels around the damage where the repair must be right too: the filter grows and feathers its mask."""

INSIDE = 5.0
"""Weight of the mean absolute error of the repair in and around the damage."""

COMPOSITE = 20.0
"""Weight of the mean absolute error of the whole picture, repaired by the probability of damage."""

MASK = 6.0
"""Weight of the cross entropy of the mask, a mean over all pixels."""

DICE = 0.3
"""Weight of the Dice loss of the mask, which counts the damage of the batch and not its clean pixels."""

FEW = 0.002
"""Share of all pixels below which damage counts for less: that of a nearly clean batch is not blown up."""

DICE_FLOOR = 50
"""Pixels that the Dice loss adds to overlap and sum: a batch without damage has a loss near 0."""


def repair_terms(image: Tensor, residual: Tensor, logit: Tensor, truth: Triplet) -> dict[str, Tensor]:
    """Return the weighted terms of the damage-removal loss.

    Parameters
    ----------
    image
        The damaged image ``(N, 3, H, W)``.
    residual, logit
        The network's outputs.
    truth
        What the simulator returned.
    """
    target, mask = truth.clean, truth.mask.float()
    near = spread(mask, RING)
    error = (image + residual - target).abs().mean(1, keepdim=True)
    probability = torch.sigmoid(logit)
    composite = (image + residual * probability - target).abs().mean()
    # what is altered but hidden in the grain is neither damage nor a false alarm
    judged = mask + (truth.alteration < 0.25 * VISIBLE)
    pixels = image.shape[0] * image.shape[2] * image.shape[3]
    entropy = F.binary_cross_entropy_with_logits(logit, mask, reduction="none") * judged
    overlap = (probability * mask).sum()
    dice = 1 - (2 * overlap + DICE_FLOOR) / ((probability * judged).sum() + mask.sum() + DICE_FLOOR)
    return {
        "inside": INSIDE * (error * near).sum() / (near.sum() + FEW * pixels),
        "composite": COMPOSITE * composite,
        "mask": MASK * entropy.sum() / pixels,
        "dice": DICE * dice,
    }


def perceptual_term(
    judge: PerceptualLoss, image: Tensor, residual: Tensor, logit: Tensor, truth: Triplet
) -> Tensor:
    """Judge the composite, and the raw repair inside the damage, by a perceptual loss.

    Parameters
    ----------
    judge
        The perceptual loss.
    image, residual, logit, truth
        As for :func:`repair_terms`.
    """
    near = spread(truth.mask.float(), RING)
    target = truth.clean.contiguous(memory_format=torch.channels_last)
    known = judge.target_features(target)
    composite = image + residual * torch.sigmoid(logit)
    raw = torch.lerp(target, image + residual, near)
    judged: Tensor = judge(composite, target, known) + judge(raw, target, known)
    return judged / 2
