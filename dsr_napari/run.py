"""What runs in the background, on the frames of a layer, and what it returns."""

import zlib
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from dsr_core import (
    DsrError,
    Options,
    Prediction,
    Progress,
    Restoration,
    compose,
    fill,
    find_defects,
    predict,
)
from dsr_core.filter import Steps
from dsr_napari.frames import Frames, Position

_FRAME = 1000  # steps of progress that one frame counts, however many tiles of it the network has to run


@dataclass(frozen=True, eq=False)
class Edit:
    """A person's changes in one frame: where they are, and whether there is damage; both (H, W) bool."""

    where: NDArray[Any]
    damage: NDArray[Any]


@dataclass(eq=False)
class Result:
    """What one run made.

    Parameters
    ----------
    predictions
        Cached network output of each frame.
    labels
        Labels of each frame, (H, W) int32, as they were last shown.
    defects
        Number of defects in each frame.
    restored
        (*stack, H, W[, C]) array, if it was asked for; of a dask stack a dask stack again.
    marks
        Checksum of each frame's samples, for others may write into a layer's own array.
    """

    predictions: dict[Position, Prediction] = field(default_factory=dict)
    labels: dict[Position, NDArray[Any]] = field(default_factory=dict)
    defects: dict[Position, int] = field(default_factory=dict)
    restored: Any = None
    marks: dict[Position, int] = field(default_factory=dict)


def collect_edits(drawn: Labels | None, result: Result, edits: dict[Position, Edit]) -> dict[Position, Edit]:
    """Return ``edits`` and what was painted or erased in a labels layer since ``result.labels`` was shown.

    Without any change it is the very dictionary that was given. ``result.labels`` is brought up to date.
    """
    if drawn is None:
        return edits
    for position, shown in result.labels.items():
        labels = drawn.data[position]
        where = (labels > 0) != (shown > 0)
        if where.any():
            result.labels[position] = labels.copy()
            if position in edits:
                where |= edits[position].where
            edits = {**edits, position: Edit(where, labels > 0)}
    return edits


def settle(prediction: Prediction, options: Options, edit: Edit | None) -> Restoration:
    """Compose one frame from cached network output; the person's edit outranks what was found."""
    if edit is None:
        return compose(prediction, options)
    found = find_defects(prediction, options)
    return compose(prediction, options, mask=np.where(edit.where, edit.damage, found))


def work(
    frames: Frames,
    cached: Result,
    edits: dict[Position, Edit],
    options: Options,
    *,
    restore: bool,
    model: str,
    provider: str,
) -> Generator[Progress, None, Result]:
    """Find the damage of all frames, one after the other, and restore them if wanted.

    Parameters
    ----------
    frames
        What to work on.
    cached
        An earlier result; only frames that are not in it or have changed run the whole network.
    edits
        What the person changed; what was added is given to the network to repair.
    options
        What is taken for damage.
    restore
        Make the restored array as well.
    model, provider
        As :func:`dsr_core.predict` takes them.
    """
    result, images, count = Result(), [], len(frames.positions)
    for number, position in enumerate(frames.positions):
        prediction, edit = cached.predictions.get(position), edits.get(position)
        if not frames.lazy:
            result.marks[position] = zlib.adler32(np.ascontiguousarray(frames.read(position)).data)
        if prediction is None or cached.marks.get(position) != result.marks.get(position):
            image = frames.read(position)
            coding, note = frames.coding(image)
            if note:
                yield Progress(_FRAME * number, _FRAME * count, note)
            steps = predict(image, model=model, provider=provider, coding=coding)
            prediction = yield from _overall(steps, number, count)
        done = settle(prediction, options, edit)
        if restore and edit is not None:
            added = np.unique(done.labels[edit.where & edit.damage])
            steps = fill(
                prediction, np.isin(done.labels, added)
            )  # the other defects stay as the network has them
            prediction = yield from _overall(steps, number, count)
            done = settle(prediction, options, edit)
        result.predictions[position], result.labels[position] = prediction, done.labels
        result.defects[position] = done.defects
        if restore and not frames.lazy:
            images.append(done.image)
        remarks = " ".join(done.notes[len(prediction.notes) :])
        yield Progress(_FRAME * (number + 1), _FRAME * count, remarks)
    if restore and frames.lazy:
        result.restored = lazy_stack(frames, result.predictions, edits, options)
    elif restore:
        result.restored = frames.pile(images)
    return result


def lazy_stack(
    frames: Frames, predictions: dict[Position, Prediction], edits: dict[Position, Edit], options: Options
) -> Any:
    """Return the restored frames as a dask stack; each is composed, without the network, when it is shown."""
    import dask.array as da  # noqa: PLC0415 -- there is dask wherever a dask stack comes from
    from dask.delayed import delayed  # noqa: PLC0415

    def image(position: Position) -> NDArray[Any]:
        return settle(predictions[position], options, edits.get(position)).image

    parts = [
        da.from_delayed(delayed(partial(image, position))(), frames.frame_shape, frames.data.dtype)
        for position in frames.positions
    ]
    return da.stack(parts).reshape(frames.stack + frames.frame_shape)


def _overall(
    steps: Generator[Progress, None, Prediction], number: int, count: int
) -> Generator[Progress, None, Prediction]:
    """Pass on one frame's progress as progress over all frames."""
    frame = Steps(steps)
    try:
        for step in frame:
            part = _FRAME * step.done // max(step.total, 1)
            yield replace(step, done=_FRAME * number + part, total=_FRAME * count)
    except RuntimeError as error:  # napari's generator worker would drop it
        raise DsrError(f"The network stopped ({error}); run it on the processor, or start anew.") from error
    return frame.result
