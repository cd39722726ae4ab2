"""Composing the result from what the network found: no inference, quick enough to follow a slider."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.coding import Coding
from dsr_core.detect import distance_within, find_defects, in_bands
from dsr_core.errors import DsrError
from dsr_core.models import ModelInfo
from dsr_core.options import Options
from dsr_core.pixels import Image, blend, colour, pick

_SPARSE = 0.2  # share of damaged pixels up to which picking them costs less than computing all
_STRIP = 16  # rows computed in one go, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Prediction:
    """The network's output for one image: everything that changing an option needs.

    Parameters
    ----------
    image
        The input itself, ``(H, W[, C])``, untouched and not copied; with a ``coding``, opened by it.
    repaired
        ``(H, W, 1|3)``: repaired colour samples of every pixel, in the input's own type and encoding.
    probability
        ``(H, W)`` uint8: the probability of damage times 255, rounded.
    model, provider
        What ran, and where: ``"cuda"`` or ``"cpu"``.
    notes
        Sentences for the user, such as why CUDA did not run.
    linear
        Whether the samples are linear light.
    stored, coding
        The input, and what its numbers stand for, where those are not the usual.
    """

    image: Image
    repaired: Image
    probability: NDArray[np.uint8]
    model: ModelInfo
    provider: str
    notes: tuple[str, ...] = ()
    linear: bool = False
    stored: Image | None = None
    coding: Coding | None = None


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored image and what was done to it.

    Parameters
    ----------
    image
        Same shape and type as the input; bit-identical to it outside ``mask``, alpha everywhere.
    mask
        ``(H, W)`` bool: every pixel that may differ from the input.
    labels
        ``(H, W)`` int32: 0 outside the mask; the number of the defect inside it.
    probability
        ``(H, W)`` uint8: the network's probability of damage times 255.
    defects
        Number of defects: connected regions of the mask.
    model, provider, notes
        As in `Prediction`.
    """

    image: Image
    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]
    probability: NDArray[np.uint8]
    defects: int
    model: ModelInfo
    provider: str
    notes: tuple[str, ...]


def compose(
    prediction: Prediction, options: Options | None = None, *, mask: NDArray[np.bool_] | None = None
) -> Restoration:
    """Return the restoration that the options ask for.

    Parameters
    ----------
    prediction
        From `predict` or `fill`.
    options
        Defaults to ``Options()``.
    mask
        ``(H, W)`` bool: a mask of the person's own instead of the detection; used as it is, only feathered
        inside.

    Raises
    ------
    DsrError
        The mask is not boolean or not of the image's size.
    """
    options = options or Options()
    if mask is None:
        mask = find_defects(prediction.image, prediction.repaired, prediction.probability, options)
    else:
        check_mask(mask, prediction)
        mask = mask.copy(order="C")
    image = np.empty(prediction.image.shape, prediction.image.dtype)

    def fill_in(rows: slice) -> None:
        mend(prediction, mask, rows, options.feather, image[rows])

    in_bands(fill_in, len(mask), options.feather)
    if prediction.coding is not None and prediction.stored is not None:
        image = prediction.coding.closed(prediction.stored, image, mask)
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return Restoration(
        image=image,
        mask=mask,
        labels=labels.astype(np.int32, copy=False),
        probability=prediction.probability,
        defects=count - 1,
        model=prediction.model,
        provider=prediction.provider,
        notes=prediction.notes,
    )


def check_mask(mask: NDArray[np.bool_], prediction: Prediction) -> None:
    """Refuse a mask that does not fit the image."""
    if mask.dtype != np.bool_ or mask.shape != prediction.probability.shape:
        wanted = " x ".join(map(str, prediction.probability.shape))
        raise DsrError(f"The mask must be bool of {wanted} pixels, not {mask.dtype} of {mask.shape}.")


def mend(prediction: Prediction, mask: NDArray[np.bool_], rows: slice, feather: float, out: Image) -> None:
    """Copy rows of the image and blend the repair into them, inside the mask.

    Only samples of the mask are blended: the others cannot change by rounding. How much a pixel gets of the
    repair rises over ``feather`` pixels from the mask's edge; it depends on the mask alone, so that a mask
    that a person saved gives the same picture again.

    Parameters
    ----------
    prediction
        The image's prediction.
    mask
        ``(H, W)`` bool.
    rows
        Which rows.
    feather
        As in `Options`.
    out
        ``(rows, W[, C])``, contiguous: gets the result.
    """
    np.copyto(out, prediction.image[rows])
    inside, after = mask[rows], prediction.repaired[rows]
    at = np.flatnonzero(inside)
    if not len(at):
        return
    distance, full = distance_within(mask, rows, feather + 1), np.float32(feather + 1)
    if len(at) < _SPARSE * inside.size:
        opacity = np.minimum(distance.ravel().take(at) / full, 1)
        mixed = blend(pick(out, at), pick(after, at), opacity[:, None])
        flat = colour(out.reshape(1, inside.size, -1))[0]
        for channel in range(after.shape[2]):
            flat[at, channel] = mixed[:, channel]
        return
    for top in range(0, len(inside), _STRIP):
        strip = slice(top, top + _STRIP)
        opacity = np.minimum(distance[strip] / full, 1)
        for channel in range(after.shape[2]):
            plane = colour(out)[strip, :, channel]
            mixed = blend(plane, after[strip, :, channel], opacity)
            np.copyto(plane, mixed, where=inside[strip])
