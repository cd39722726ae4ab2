"""An image layer as the 2-D frames that the filter works on, and back."""

from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from dsr_core import Coding, DsrError
from dsr_core.coding import guess

Position = tuple[int, ...]
"""Index of a frame along the axes before (H, W) of what is made; ``()`` for a plain picture."""

_CHANNELS = (3, 4)
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

    def read(self, position: Position) -> NDArray[Any]:
        """Return one frame, (H, W[, C]); of a dask stack only this frame is computed."""
        return np.asarray(self.data[tuple(np.add(self.start, position).astype(int))])

    def coding(self, image: NDArray[Any]) -> tuple[Coding, str]:
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

    def pile(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
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
    """Raise if a layer seems to hold its colours as frames; an axis that bears another name holds frames."""
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
