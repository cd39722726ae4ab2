"""Ways to restore a pair: models as a user runs them, and what people use without a network.

The latter take an image ``(H, W, 3)`` uint8 and return the restored image and the mask ``(H, W)`` of what
they took for damage, before any widening for the repair. Like the models they run with one setting for all
images: the one whose F1 on the validation pairs was best.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from dsr_core import Options, compose, predict, run
from dsr_core.models import ModelInfo
from training.measure.metrics import Image, Mask, dilate
from training.measure.pairs import Loaded

RADIUS = 3
"""Pixels around a hole that Telea's method looks at."""


@dataclass(frozen=True)
class Outcome:
    """What a method made of a pair, and what it took for damage, before any widening for the repair.

    ``probability`` is ``(H, W)`` uint8 where the method has one.
    """

    restored: Image
    found: Mask
    probability: Image | None = None


Method = Callable[[Loaded], Outcome]


def model_method(model: ModelInfo, provider: str) -> Method:
    """Return a method that runs a model as a user would."""

    def restore(pair: Loaded) -> Outcome:
        prediction = run(predict(pair.damaged, model=model.path, provider=provider))
        restored = np.asarray(compose(prediction, Options()).image, np.uint8)
        return Outcome(restored, compose(prediction, Options(grow=0)).mask, prediction.probability)

    return restore


def dust_and_scratches(image: Image, radius: int = 7, threshold: int = 60) -> tuple[Image, Mask]:
    """Replace what differs from its median by more than a threshold, as Photoshop's filter does."""
    median = cv2.medianBlur(image, 2 * radius + 1)
    found = cv2.absdiff(image, median).max(-1) > threshold
    return np.where(found[..., None], median, image), found


def top_hat_telea(image: Image, size: int = 9, threshold: int = 70) -> tuple[Image, Mask]:
    """Find what is narrower than ``size`` pixels and stands out, and fill it from its surroundings.

    Detection: white and black top-hat of the luminance. Filling: Telea, *An image inpainting technique
    based on the fast marching method*, 2004.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    response = np.maximum(
        *(cv2.morphologyEx(grey, kind, element) for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    )
    found = response > threshold
    return _telea(image, found), found


def telea_true_mask(image: Image, true: Mask) -> tuple[Image, Mask]:
    """Fill the true damage and one pixel around it: what Telea's method gives with perfect detection."""
    return _telea(image, true), true


def _telea(image: Image, found: Mask) -> Image:
    """Fill what was found and one pixel around it, which the scanner's optics blurred."""
    hole = dilate(found, 1)
    return np.asarray(cv2.inpaint(image, hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA), np.uint8)


BASELINES: dict[str, Method] = {
    "damaged input": lambda pair: Outcome(pair.damaged, np.zeros_like(pair.true)),
    "median + threshold": lambda pair: Outcome(*dust_and_scratches(pair.damaged)),
    "top-hat + Telea": lambda pair: Outcome(*top_hat_telea(pair.damaged)),
    "true mask + Telea": lambda pair: Outcome(*telea_true_mask(pair.damaged, pair.true)),
}
