"""How good a network is on one fixed batch while it trains."""

import torch
from torch import Tensor

from training.damage import VISIBLE, Triplet
from training.damage.visible import spread
from training.measure.metrics import average_precision


def measure(residual: Tensor, logit: Tensor, truth: Triplet) -> dict[str, float]:
    """Compare a network's outputs with the truth.

    Parameters
    ----------
    residual, logit
        ``(N, 3, H, W)`` and ``(N, 1, H, W)``: float32 outputs for ``truth.damaged``.
    truth
        What the simulator returned.

    Returns
    -------
    dict[str, float]
        PSNR in dB of the damaged pictures and of the composite at a probability of one half
        (``psnr_before``, ``psnr``), the same inside the damage (``psnr_inside_before``, ``psnr_inside``, of
        the raw repair), ``precision``, ``recall``, ``f1``, ``average_precision``, and ``false_alarms``: the
        share of clean pixels, three or more from any alteration, that are taken.
    """
    image, mask = truth.damaged, truth.mask
    probability = torch.sigmoid(logit)
    found = probability > 0.5
    repaired = (image + residual).clamp(0, 1)
    composite = torch.where(found, repaired, image)
    clean = spread((truth.alteration > 0.25 * VISIBLE).float(), 3) == 0
    hits = (found & mask).sum()

    def psnr(a: Tensor, where: Tensor) -> Tensor:
        error = ((a - truth.clean) ** 2).mean(1, keepdim=True)[where].mean()
        return -10 * torch.log10(error.clamp(min=1e-10))

    everywhere = torch.ones_like(mask)
    histograms = (
        (probability[where] * 255).byte().to(torch.int64).bincount(minlength=256).cpu().numpy()
        for where in (~mask, mask)
    )
    values: dict[str, Tensor | float] = {
        "psnr_before": psnr(image, everywhere),
        "psnr": psnr(composite, everywhere),
        "psnr_inside_before": psnr(image, mask),
        "psnr_inside": psnr(repaired, mask),
        "precision": hits / found.sum().clamp(min=1),
        "recall": hits / mask.sum(),
        "f1": 2 * hits / (found.sum() + mask.sum()),
        "average_precision": average_precision(*histograms),
        "false_alarms": (found & clean).sum() / clean.sum(),
    }
    return {name: float(value) for name, value in values.items()}
