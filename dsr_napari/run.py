"""What runs in the background on the frames of a layer, and what it yields."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dsr_core import DsrError, Options, Prediction, Progress, Restoration, compose, fill, predict
from dsr_core.decisions import PAINTED, listed
from dsr_core.detect import FOUND
from dsr_core.engine import unasked
from dsr_core.pyramid import repaired_levels
from dsr_napari.frames import Frames, Position
from dsr_napari.work import Known

_FRAME = 1000  # steps of progress that one frame counts, however many tiles of it the network has to run
Place = tuple[slice, slice]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Choices:
    """What is chosen in a dock: the options, and the model and the provider that run."""

    options: Options
    model: str
    provider: str


@dataclass(frozen=True, eq=False)
class Job:
    """What to do.

    Parameters
    ----------
    frames
        The frames of the view.
    positions
        Which of them, in this order.
    known
        What is known about each, as it was when the job was made.
    options
        What is taken for damage.
    restore
        Make the restored image as well.
    network
        Run the network where the samples have changed since it last ran.
    again
        Run it whatever has changed.
    model, provider
        As :func:`dsr_core.predict` takes them.
    part
        Rows and columns of the first frame that are made first.
    """

    frames: Frames
    positions: list[Position]
    known: dict[Position, Known]
    options: Options
    restore: bool
    network: bool
    again: bool
    model: str
    provider: str
    part: Place | None = None


@dataclass(frozen=True, eq=False)
class Done:
    """One frame, or a part of it, as it is after a job.

    Parameters
    ----------
    position
        Which frame.
    labels, images
        Numbers of the defects, and the restored image with its smaller copies, if it was asked for.
    part
        Rows and columns that these are; None if all.
    prediction, mark, filled, rows, sources
        As in `Known`; of a part they are not given.
    """

    position: Position
    labels: NDArray[Any]
    images: list[NDArray[Any]]
    part: Place | None = None
    prediction: Prediction | None = None
    mark: Any = None
    filled: NDArray[Any] | None = None
    rows: NDArray[Any] | None = None
    sources: Mapping[str, int] = field(default_factory=dict)


def work(job: Job) -> Generator[Progress | Done, None, None]:
    """Find the damage of all frames of a job, one after the other, and restore them if wanted."""
    cuda = unasked(job.provider)
    for number, position in enumerate(job.positions):
        for step in _frame(job, position):
            if isinstance(step, Done):
                yield step
                continue
            done, total = _FRAME * (number + step.done / max(step.total, 1)), _FRAME * len(job.positions)
            note = "" if step.note == cuda else step.note  # nobody asked for a graphics card
            yield Progress(int(done), total, note)


def _frame(job: Job, position: Position) -> Generator[Progress | Done, None, None]:
    known, frames = job.known[position], job.frames
    prediction, filled, mark = known.prediction, known.filled, known.mark
    if job.network:
        mark = (*frames.mark(position), job.model, job.provider)
    if prediction is None or job.again or mark != known.mark:
        image, filled = frames.read(position), None
        coding, note = frames.coding(image)
        yield Progress(0, 1, note)
        if frames.infrared is not None:
            yield Progress(0, 1, f"Infrared is taken from '{frames.infrared.name}'.")
        steps = predict(
            image,
            model=job.model,
            provider=job.provider,
            coding=coding,
            infrared=frames.read_infrared(position),
        )
        prediction = yield from handed_on(steps)
    elif job.part is not None and position == job.positions[0]:
        part = compose(cut(prediction, job.part), job.options, decided=known.decided[job.part])
        images = [part.image] if job.restore and not frames.lazy else []
        yield Done(position, part.labels, images, part=job.part)
    result = compose(prediction, job.options, decided=known.decided)
    if job.restore:
        painted = known.decided == PAINTED
        new = painted if filled is None else painted & ~filled
        if new.any():
            # The other defects stay as the network has them.
            added = np.isin(result.labels, np.unique(result.labels[new]))
            prediction, filled = (yield from handed_on(fill(prediction, added))), painted
            result = compose(prediction, job.options, decided=known.decided)
    yield Progress(1, 1, " ".join(result.notes[len(prediction.notes) :]))
    yield Done(
        position,
        result.labels,
        _images(frames, position, result) if job.restore and not frames.lazy else [],
        prediction=prediction,
        mark=mark,
        filled=filled,
        rows=listed(result.labels, result.probability, known.decided, FOUND),
        sources=result.sources,
    )


def _images(frames: Frames, position: Position, result: Restoration) -> list[NDArray[Any]]:
    levels = [np.asarray(level[position]) for level in frames.levels]
    return [result.image, *repaired_levels(levels, result.image, result.mask)]


def cut(prediction: Prediction, part: Place) -> Prediction:
    """Return the prediction of a part of an image."""
    return replace(
        prediction,
        image=prediction.image[part],
        repaired=prediction.repaired[part],
        probability=prediction.probability[part],
        stored=None if prediction.stored is None else prediction.stored[part],
        evidence={name: each[part] for name, each in prediction.evidence.items()},
    )


def lazy_stack(frames: Frames, known: dict[Position, Known], options: Options) -> Any:
    """Return the restored frames as a dask stack; each is composed, without the network, when it is shown."""
    import dask.array as da  # noqa: PLC0415 -- there is dask wherever a dask stack comes from
    from dask.delayed import delayed  # noqa: PLC0415

    def image(prediction: Prediction, decided: NDArray[Any]) -> NDArray[Any]:
        return compose(prediction, options, decided=decided).image

    pairs = [(known[position].prediction, known[position].decided) for position in frames.positions]
    parts = [
        da.from_delayed(
            delayed(partial(image, prediction, decided))(),
            frames.frame_shape,
            frames.data.dtype,
        )
        for prediction, decided in pairs
        if prediction is not None
    ]
    return da.stack(parts).reshape(frames.stack + frames.frame_shape)


def handed_on(steps: Generator[Progress, None, _Result]) -> Generator[Progress, None, _Result]:
    """Pass on progress; a generator worker would swallow a RuntimeError in silence."""
    try:
        return (yield from steps)
    except RuntimeError as error:
        raise DsrError(f"The network stopped ({error}); run it on the processor, or start again.") from error
