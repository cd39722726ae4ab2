"""The filter: a generator that yields its progress, can be closed at any time and returns its result."""

from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels, wide
from dsr_core.alignment import Fit
from dsr_core.bands import beside
from dsr_core.coding import Coding, guess
from dsr_core.composite import check_mask, compose, laid_in
from dsr_core.detect import FAINTEST, LOWEST, USUAL, find_marks, moves, search
from dsr_core.discovery import read_rates
from dsr_core.errors import DsrError
from dsr_core.evidence import joined
from dsr_core.filling import add_evidence, fill, fill_doubtful
from dsr_core.grain import REACH, add_grain
from dsr_core.infrared import check_infrared, find_infrared, register
from dsr_core.models import find_model
from dsr_core.options import Options
from dsr_core.pixels import Image
from dsr_core.prediction import NETWORK, Prediction, Progress, Restoration
from dsr_core.region import Region
from dsr_core.relief import take_off
from dsr_core.scratches import Place, Scratch, find_scratches
from dsr_core.stretch import Stretch, measure
from dsr_core.sweep import sweep
from dsr_core.tiles import Tile

_Result = TypeVar("_Result")


def predict(
    image: Image,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
    infrared: Image | None = None,
    places: Collection[Place] = (),
    stretch: Stretch | None = None,
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
        ``"auto"``, which is CUDA where it loads and else the CPU; ``"cuda"``, ``"cpu"``, ``"openvino"``;
        ``"directml"``, ``"coreml"`` and ``"migraphx"`` are untried.
    linear
        The samples are linear light: the network gets them through the sRGB curve, and repaired samples come
        back through its inverse.
    coding
        What the numbers stand for, such as ``Coding(white=4095)``; the usual by default.
    infrared
        ``(H, W)``: an infrared scan of the same film, more light being a higher number; what it shows of
        damage is joined with what the network sees (`dsr_core.infrared`).
    places
        Where the roll that the image belongs to has scratches (`dsr_core.returning`).
    stretch
        How the network is shown the samples; by default as `dsr_core.stretch.measure` has it: drawn out where
        they fill only a part of their range.
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
        The image, the model, the provider or the infrared scan cannot be used.
    """
    pixels.check(image, wait_for, signed=coding is not None)
    if infrared is not None:
        check_infrared(infrared, image.shape)
    info = find_model(model)
    if stretch is None:
        stretch = measure(image, linear=linear, coding=coding, wait_for=wait_for)
    stored = image
    image = image if coding is None else coding.opened(image)
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

    def look() -> tuple[list[Scratch], Fit | None]:
        wait_for(len(image))
        fit = None if infrared is None else register(image, infrared)
        return find_scratches(samples, linear=linear, places=places), fit

    with beside() as start:
        looking = start(look)  # the network leaves room for it, and what follows the network does not wait
        ran, notes = yield from sweep(
            info, provider, samples.shape[:2], read, write, linear=linear, stretch=stretch
        )
        found = Prediction(
            image,
            repaired,
            probability,
            info,
            ran,
            notes,
            linear,
            provider,
            stored,
            coding,
            stretch=stretch,
        )
        marks = find_marks(found, USUAL, LOWEST)
        found = replace(found, moves=moves(marks, read_rates(info.metadata), probability.size / 1e6))
        fill_doubtful(found, marks)
        holes = probability >= FAINTEST
        add_grain(repaired, samples, holes, holes, linear=linear)
        lines, fit = looking.result()
    if lines:
        maps = {"scratches": take_off(lines, samples, repaired, probability, linear=linear)}
        found = replace(found, probability=joined(probability, maps), evidence={NETWORK: probability, **maps})
    if infrared is None:
        return found
    dirt, note = find_infrared(found, infrared, fit)
    yield Progress(0, 0, note)
    both = yield from add_evidence(found, {"infrared": dirt})
    return replace(both, notes=(*both.notes, note))


def restore_steps(
    image: Image,
    options: Options | None = None,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
    infrared: Image | None = None,
    places: Collection[Place] = (),
    mask: NDArray[np.bool_] | None = None,
    only: tuple[int, int, int, int] | None = None,
) -> Generator[Progress, None, Restoration]:
    """Restore an image step by step; parameters and errors as in `predict`, `compose` and `restore`."""
    options, note = options or Options(), ""
    pixels.check(image, signed=coding is not None)
    if coding is None:
        coding, note = guess(image)
    if mask is not None:
        check_mask(mask, image.shape[:2])
    if infrared is not None:
        check_infrared(infrared, image.shape)
    region = Region(0, 0, image.shape[1], image.shape[0]) if only is None else Region(*only)
    region.check(image.shape)
    info = find_model(model)
    around = region.widened(info.margin + REACH, image.shape, info.multiple_of)
    prediction = yield from predict(
        np.ascontiguousarray(image[around.slices]),
        model=model,
        provider=provider,
        linear=linear,
        coding=coding,
        infrared=None if infrared is None else infrared[around.slices],
        places=[place.within(around) for place in places],
        stretch=measure(image, linear=linear, coding=coding),
    )
    chosen, told = search(prediction, options)
    if mask is not None:
        marked = mask[around.slices]
        prediction = yield from fill(prediction, marked & ~chosen)
        chosen, told = marked, region.remarks(mask)
    elif only is None:
        told = (*told, *(yield from look_for_wide_damage(prediction, chosen)))
    for remark in told:
        yield Progress(0, 0, remark)
    inside = np.zeros_like(chosen)
    inside[region.within(around).slices] = True
    found = compose(prediction, options, mask=chosen & inside, out=prediction.repaired)
    notes = (*found.notes, *told, *([note] if note else []))
    return replace(found if only is None else laid_in(found, around, image), notes=notes)


def look_for_wide_damage(
    prediction: Prediction, found: NDArray[np.bool_]
) -> Generator[Progress, None, tuple[str, ...]]:
    """Look once more, at a smaller picture; return sentences on damage that is too wide to be repaired."""
    small = wide.reduced(prediction.image)
    if small is None:
        return ()
    try:
        again = yield from predict(
            small,
            model=prediction.model.path,
            provider=prediction.provider,
            linear=prediction.linear,
            stretch=prediction.stretch,
        )
    except DsrError:  # the repairs are made, and no reason to lose them
        return ()
    said = wide.remark(again, found)
    return (said,) if said else ()


def restore(
    image: Image,
    options: Options | None = None,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
    infrared: Image | None = None,
    places: Collection[Place] = (),
    mask: NDArray[np.bool_] | None = None,
    only: tuple[int, int, int, int] | None = None,
) -> Restoration:
    """Restore an image in one call; other parameters and errors as in `predict` and `compose`.

    Parameters
    ----------
    coding
        What the numbers stand for, such as ``Coding(white=4095)``. By default it follows from the largest
        sample; a note says so where that is not the usual white.
    mask
        ``(H, W)`` bool: what is repaired instead of what the options find; what they do not find of it is
        repaired as by `fill`.
    only
        ``(x, y, width, height)`` in pixels: nothing outside changes, and the network sees no more than this
        and what it needs around it. What is decided by looking at a whole picture (how dirty it is, rare
        polarity, lights, implausible density, scratches along the film) is decided by looking at that.

    Raises
    ------
    DsrError
        Also where the mask is not boolean or not of the image's size, or the region does not lie in it.
    """
    steps = restore_steps(
        image,
        options,
        model=model,
        provider=provider,
        linear=linear,
        coding=coding,
        infrared=infrared,
        places=places,
        mask=mask,
        only=only,
    )
    return run(steps)


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
