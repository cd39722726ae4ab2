"""From the network's output to the restored image, whole or by rows: quick enough to follow a slider."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.bands import STRIP, cut, in_bands
from dsr_core.decisions import Decided
from dsr_core.detect import distance_within, search
from dsr_core.errors import DsrError
from dsr_core.evidence import count_sources
from dsr_core.options import Options
from dsr_core.pixels import Image, blend, colour, pick
from dsr_core.prediction import Prediction, Restoration
from dsr_core.region import Region

_SPARSE = 0.2  # share of damaged pixels up to which picking them costs less than computing all


def compose(
    prediction: Prediction,
    options: Options | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
    decided: Decided | None = None,
    out: Image | None = None,
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
    decided
        ``(H, W)`` uint8: what a person decided about single defects (`dsr_core.decisions`).
    out
        Gets the restored image if it is of its shape, instead of a new array; it may be the prediction's own
        ``repaired``, where that is not needed any more.

    Raises
    ------
    DsrError
        The mask is not boolean or not of the image's size.
    """
    options = options or Options()
    notes = prediction.notes
    if mask is None:
        mask, remarks = search(prediction, options, decided)
        notes += remarks
    else:
        check_mask(mask, prediction.probability.shape)
        mask = mask.copy(order="C")
    shape, dtype = prediction.image.shape, prediction.image.dtype
    image = np.empty(shape, dtype) if out is None or out.shape != shape else out

    def fill_rows(rows: slice) -> None:
        compose_rows(prediction, mask, rows, options.feather, image[rows])

    in_bands(fill_rows, len(mask), options.feather)
    if prediction.coding is not None and prediction.stored is not None:
        image = prediction.coding.closed(prediction.stored, image, mask)
    count, connected = cv2.connectedComponents(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    labels = connected.astype(np.int32, copy=False)
    return Restoration(
        image=image,
        mask=mask,
        labels=labels,
        probability=prediction.probability,
        defects=count - 1,
        model=prediction.model,
        provider=prediction.provider,
        notes=notes,
        sources=count_sources(labels, count - 1, prediction.evidence),
    )


def laid_in(found: Restoration, place: Region, image: Image) -> Restoration:
    """Return the restoration of a part of an image as one of the whole."""
    restored = image.copy()
    restored[place.slices] = found.image

    def whole(part: NDArray[Any]) -> NDArray[Any]:
        laid = np.zeros(image.shape[:2], part.dtype)
        laid[place.slices] = part
        return laid

    return replace(
        found,
        image=restored,
        mask=whole(found.mask),
        labels=whole(found.labels),
        probability=whole(found.probability),
    )


def check_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> None:
    """Refuse a mask that does not fit an image of this height and width."""
    if mask.dtype != np.bool_ or mask.shape != shape:
        wanted = " x ".join(map(str, shape))
        raise DsrError(f"The mask must be bool of {wanted} pixels, not {mask.dtype} of {mask.shape}.")


def compose_rows(
    prediction: Prediction, mask: NDArray[np.bool_], rows: slice, feather: float, out: Image
) -> None:
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
        ``(rows, W[, C])``, contiguous: gets the result. It may be the same rows of ``repaired``.
    """
    inside, after = mask[rows], prediction.repaired[rows]
    before = prediction.image[rows]
    at = np.flatnonzero(inside)
    if not len(at):
        np.copyto(out, before)
        return
    distance, full = distance_within(mask, rows, feather + 1), np.float32(feather + 1)
    if len(at) < _SPARSE * inside.size:
        opacity = np.minimum(distance.ravel().take(at) / full, 1)
        repair = pick(after, at)
        np.copyto(out, before)
        mixed = blend(pick(out, at), repair, opacity[:, None])
        flat = colour(out.reshape(1, inside.size, -1))[0]
        for channel in range(after.shape[2]):
            flat[at, channel] = mixed[:, channel]
        return
    for strip in cut(slice(0, len(inside)), STRIP):
        opacity = np.minimum(distance[strip] / full, 1)
        repair = after[strip].copy()
        np.copyto(out[strip], before[strip])
        for channel in range(after.shape[2]):
            plane = colour(out)[strip, :, channel]
            mixed = blend(plane, repair[:, :, channel], opacity)
            np.copyto(plane, mixed, where=inside[strip])
