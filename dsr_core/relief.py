"""Taking a faint scratch off the picture: what it adds is measured along it and subtracted again.

The picture shows through such a scratch, so that its detail and its grain stay.
"""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.pixels import Image
from dsr_core.scratches import Scratch

LIKELY = 230
"""Probability of damage where a scratch was found, times 255."""
_CONVINCED = 128  # of 255; from here on the network's own repair may stand
_OPAQUE = 2.5  # times as far from its repair as the scratch is high: something else lies there
_UNLIKE = 1.0  # times as far from the network's repair as what lies beside is rough
_UNEVEN = 0.2  # of the rows around; where so many are unlike it, the depth varies, and the network's stands
_SHOWN = 0.4  # of the profile's height; what is lower belongs to its skirts
_CLIPPED = 0.3  # of the range; a pixel that departs more counts as if it departed that much
_REACH = 4.0  # pieces; deviation of the weights with which pieces around are averaged
_BRIEF = 1.2  # pieces; the same for whether the scratch is there at all
_PRESENT = 0.35  # of the profile; where less is there, the scratch is broken
_FLOOR = 0.003  # of the range; no surroundings count as smoother


def take_off(
    scratches: Iterable[Scratch],
    samples: Image,
    repaired: Image,
    network: NDArray[np.uint8],
    *,
    linear: bool,
) -> NDArray[np.uint8]:
    """Write the samples without the scratches into ``repaired``, and return where they are.

    Parameters
    ----------
    scratches
        From `find_scratches`.
    samples, repaired
        ``(H, W, 1|3)``: the picture, and its repairs so far.
    network
        ``(H, W)``: the network's probability times 255. What it takes for damage and is much plainer than the
        scratch keeps its repair.
    linear
        Whether the samples are linear light.

    Returns
    -------
    ndarray
        ``(H, W)`` uint8: `LIKELY` where a scratch is, 0 elsewhere.
    """
    found = np.zeros_like(network)
    for scratch in scratches:
        turned = (0, 1, 2) if scratch.axis == 0 else (1, 0, 2)
        views = samples.transpose(turned), repaired.transpose(turned)
        _take_one(scratch, *views, network.transpose(turned[:2]), found.transpose(turned[:2]), linear)
    return found


def _take_one(
    scratch: Scratch,
    samples: Image,
    repaired: Image,
    network: NDArray[np.uint8],
    found: NDArray[np.uint8],
    linear: bool,
) -> None:
    """Take off a scratch that runs down the rows."""
    half, flank = 2 * scratch.width + 3, 2 * scratch.width + 2
    reach = half + flank
    piece = round(float(scratch.along[1] - scratch.along[0]))
    first, last = _ends(scratch, piece, len(samples))
    rows = np.arange(first, last)
    place = np.rint(np.interp(rows, scratch.along, _smooth(scratch.across))).astype(np.intp)
    columns = np.clip(place[:, None] + np.arange(-reach, reach + 1), 0, samples.shape[1] - 1)
    there = rows[:, None], columns
    planes = np.empty((3, *columns.shape), np.float32)
    pixels.to_network(samples[there], planes, linear=linear)
    profile, present, rough = _profile(planes, half, flank, piece)
    inner = slice(flank, -flank)
    there = rows[:, None], columns[:, inner]
    before, after = samples[there], repaired[there]
    new = np.empty_like(after)
    pixels.from_network(planes[:, :, inner] - profile, new, linear=linear)
    tall = np.abs(profile).max(axis=0)
    height = tall.max(axis=1, keepdims=True)
    white = pixels.full_scale(samples.dtype)
    opaque = np.abs(before.astype(np.float64) - after).max(axis=2) > _OPAQUE * white * height
    convinced = network[there] >= _CONVINCED
    unlike = np.abs(new.astype(np.float64) - after).max(axis=2) > _UNLIKE * white * rough[:, None]
    uneven = (convinced & unlike & ~opaque).any(axis=1, keepdims=True).astype(np.float32)
    present &= cv2.blur(uneven, (1, 2 * piece + 1))[:, 0] < _UNEVEN
    repaired[there] = np.where((convinced & opaque | ~present[:, None])[:, :, None], after, new)
    shown = (tall >= _SHOWN * height) & present[:, None]
    found[there] = np.maximum(found[there], np.where(shown, np.uint8(LIKELY), 0))


def _ends(scratch: Scratch, piece: int, length: int) -> tuple[int, int]:
    """Return the first row and the one after the last; an end near the frame's is the frame's."""
    first = round(float(scratch.along[0] - (piece - 1) / 2))
    last = round(float(scratch.along[-1] + (piece + 1) / 2))
    return (0 if first <= piece else first), (length if last >= length - 2 * piece else last)


def _smooth(across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the places without the steps that noise made (the mean of medians)."""
    padded = np.pad(across, 2, mode="edge")
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    padded = np.pad(medians, 2, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 5).mean(axis=1))


def _profile(
    planes: NDArray[np.float32], half: int, flank: int, piece: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """Return what a scratch adds, ``(3, n, 2 * half + 1)``, in which rows it is there, and their roughness.

    Parameters
    ----------
    planes
        ``(3, n, 2 * (half + flank) + 1)``: the straightened picture around it.
    half, flank
        Pixels to each side that it may take, and beyond them those that show what is beside it.
    piece
        Rows that are averaged.
    """
    sides = planes[:, :, :flank], planes[:, :, -flank:]
    left, right = (np.median(side, axis=2, keepdims=True) for side in sides)
    offsets = np.arange(-half, half + 1, dtype=np.float32)
    between = (offsets + half + flank / 2) / (2 * half + flank)
    excess = planes[:, :, flank:-flank] - (left + (right - left) * between)
    rough = np.abs(planes[:, :, :flank] - left).mean(axis=(0, 2)) + np.abs(left - right).mean(axis=(0, 2))
    starts = np.arange(0, planes.shape[1], piece)
    counts = np.diff(np.append(starts, planes.shape[1]))
    mean = np.add.reduceat(excess.clip(-_CLIPPED, _CLIPPED), starts, axis=1) / counts[:, None]
    usual = np.add.reduceat(rough, starts) / counts + _FLOOR
    weight = counts / usual**2
    profile = _averaged(mean, weight, _REACH)
    likeness = (mean * profile).sum(axis=(0, 2)) / (profile**2).sum(axis=(0, 2)).clip(1e-12)
    share = _averaged(likeness[None, :, None], weight, _BRIEF)
    rows = np.arange(planes.shape[1])
    coarse = np.ascontiguousarray(profile.transpose(1, 0, 2).reshape(len(starts), -1))
    fine = np.asarray(cv2.resize(coarse, (coarse.shape[1], len(rows))), np.float32)
    there = share[0, rows // piece, 0] >= _PRESENT
    return (
        fine.reshape(len(rows), 3, -1).transpose(1, 0, 2),
        there,
        np.asarray(usual[rows // piece], np.float32),
    )


def _averaged(values: NDArray[Any], weight: NDArray[Any], reach: float) -> NDArray[np.float32]:
    """Return weighted means ``(a, n, b)`` over neighbouring pieces."""
    number = np.arange(values.shape[1])
    near = np.exp(-0.5 * ((number[:, None] - number) / reach) ** 2) * weight
    near /= near.sum(axis=1, keepdims=True)
    return np.asarray(np.einsum("ij,ajb->aib", near, values), np.float32)
