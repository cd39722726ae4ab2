"""The filter: a generator that yields its progress, can be closed at any time and returns its result."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.coding import Coding, guess
from dsr_core.composite import check_mask, compose
from dsr_core.detect import FAINTER
from dsr_core.grain import add_grain
from dsr_core.models import find_model
from dsr_core.options import Options
from dsr_core.pixels import Image
from dsr_core.prediction import Prediction, Progress, Restoration
from dsr_core.sweep import sweep
from dsr_core.tiles import Tile

_FOUND = 255 // (2 * FAINTER)  # lowest probability that is repaired at the default sensitivity
_RIM = 2  # pixels around these that belong to a grown mask, too
_CONVINCED = 0.5  # lowest probability at which a marked pixel counts as repaired by the network
_MISSED = 0.25  # share of a marked defect; where more is missed, it is filled from its surroundings
_REACH = 5  # pixels of surroundings that a fill looks at
_Result = TypeVar("_Result")


def predict(
    image: Image,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
    wait_for: Callable[[int], None] = lambda _: None,
) -> Generator[Progress, None, Prediction]:
    """Run the network over an image.

    Parameters
    ----------
    image
        ``(H, W)`` grey, ``(H, W, 2)`` grey and alpha, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGB and alpha;
        uint8, uint16, uint32, float16, float32 or float64 (1.0 is white); with a coding also int8, int16 or
        int32.
    model
        ``"fast"``, ``"1"``, ``"2"``, ``"3"``, or the path of an ONNX file.
    provider
        ``"auto"``, ``"cuda"`` or ``"cpu"``.
    linear
        The samples are linear light: the network gets them through the sRGB curve, and repaired samples come
        back through its inverse.
    coding
        What the numbers stand for, such as ``Coding(white=4095)``; the usual by default.
    wait_for
        Called with a number of rows before the first so many are read: for an image that is still being
        loaded.

    Yields
    ------
    Progress
        Before the first and after every batch of tiles.

    Returns
    -------
    Prediction
        Holds ``image`` itself: do not write to it while the prediction is in use.

    Raises
    ------
    DsrError
        The image, the model or the provider cannot be used.
    """
    pixels.check(image, wait_for, signed=coding is not None)
    info = find_model(model)
    stored = image
    if coding is not None:
        image = coding.opened(image)
    samples = pixels.colour(image)
    repaired = np.empty_like(samples, order="C")
    probability = np.empty(samples.shape[:2], np.uint8)

    def read(tile: Tile) -> Image:
        wait_for(int(tile.rows.max()) + 1)
        return tile.cut(samples)

    def write(tile: Tile, planes: NDArray[np.float32], damage: NDArray[np.float32]) -> None:
        planes = pixels.as_neutral_as(samples[tile.core], planes)
        pixels.from_network(planes, repaired[tile.core], linear=linear)
        probability[tile.core] = pixels.encode(damage.clip(0, 1), probability.dtype)

    ran, notes = yield from sweep(info, provider, samples.shape[:2], read, write, linear=linear)
    holes = probability >= _FOUND
    add_grain(repaired, samples, holes, holes, linear=linear)
    return Prediction(image, repaired, probability, info, ran, notes, linear, provider, stored, coding)


def fill(prediction: Prediction, mask: NDArray[np.bool_]) -> Generator[Progress, None, Prediction]:
    """Repair what a person marked and the network had not taken for damage.

    Such pixels are painted as opaque dust, so that the network sees damage there, and only the tiles that
    hold them run again. A defect that even then does not convince it is filled from its surroundings (Telea,
    *An image inpainting technique based on the fast marching method*, 2004).

    Parameters
    ----------
    prediction
        The image's prediction.
    mask
        ``(H, W)`` bool: everything the person wants repaired.

    Returns
    -------
    Prediction
        The same with ``repaired`` made good inside the mask.

    Raises
    ------
    DsrError
        The mask is not boolean or not of the image's size.
    """
    check_mask(mask, prediction)
    found = prediction.probability >= _FOUND
    marked = mask & (cv2.dilate(found.view(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) == 0)
    samples = pixels.colour(prediction.image)
    repaired = prediction.repaired.copy()
    missed = np.zeros_like(marked)

    def read(tile: Tile) -> Image:
        painted, hole = tile.cut(samples).copy(), tile.cut(marked)
        around = painted[~hole]
        bright = around.size > 0 and pixels.luminance(around).mean() > 0.5  # noqa: PLR2004 -- middle grey
        painted[hole] = 0 if bright else pixels.full_scale(samples.dtype)
        return painted

    def write(tile: Tile, planes: NDArray[np.float32], damage: NDArray[np.float32]) -> None:
        hole = marked[tile.core]
        new = np.empty_like(repaired[tile.core])
        planes = pixels.as_neutral_as(samples[tile.core], planes)
        pixels.from_network(planes, new, linear=prediction.linear)
        repaired[tile.core][hole] = new[hole]
        missed[tile.core] = hole & (damage < _CONVINCED)

    ran, notes = yield from sweep(
        prediction.model,
        prediction.wanted if prediction.provider != "cpu" else "cpu",
        marked.shape,
        read,
        write,
        linear=prediction.linear,
        wanted=lambda tile: bool(marked[tile.core].any()),
    )
    _inpaint(repaired, samples, marked, missed)
    add_grain(repaired, samples, found | marked, marked, linear=prediction.linear)
    return replace(prediction, repaired=repaired, provider=ran, notes=prediction.notes + notes)


def restore_steps(
    image: Image,
    options: Options | None = None,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
) -> Generator[Progress, None, Restoration]:
    """Restore an image step by step; parameters and errors as in `predict`, `compose` and `restore`."""
    note = ""
    if coding is None:
        pixels.check(image)
        coding, note = guess(image)
    steps = predict(image, model=model, provider=provider, linear=linear, coding=coding)
    prediction = yield from steps
    found = compose(prediction, options)
    for told in found.notes[len(prediction.notes) :]:
        yield Progress(0, 0, told)
    return replace(found, notes=(*found.notes, note) if note else found.notes)


def restore(
    image: Image,
    options: Options | None = None,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
) -> Restoration:
    """Restore an image in one call; parameters and errors as in `predict` and `compose`.

    ``coding`` is what the numbers stand for, such as ``Coding(white=4095)``. By default it follows from the
    largest sample; a note says so where that is not the usual white.
    """
    return run(restore_steps(image, options, model=model, provider=provider, linear=linear, coding=coding))


class Steps(Generic[_Result]):
    """The progress of a generator of this module, to be iterated over once; then it has a ``result``."""

    result: _Result

    def __init__(self, generator: Generator[Progress, None, _Result]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Progress]:
        self.result = yield from self._generator


def run(
    generator: Generator[Progress, None, _Result], on_progress: Callable[[Progress], None] | None = None
) -> _Result:
    """Run a generator of this module to its end and return its result."""
    steps = Steps(generator)
    for progress in steps:
        if on_progress is not None:
            on_progress(progress)
    return steps.result


def _inpaint(repaired: Image, samples: Image, marked: NDArray[np.bool_], missed: NDArray[np.bool_]) -> None:
    """Fill each defect that the network missed in large part, whole, from what surrounds it."""
    labels: NDArray[Any]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(marked.view(np.uint8), connectivity=8)
    shares = np.bincount(labels[missed], minlength=count) / stats[:, cv2.CC_STAT_AREA]
    for number in np.flatnonzero(shares > _MISSED):
        left, top, width, height, _ = stats[number]
        part = (
            slice(max(0, top - _REACH), top + height + _REACH),
            slice(max(0, left - _REACH), left + width + _REACH),
        )
        gap, others = labels[part] == number, marked[part]
        around = np.where(others[:, :, None], repaired[part], samples[part]).astype(np.float32)
        for channel in range(around.shape[2]):
            plane = np.ascontiguousarray(around[:, :, channel])
            filled = cv2.inpaint(plane, gap.view(np.uint8), _REACH, cv2.INPAINT_TELEA)
            repaired[part][:, :, channel][gap] = filled[gap].astype(repaired.dtype)
