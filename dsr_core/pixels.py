"""Samples of every kind into the network's and back: the only place that knows encodings.

The words for pixels, in all of the project:

*image*
    An array as the user has it: ``(H, W)`` or ``(H, W, 1)`` grey, ``(H, W, 2)`` grey and alpha, ``(H, W, 3)``
    RGB or ``(H, W, 4)`` RGB and alpha. Integers use their full range, floats mean 0 to 1 and may exceed it.
*samples*
    The colours of an image, ``(h, w, 1|3)`` without alpha, in its own type and encoding.
*planes*
    What the network takes and gives: ``(3, h, w)`` float32, RGB in [0, 1].
*repaired*
    Samples of every pixel as the network repairs them.
*picture*
    A file or a document with all that it holds beside the image; the image in it is its *pixels*.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import DsrError

Image = NDArray[Any]
DTYPES = ("uint8", "uint16", "uint32", "float16", "float32", "float64")
_SIGNED = ("int8", "int16", "int32")
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. ITU-R BT.709
_LINEAR_KNEE, _SRGB_KNEE = 0.0031308, 0.04045  # where the sRGB curve's straight part ends (IEC 61966-2-1)
_ROWS = 32  # converted in one go, so that they stay in the processor's cache
_STRIP = 1 << 22  # samples looked at in one go, so that checks need no second image


def check(image: Image, wait_for: Callable[[int], None] = lambda _: None, *, signed: bool = False) -> None:
    """Refuse what is not an image in the sense of this module.

    ``wait_for`` is called with a number of rows before the first so many are looked at. ``signed`` lets
    signed integers pass, which a `dsr_core.Coding` turns into an image.

    Raises
    ------
    DsrError
        Wrong number of dimensions, channels, or pixels; a type that is not supported; NaN or infinity.
    """
    if not isinstance(image, np.ndarray):
        raise DsrError(f"The image must be a numpy array, not {type(image).__name__}; use numpy.asarray.")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 2, 3, 4)):  # noqa: PLR2004
        raise DsrError(
            f"An image is (H, W) or (H, W, 1 to 4), not {image.shape}; pass the frames of a stack one by one."
        )
    if 0 in image.shape:
        raise DsrError(f"The image of shape {image.shape} holds no pixels; check how it was cut out.")
    if image.dtype.name not in DTYPES + _SIGNED * signed:
        raise DsrError(
            f"Samples of type {image.dtype} are not supported; convert them to one of {', '.join(DTYPES)}."
        )
    if image.dtype.kind == "f":
        rows = max(1, _STRIP // image[0].size)
        for top in range(0, len(image), rows):
            wait_for(min(top + rows, len(image)))
            if not np.isfinite(colour(image)[top : top + rows]).all():
                raise DsrError(
                    "The image holds NaN or infinity; replace these values first (numpy.nan_to_num)."
                )


def colour(image: Image) -> Image:
    """Return the view ``(H, W, 1)`` or ``(H, W, 3)`` of the colour samples, without alpha."""
    if image.ndim == 2:  # noqa: PLR2004
        return image[:, :, None]
    return image[:, :, : 3 if image.shape[2] > 2 else 1]  # noqa: PLR2004


def pick(image: Image, at: NDArray[np.intp]) -> Image:
    """Return the colour samples ``(N, 1|3)`` of the pixels ``at``, counted row by row."""
    picked: Image = image.reshape(image.shape[0] * image.shape[1], -1).take(at, axis=0)
    return picked[:, : 3 if picked.shape[1] > 2 else 1]  # noqa: PLR2004


def full_scale(dtype: np.dtype[Any]) -> float:
    """Return the value that means white."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def to_network(samples: Image, planes: NDArray[np.float32], *, linear: bool) -> None:
    """Write samples to ``planes``, as the network wants them.

    Grey is repeated; linear light goes through the sRGB curve; what lies beyond black and white is clipped,
    because the network has never seen it.
    """
    np.multiply(
        samples.transpose(2, 0, 1), np.float32(1 / full_scale(samples.dtype)), out=planes, casting="unsafe"
    )
    if samples.dtype.kind == "f" or linear:
        np.clip(planes, 0, 1, out=planes)
    if linear:
        curve = 1.055 * planes ** (1 / 2.4) - 0.055
        planes[...] = np.where(planes <= _LINEAR_KNEE, planes * 12.92, curve)


