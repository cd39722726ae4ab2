"""What people use without a network, to be measured beside the models.

Each takes an image ``(H, W, 3)`` uint8 and returns the restored image and the mask ``(H, W)`` of what it
took for damage, before any widening for the repair. Like the models they run with one setting for all
images: the one whose F1 on the validation pairs was best.
"""

import cv2
import numpy as np

from training.metrics import Image, Mask, dilate

RADIUS = 3
"""Pixels around a hole that Telea's method looks at."""


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
