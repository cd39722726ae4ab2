"""What an evaluation measures, on images ``(H, W, 3)`` uint8 and masks ``(H, W)`` bool."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MOST_PSNR = 60.0
"""dB given to images that are equal: rounding to 8 bits alone leaves 58.9."""

AWAY = 3
"""Pixels further than this from the true damage are clean: nothing there should change."""

NEAR = 2
"""Pixels by which a found defect may lie beside the true one in the tolerant counts."""


@dataclass(frozen=True)
class Measures:
    """One restored image against the truth; counts are kept, so that groups of images can be pooled.

    Parameters
    ----------
    psnr_before, psnr, psnr_damage
        In dB: of the damaged image, of the restored one, and of the latter inside the true damage (NaN:
        none).
    ssim_before, ssim
        Window of 11 pixels, as Wang et al. 2004 have it.
    true_pixels, found_pixels, hits
        Pixels of the true mask, of the found one, and of both.
    near_true, near_found
        True pixels within ``NEAR`` of a found one, and found pixels within ``NEAR`` of a true one.
    defects, defects_found
        True defects, and those of which a quarter of the pixels or more was found.
    marks, marks_right
        Connected regions that were found, and those that lie within ``NEAR`` of true damage.
    clean_pixels, clean_changed
        Pixels further than ``AWAY`` from true damage, and those of them that are no longer what they were.
    grain
        High-frequency energy ``(restored inside, restored around, true inside, true around)`` the repairs.
    scores
        ``(2, 256)``: histograms of the probability on clean and on damaged pixels; zeros without a
        probability.
    eyes, eyes_kept
        Irises that are known, and those of which no clean pixel changed.
    """

    psnr_before: float
    psnr: float
    psnr_damage: float
    ssim_before: float
    ssim: float
    true_pixels: int
    found_pixels: int
    hits: int
    near_true: int
    near_found: int
    defects: int
    defects_found: int
    marks: int
    marks_right: int
    clean_pixels: int
    clean_changed: int
    grain: NDArray[np.float64]
    scores: NDArray[np.int64]
    eyes: int
    eyes_kept: int


def measure(
    damaged: Image,
    clean: Image,
    true: Mask,
    restored: Image,
    found: Mask,
    probability: Image | None = None,
    eyes: Mask | None = None,
) -> Measures:
    """Compare a restoration with the truth.

    Parameters
    ----------
    damaged, clean, restored
        The pair, and what a method made of it.
    true, found
        True damage, and what the method took for damage.
    probability
        ``(H, W)`` uint8, where the method has one.
    eyes
        Where irises are, if they are known.
    """
    near_true, near_found = dilate(true, NEAR), dilate(found, NEAR)
    away = ~dilate(true, AWAY)
    wrong = away & (restored != damaged).any(-1)
    irises, hurt = (0, 0) if eyes is None else _regions(eyes, wrong, 0)
    scores = np.zeros((2, 256), np.int64)
    if probability is not None:
        scores = np.stack([np.bincount(probability[where], minlength=256) for where in (~true, true)])
    return Measures(
        psnr_before=psnr(damaged, clean),
        psnr=psnr(restored, clean),
        psnr_damage=psnr(restored[true], clean[true]) if true.any() else float("nan"),
        ssim_before=ssim(damaged, clean),
        ssim=ssim(restored, clean),
        true_pixels=int(true.sum()),
        found_pixels=int(found.sum()),
        hits=int((true & found).sum()),
        near_true=int((true & near_found).sum()),
        near_found=int((found & near_true).sum()),
        defects=_regions(true, found, 0)[0],
        defects_found=_regions(true, found, 0.25)[1],
        marks=_regions(found, near_true, 0)[0],
        marks_right=_regions(found, near_true, 0)[1],
        clean_pixels=int(away.sum()),
        clean_changed=int(wrong.sum()),
        grain=_grain(restored, clean, found & true),
        scores=scores,
        eyes=irises,
        eyes_kept=irises - hurt,
    )


def summarise(samples: Sequence[Measures]) -> dict[str, float]:
    """Pool the measures of a group: means of what is per image, ratios of summed counts for the rest.

    Keys without a value (no damage in the group, no probability) are NaN.
    """
    total = {
        field.name: np.sum([getattr(sample, field.name) for sample in samples], axis=0)
        for field in fields(Measures)
    }
    change = np.array([sample.ssim - sample.ssim_before for sample in samples])
    inside = [sample.psnr_damage for sample in samples if not np.isnan(sample.psnr_damage)]
    precision, recall = (_ratio(total["hits"], total[key]) for key in ("found_pixels", "true_pixels"))
    near_precision = _ratio(total["near_found"], total["found_pixels"])
    near_recall = _ratio(total["near_true"], total["true_pixels"])
    ours, ours_around, theirs, theirs_around = total["grain"]
    return {
        "images": float(len(samples)),
        "psnr_before": float(np.mean([sample.psnr_before for sample in samples])),
        "psnr": float(np.mean([sample.psnr for sample in samples])),
        "psnr_damage": float(np.mean(inside)) if inside else float("nan"),
        "ssim_before": float(np.mean([sample.ssim_before for sample in samples])),
        "ssim": float(np.mean([sample.ssim for sample in samples])),
        "ssim_change": float(change.mean()),
        "ssim_change_spread": float(change.std()),
        "made_worse": float((change < 0).mean()),
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
        "precision_near": near_precision,
        "recall_near": near_recall,
        "f1_near": _f1(near_precision, near_recall),
        "defects_found": _ratio(total["defects_found"], total["defects"]),
        "marks_right": _ratio(total["marks_right"], total["marks"]),
        "average_precision": average_precision(*total["scores"]),
        "clean_changed": _ratio(total["clean_changed"], total["clean_pixels"]),
        "eyes_kept": _ratio(total["eyes_kept"], total["eyes"]),
        "grain_kept": float(np.sqrt(_ratio(_ratio(ours, ours_around), _ratio(theirs, theirs_around)))),
    }


def psnr(x: Image, y: Image) -> float:
    """Peak signal-to-noise ratio of two uint8 arrays of one shape in dB, at most ``MOST_PSNR``."""
    error = float(np.mean((x.astype(np.float32) - y.astype(np.float32)) ** 2))
    return min(MOST_PSNR, 10 * float(np.log10(255**2 / error))) if error else MOST_PSNR


def ssim(x: Image, y: Image) -> float:
    """Structural similarity, mean of the channels, with the Gaussian window of 11 pixels.

    Wang, Bovik, Sheikh, Simoncelli 2004; as there, only windows inside the image count (in an image
    smaller than one, all count).
    """
    first, second = (image.astype(np.float32) / 255 for image in (x, y))
    mean_x, mean_y, mean_squares, mean_xy = (
        cv2.GaussianBlur(values, (11, 11), 1.5)
        for values in (first, second, first**2 + second**2, first * second)
    )
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    similarity = (2 * product + 0.01**2) * (2 * (mean_xy - product) + 0.03**2)
    similarity /= (squares + 0.01**2) * (mean_squares - squares + 0.03**2)
    whole = similarity[5:-5, 5:-5]
    return float((whole if whole.size else similarity).mean())


def average_precision(clean: NDArray[np.int64], damaged: NDArray[np.int64]) -> float:
    """Area under the precision-recall curve from histograms ``(256,)``; NaN without damage."""
    hits, alarms = np.cumsum(damaged[::-1]), np.cumsum((clean + damaged)[::-1])
    if not hits[-1]:
        return float("nan")
    precision = hits / np.maximum(alarms, 1)
    return float(np.sum(precision * np.diff(hits, prepend=0)) / hits[-1])


def dilate(mask: Mask, radius: int) -> Mask:
    """Return every pixel within ``radius`` (Euclidean) of the mask."""
    if not mask.any():
        return mask.copy()
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= radius


def _regions(mask: Mask, cover: Mask, least: float) -> tuple[int, int]:
    """Count the 8-connected regions of a mask, and those covered in part, by the share ``least`` or more."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)[1:]
    covered = np.bincount(labels[cover], minlength=count)[1:]
    return count - 1, int(((covered > 0) & (covered >= least * sizes)).sum())


def _grain(restored: Image, clean: Image, inside: Mask) -> NDArray[np.float64]:
    """Sum both images' high-frequency energy in the repairs and in a ring 3 to 8 pixels around them."""
    if not inside.any():
        return np.zeros(4)
    around = dilate(inside, 8) & ~dilate(inside, 3)
    energies = []
    for image in (restored, clean):
        fine = image.astype(np.float32)
        fine -= cv2.GaussianBlur(fine, (0, 0), 1.0)
        energies += [
            float(np.mean(fine[where] ** 2)) * inside.sum() if where.any() else 0.0
            for where in (inside, around)
        ]
    return np.array(energies)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _f1(precision: float, recall: float) -> float:
    return _ratio(2 * precision * recall, precision + recall)