def as_neutral_as(samples: Image, planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return planes, without colour where the samples have none."""
    strips = (samples[top : top + _ROWS] for top in range(0, len(samples), _ROWS))  # the first mostly decides
    if samples.shape[2] == 1 or any((strip != strip[:, :, :1]).any() for strip in strips):
        return planes
    return np.broadcast_to(planes.mean(axis=0), planes.shape)


def from_network(planes: NDArray[np.float32], samples: Image, *, linear: bool) -> None:
    """Write planes to ``samples``, the inverse of `to_network`."""
    for top in range(0, len(samples), _ROWS):
        rows = slice(top, top + _ROWS)
        values = planes[:, rows].clip(0, 1)
        if linear:
            values = np.where(values <= _SRGB_KNEE, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        if samples.shape[2] == 1:
            values = values.mean(axis=0, keepdims=True)
        for channel, plane in enumerate(encode(values, samples.dtype)):  # twice as fast as all at once
            samples[rows, :, channel] = plane


def encode(values: NDArray[np.floating[Any]], dtype: np.dtype[Any]) -> Image:
    """Return values in [0, 1] as samples of ``dtype``, rounded where they are whole numbers."""
    if dtype.kind == "f":
        return values.astype(dtype)
    kind = np.dtype(np.float64 if dtype.itemsize > 2 else np.float32)  # noqa: PLR2004 -- float32 has 24 bits
    scaled: Image = values.astype(kind)
    scaled *= full_scale(dtype)
    scaled += 0.5
    return scaled.astype(dtype)  # cuts the fraction off


def blend(before: Image, after: Image, alpha: NDArray[np.floating[Any]]) -> Image:
    """Return ``before + alpha * (after - before)``, rounded for whole numbers.

    Parameters
    ----------
    before, after
        Samples of one type and shape.
    alpha
        In [0, 1]; of a shape that goes with theirs.
    """
    kind = np.dtype(np.float64 if before.dtype.itemsize > 2 else np.float32)  # noqa: PLR2004
    start: Image = before.astype(kind)
    mixed: Image = after.astype(kind)
    mixed -= start
    mixed *= alpha
    mixed += start
    if before.dtype.kind != "f":
        np.rint(mixed, out=mixed)
    return mixed.astype(before.dtype)


def luminance(samples: Image) -> NDArray[np.float32]:
    """Return the brightness ``(N,)`` of samples ``(N, 1|3)``, 1 being white."""
    values = samples.astype(np.float32) / np.float32(full_scale(samples.dtype))
    if samples.shape[1] == 1:
        return values[:, 0]
    # Written out, because a matrix product waits for threads of its own and rounds as their number has it.
    red, green, blue = values.T
    return np.asarray(red * _LUMINANCE[0] + green * _LUMINANCE[1] + blue * _LUMINANCE[2], np.float32)


def painted(image: Image, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the image as 8-bit RGB ``(H, W, 3)`` with the mask in red, to look at."""
    samples = colour(image)
    result = np.empty((*mask.shape, 3), np.uint8)
    scale = 255 / full_scale(image.dtype)
    rows = max(1, _STRIP // samples[0].size)
    for top in range(0, len(samples), rows):
        strip = samples[top : top + rows]
        result[top : top + rows] = strip if scale == 1 else np.rint(strip.clip(0, 255 / scale) * scale)
    result[mask] = (255, 0, 0)
    return result
