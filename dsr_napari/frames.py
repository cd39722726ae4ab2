"""An image layer as the 2-D frames that the filter works on, and back."""

from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from dsr_core import DsrError

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

    Raises
    ------
    DsrError
        The layer cannot hold a scan.
    """

    def __init__(self, layer: Layer | None, point: tuple[float, ...], every: bool) -> None:
        if not isinstance(layer, Image):
            raise DsrError("There is no image layer; open a scan, for only image layers can be restored.")
        _refuse_loose_channels(layer)
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
