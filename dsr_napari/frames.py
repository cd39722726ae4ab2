"""An image layer as the 2-D frames that the filter works on, and back."""

import zlib
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from dsr_core import Coding, DsrError, Options, Prediction, Progress, Restoration, compose, fill, predict
from dsr_core.coding import guess
from dsr_core.detect import find_defects

Position = tuple[int, ...]
"""Index of a frame along the axes before (H, W) of what is made; ``()`` for a plain picture."""

_CHANNELS = (3, 4)
_FRAME = 1000  # steps of progress that one frame counts, however many tiles of it the network has to run
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class Frames:
    """The frames of an image layer that one run works on: the shown one, or all of them.

    Parameters
    ----------
    layer
        What the person chose; of a multiscale layer the full resolution is used.
    point
        The viewer's point in world coordinates; it says which frame of a stack is shown.
    every
        Work on all frames of a stack.
    displayed
        The viewer's axes that are shown, the last two across and down; the last two of all if not given.

    Raises
    ------
    DsrError
        The layer cannot hold a scan.
    """

    def __init__(
        self,
        layer: Layer | None,
        point: tuple[float, ...],
        every: bool,
        displayed: tuple[int, ...] | None = None,
    ) -> None:
        if not isinstance(layer, Image):
            raise DsrError("There is no image layer; open a scan, for only image layers can be restored.")
        _refuse_loose_channels(layer)
        _refuse_rolled_axes(layer, len(point), displayed)
        self.layer = layer
        self.data = layer.data[0] if layer.multiscale else layer.data
        stack = self.data.shape[: layer.ndim - 2]
        shown = np.rint(layer.world_to_data(point)[: len(stack)]).astype(int)
        shown = tuple(int(i) for i in np.clip(shown, 0, np.subtract(stack, 1)))
        self.start: Position = (0,) * len(stack) if every else shown
        self.stack: Position = stack if every else (1,) * len(stack)
        self.frame_shape = self.data.shape[layer.ndim - 2 :]
        self.positions = list(np.ndindex(self.stack))
        self.key = (layer, self.start, self.stack, self.frame_shape)

    @property
    def lazy(self) -> bool:
        """Whether the frames come from a dask stack, and so should what is made of them."""
        return len(self.positions) > 1 and hasattr(self.data, "dask")

    def same_as(self, other: "Frames | None") -> bool:
        """Tell whether ``other`` means the same frames of the same layer."""
        return other is not None and self.key == other.key

    def read(self, position: Position) -> np.ndarray:
        """Return one frame, (H, W[, C]); of a dask stack only this frame is computed."""
        return np.asarray(self.data[tuple(np.add(self.start, position).astype(int))])

    def coding(self, image: np.ndarray) -> tuple[Coding, str]:
        """Return what a frame's numbers stand for, and a sentence where that is not the usual.

        Where its samples do not count to the usual white, the layer's contrast limits have a say.
        """
        coding, note = guess(image)
        if not note:
            return coding, ""
        limit, _ = guess(np.array([[self.layer.contrast_limits[1]]]).astype(image.dtype))
        coding = max(coding, limit, key=lambda each: each.white)
        if coding.is_plain(image):
            return coding, ""
        return coding, f"White is taken to be {coding.white:g}, by the samples and the contrast limits."

    def pile(self, arrays: list[np.ndarray]) -> np.ndarray:
        """Return a new array (*stack, ...) of one array for each frame."""
        return np.reshape(arrays, self.stack + arrays[0].shape)

    def layer_of(self, data: Any, name: str, kind: str) -> Layer:
        """Return a new layer of ``data`` that lies where its frames lie and looks as its source looks.

        Parameters
        ----------
        data
            (*stack, H, W[, C]) array.
        name
            The new layer's name.
        kind
            ``"image"`` keeps everything of the source, ``"labels"`` only its place in the world.
        """
        _, state, _ = self.layer.as_layer_data_tuple()
        if kind == "labels":
            state = {key: state[key] for key in _PLACE}
        else:
            state = {**state, "multiscale": False, "visible": True}
        layer = Layer.create(data, {**state, "name": name}, kind)
        start = (*self.start, 0, 0)
        shift = np.subtract(self.layer.data_to_world(start), self.layer.data_to_world(np.zeros(layer.ndim)))
        layer.translate = layer.translate + np.linalg.solve(layer.affine.linear_matrix, shift)
        return layer


def _refuse_loose_channels(layer: Image) -> None:
    """Raise if a layer seems to hold its colours as frames; an axis with another name says otherwise."""
    if layer.rgb or layer.ndim < 3:  # noqa: PLR2004 -- a plain picture has two axes
        return
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    axis = layer.axis_labels[0].lower()
    named = not axis.lstrip("-").isdigit() and not axis.startswith("c")
    if shape[-1] in _CHANNELS or (layer.ndim == 3 and shape[0] in _CHANNELS and not named):  # noqa: PLR2004
        raise DsrError(
            f"'{layer.name}' seems to hold its colours as separate frames; right-click it for Split Stack, "
            "then Merge to RGB, or name its first axis 'frame' if they are frames."
        )


def _refuse_rolled_axes(layer: Image, axes: int, displayed: tuple[int, ...] | None) -> None:
    """Raise if not a layer's last two axes are shown; ``axes`` is how many the viewer has."""
    pictured = {axes - 2, axes - 1}
    if displayed is None or layer.ndim < 3 or set(displayed[-2:]) == pictured:  # noqa: PLR2004
        return
    wrong = min(pictured - set(displayed)) - axes
    raise DsrError(
        f"'{layer.name}' is shown with its axes rolled; put its axis {wrong} first "
        f"(numpy.moveaxis(data, {wrong}, 0)) and open it again, or roll the axes back."
    )


@dataclass(frozen=True, eq=False)
class Edit:
    """A person's changes in one frame: where they are, and whether there is damage; both (H, W) bool."""

    where: np.ndarray
    damage: np.ndarray


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
    labels: dict[Position, np.ndarray] = field(default_factory=dict)
    defects: dict[Position, int] = field(default_factory=dict)
    restored: Any = None
    marks: dict[Position, int] = field(default_factory=dict)


def collect_edits(drawn: Labels | None, result: Result, edits: dict[Position, Edit]) -> dict[Position, Edit]:
    """Return ``edits`` and what was painted or erased in a labels layer since ``result.labels`` was shown.

    Without any change it is the very dictionary that was given. ``result.labels`` is brought up to date.
    """
    for position, shown in result.labels.items() if drawn is not None else ():
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
    found = find_defects(prediction.image, prediction.repaired, prediction.probability, options)
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
            result.marks[position] = zlib.adler32(np.ascontiguousarray(frames.read(position)))
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
        yield Progress(_FRAME * (number + 1), _FRAME * count)
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
    from dask import delayed  # noqa: PLC0415

    def image(position: Position) -> np.ndarray:
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
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        except RuntimeError as error:  # a generator worker swallows it in silence
            raise DsrError(
                f"The network stopped ({error}); run it on the processor, or start anew."
            ) from error
        part = _FRAME * step.done // max(step.total, 1)
        yield replace(step, done=_FRAME * number + part, total=_FRAME * count)
