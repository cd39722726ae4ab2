"""Evidence of damage other than the network's: how it is joined with that, and which found what."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.detect import FOUND
from dsr_core.errors import DsrError

_HALF = 128  # of 255
_RIM = 2  # pixels

Map = NDArray[np.uint8]


def check_maps(maps: Mapping[str, Map], shape: tuple[int, ...]) -> None:
    """Refuse maps of evidence that do not fit an image of this height and width."""
    for name, each in maps.items():
        if each.dtype != np.uint8 or each.shape != shape:
            wanted = " x ".join(map(str, shape))
            raise DsrError(
                f"The map of {name} must be uint8 of {wanted} pixels, not {each.dtype} of {each.shape}."
            )


def joined(network: Map, maps: Mapping[str, Map]) -> Map:
    """Return the probability ``(H, W)`` that at least one of them is right (noisy-or), times 255.

    Each is independent of the others: what one does not see, it says nothing about.
    """
    result = network.copy()
    flat = result.ravel()
    for each in maps.values():
        at = np.flatnonzero(each)  # 0 says nothing
        clear = 255 - flat[at].astype(np.uint16)
        clear *= 255 - each.ravel()[at]
        clear += 127
        clear //= 255
        flat[at] = 255 - clear
    return result


def unseen(network: Map, maps: Mapping[str, Map]) -> NDArray[np.bool_]:
    """Return the pixels ``(H, W)`` that belong to a defect by these maps, and not by the network.

    A rim around what the network repairs is left to it: maps are less sharp than the picture.
    """
    found = np.zeros(network.shape, np.bool_)
    for each in maps.values():
        found |= each >= FOUND
    return found & ~with_rim(network >= _HALF)


def with_rim(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what was found with the pixels around it that belong to a grown mask, too."""
    return cv2.dilate(found.view(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) > 0


def told(sources: Mapping[str, int]) -> str:
    """Return how many defects came from which evidence, as part of a sentence: only what found some."""
    return ", ".join(f"{count} by {name}" for name, count in sources.items() if count)


def count_sources(labels: NDArray[np.int32], count: int, evidence: Mapping[str, Map]) -> dict[str, int]:
    """Return how many defects came from which evidence.

    A defect comes from the first that gives it a probability of half or more somewhere; the network is asked
    first. Where none does, it comes from the strongest; a defect without any evidence, which a person drew,
    is not counted.

    Parameters
    ----------
    labels, count
        As in `Restoration`, with the number of defects.
    evidence
        As in `Prediction`.
    """
    if not evidence:
        return {}
    at = np.flatnonzero(labels)
    label = labels.ravel().take(at)
    strength = np.zeros((len(evidence), count + 1), np.uint8)
    for row, each in zip(strength, evidence.values(), strict=True):
        np.maximum.at(row, label, each.ravel().take(at))
    chosen = np.where(strength >= _HALF, _HALF, strength).argmax(axis=0)  # the first of several
    chosen = chosen[1:][strength.max(axis=0)[1:] > 0]
    return dict(zip(evidence, np.bincount(chosen, minlength=len(evidence)).tolist(), strict=True))
