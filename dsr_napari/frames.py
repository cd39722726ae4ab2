"""An image layer as the 2-D frames that the filter works on, and back."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from dsr_core import Coding, DsrError
from dsr_core.coding import guess

Position = tuple[int, ...]
"""Index of a frame along a layer's axes before (H, W); ``()`` for a plain picture."""

_CHANNELS = (3, 4)
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""What says where a layer lies in the world."""


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
        The viewer's axes that are shown, the last two across and down.
    planes_are_frames
        Three or four planes of grey are frames, not the colours of one picture.
    white
        The number that means white; 0 lets the samples and the contrast limits say.
    infrared
        The layer of grey frames that are the infrared scan of these, if there is one.

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
        displayed: tuple[int, ...],
        *,
        planes_are_frames: bool = False,
        white: float = 0,
        infrared: Image | None = None,
    ) -> None:
        if not isinstance(layer, Image):
            raise DsrError("There is no image layer; open a scan, for only image layers can be restored.")
        if not planes_are_frames and seems_loose_channels(layer):
            raise DsrError(
                f"'{layer.name}' seems to hold its colours as separate frames; tick 'planes are frames' if "
                "they are, or right-click the layer for Split Stack, then Merge to RGB."
            )
        if layer.data.shape[-1] in _CHANNELS and layer.ndim > 2 and not layer.rgb:  # noqa: PLR2004
            raise DsrError(
                f"'{layer.name}' seems to hold its colours as its last axis; add it again as RGB "
                "(viewer.add_image(data, rgb=True))."
            )
        _refuse_rolled_axes(layer, len(point), displayed)
        self.layer = layer
        self.data = full_size(layer)
        stack = self.data.shape[: layer.ndim - 2]
        shown = shown_frame(layer, point)
        self.white, self.infrared = white, infrared
        self.start: Position = (0,) * len(stack) if every else shown
        self.stack: Position = stack if every else (1,) * len(stack)
        self.frame_shape = self.data.shape[layer.ndim - 2 :]
        self.positions: list[Position] = [
            tuple(int(i) for i in np.add(self.start, place)) for place in np.ndindex(self.stack)
        ]

    @property
    def lazy(self) -> bool:
        """Whether the frames come from a dask stack, and so should what is made of them."""
        return len(self.positions) > 1 and hasattr(self.data, "dask")

    @property
    def levels(self) -> list[Any]:
        """The smaller copies of a multiscale layer that have all of its frames."""
        if not self.layer.multiscale or self.lazy:
            return []
        frames = self.layer.ndim - 2
        return [level for level in self.layer.data[1:] if level.shape[:frames] == self.data.shape[:frames]]

    def renew(self, other: "Frames") -> None:
        """Read from where ``other`` reads, and as it does."""
        self.data, self.white, self.infrared = other.data, other.white, other.infrared
        self.frame_shape = other.frame_shape

    def index(self, position: Position) -> Position:
        """Return where a frame lies in what is made of these frames."""
        return tuple(int(i) for i in np.subtract(position, self.start))

    def read(self, position: Position) -> NDArray[Any]:
        """Return one frame, (H, W[, C]); of a dask stack only this frame is computed."""
        return np.asarray(self.data[position])

    def read_infrared(self, position: Position) -> NDArray[Any] | None:
        """Return the infrared scan of one frame, (H, W), if there is one."""
        return None if self.infrared is None else np.asarray(full_size(self.infrared)[position])

    def mark(self, position: Position) -> tuple[Any, ...]:
        """Return what tells whether a frame is read as it was, and from where.

        But for dask stacks there is a checksum of the samples, for others may write into them.
        """
        sources = [self.data, *([] if self.infrared is None else [full_size(self.infrared)])]
        sums = [] if self.lazy else [_checksum(each[position]) for each in sources]
        return (*map(id, sources), *sums, self.white)

    def coding(self, image: NDArray[Any]) -> tuple[Coding, str]:
        """Return what a frame's numbers stand for, and a sentence where that is not the usual.

        Where its samples do not count to the usual white, the layer's contrast limits have a say.
        """
        if self.white > 0 or image.dtype.kind not in "iuf":  # what else there is the filter refuses, in words
            return Coding(self.white or 1), ""
        coding, note = guess(image)
        if not note:
            return coding, ""
        limit, _ = guess(np.array([[self.layer.contrast_limits[1]]]).astype(image.dtype))
        coding = max(coding, limit, key=lambda each: each.white)
        if coding.is_plain(image):
            return coding, ""
        return coding, f"White is taken to be {coding.white:.10g}, by the samples and the contrast limits."

    def pile(self, arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return a new array (*stack, ...) of one array for each frame."""
        return np.reshape(arrays, self.stack + arrays[0].shape)

    def layer_of(self, data: Any, name: str, kind: str, **look: Any) -> Layer:
        """Return a new layer of ``data`` that lies where its frames lie and looks as its source looks.

        Parameters
        ----------
        data
            (*stack, H, W[, C]) array, or the list of them that makes a multiscale image.
        name
            The new layer's name.
        kind
            ``"image"`` keeps everything of the source, ``"labels"`` only its place in the world.
        **look
            Other than the source's.
        """
        _, state, _ = self.layer.as_layer_data_tuple()
        if kind == "labels":
            state = {key: state[key] for key in PLACE}
        else:
            state = {**state, "multiscale": isinstance(data, list), "visible": True}
        layer = Layer.create(data, {**state, "name": name, **look}, kind)
        start = (*self.start, 0, 0)
        shift = np.subtract(self.layer.data_to_world(start), self.layer.data_to_world(np.zeros(layer.ndim)))
        layer.translate = layer.translate + np.linalg.solve(layer.affine.linear_matrix, shift)
        return layer


def _checksum(samples: Any) -> int:
    return zlib.adler32(np.ascontiguousarray(samples).data)


def full_size(layer: Image) -> Any:
    """Return the samples of an image layer, those of the largest of a multiscale one."""
    return layer.data[0] if layer.multiscale else layer.data


def shown_frame(layer: Layer, point: tuple[float, ...]) -> Position:
    """Return which frame of a layer is shown at a point of the world."""
    stack = full_size(layer).shape[: layer.ndim - 2]
    shown = np.rint(layer.world_to_data(point)[: len(stack)]).astype(int)
    return tuple(int(i) for i in np.clip(shown, 0, np.subtract(stack, 1)))


def seems_loose_channels(layer: Image) -> bool:
    """Tell whether a layer may hold its colours as frames; an axis that bears another name holds frames."""
    if layer.rgb or layer.ndim != 3:  # noqa: PLR2004 -- a plain picture has two axes
        return False
    axis = layer.axis_labels[0].lower()
    named = not axis.lstrip("-").isdigit() and not axis.startswith("c")
    return full_size(layer).shape[0] in _CHANNELS and not named


def _refuse_rolled_axes(layer: Image, axes: int, displayed: tuple[int, ...]) -> None:
    """Raise if not a layer's last two axes are shown; ``axes`` is how many the viewer has."""
    pictured = {axes - 2, axes - 1}
    if layer.ndim < 3 or set(displayed[-2:]) == pictured:  # noqa: PLR2004
        return
    wrong = min(pictured - set(displayed)) - axes
    raise DsrError(
        f"'{layer.name}' is shown with its axes rolled; put its axis {wrong} first "
        f"(numpy.moveaxis(data, {wrong}, 0)) and open it again, or roll the axes back."
    )
