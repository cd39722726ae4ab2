"""The filter on Dask arrays: stacks, and pictures larger than memory."""

import threading
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from dsr_core.coding import Coding
from dsr_core.composite import compose
from dsr_core.errors import DsrError
from dsr_core.filter import predict, run
from dsr_core.grain import REACH
from dsr_core.models import find_model
from dsr_core.options import Options
from dsr_core.pixels import Image
from dsr_core.region import Region
from dsr_core.stretch import PLAIN, Stretch

_CHANNELS = (2, 3, 4)
_one_at_a_time = threading.Lock()  # the network takes all cores; several would only take more memory


def restore_dask(
    array: Any,
    options: Options | None = None,
    *,
    model: str | Path = "3",
    provider: str = "auto",
    linear: bool = False,
    coding: Coding | None = None,
    stretch: Stretch = PLAIN,
    block: int = 2048,
) -> tuple[Any, Any]:
    """Restore a Dask array, when it is computed.

    Blocks of the array are restored one after the other, each with as much of its surroundings as the network
    and the grain look at: so seams are those of the tiled filter, below its tolerance. A block reads all of
    this from the array by itself, so that memory does not grow with the picture; chunks that several blocks
    touch are read for each of them. Outside the mask every sample is bit-identical to the input. What is
    decided by looking at a whole picture is decided by looking at a block: how dirty it is, which polarity is
    rare, which specks may be lights, what is implausibly dense or a screen; a scratch that crosses blocks is
    found in each of them for itself.

    Parameters
    ----------
    array
        ``(..., H, W)`` grey or ``(..., H, W, 2|3|4)`` with channels, as `predict` takes one picture; axes
        before these are frames. A last axis of 2, 3 or 4 is taken for channels.
    options, model, provider, linear
        As for `restore`.
    coding
        What the numbers stand for; by default white is the largest number of their type. It is not guessed,
        since no block knows of the others.
    stretch
        How the network is shown the samples. For what fills only a part of its range, measure it on fewer
        pixels: ``dsr_core.stretch.measure(array[::16, ::16].compute())``.
    block
        Pixels of a block's side. A block of 2048 takes less than a gigabyte.

    Returns
    -------
    tuple
        The restored array, of the same shape and type, and the mask, ``(..., H, W)`` bool. Compute or store
        both together: they share the work.

    Raises
    ------
    DsrError
        Dask is not installed, the array has no picture in it, or the model cannot be used; when it is
        computed, as `predict`.
    """
    try:
        from dask.array import core, map_blocks  # noqa: PLC0415 -- the base install has none
    except ImportError as error:
        raise DsrError(
            "restore_dask needs Dask; run: pip install 'dust-scratch-removal[cluster]'."
        ) from error
    options = options or Options()
    grey = array.ndim < 3 or array.shape[-1] not in _CHANNELS  # noqa: PLR2004
    if array.ndim < 2:  # noqa: PLR2004
        raise DsrError(f"A picture has height and width; this array has the shape {array.shape}.")
    source = array[..., None] if grey else array
    *frames, height, width, channels = source.shape
    sides = core.normalize_chunks((block, block), (height, width))
    done = map_blocks(
        _restored,
        source=_Source(source),
        reach=find_model(model).margin + REACH + options.grow + ceil(options.feather) + 1,
        options=options,
        model=str(model),
        provider=provider,
        linear=linear,
        coding=coding,
        stretch=stretch,
        chunks=(*((1,) * frame for frame in frames), *sides, (channels + 1,)),
        dtype=array.dtype,
        meta=np.empty((0,) * source.ndim, array.dtype),
    )
    image = done[..., 0] if grey else done[..., :-1]
    return image, done[..., -1].astype(bool)


class _Source:
    """An array of which each block reads what it needs.

    As a part of the graph, what blocks have in common would be kept until all of them have seen it: a third
    of a picture of two gigapixels.
    """

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dask_tokenize__(self) -> str:
        return str(self._array.name)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of a frame."""
        height, width = self._array.shape[-3:-1]
        return height, width

    def read(self, *place: slice) -> Image:
        """Return a part of one frame, ``(h, w, c)``."""
        part: Image = self._array[place].compute(scheduler="synchronous")
        return np.ascontiguousarray(part.reshape(part.shape[-3:]))


def _restored(
    *,
    source: _Source,
    reach: int,
    options: Options,
    model: str,
    provider: str,
    linear: bool,
    coding: Coding | None,
    stretch: Stretch,
    block_info: Mapping[None, Mapping[str, Any]],
) -> Image:
    """Return a block with its mask as a further channel."""
    *frame, rows, columns, _ = (slice(*ends) for ends in block_info[None]["array-location"])
    block = Region(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    around = block.widened(reach, source.sides, find_model(model).multiple_of)
    picture = source.read(*frame, *around.slices)
    picture = picture[:, :, 0] if picture.shape[2] == 1 else picture
    with _one_at_a_time:
        steps = predict(
            picture, model=model, provider=provider, linear=linear, coding=coding, stretch=stretch
        )
        result = compose(run(steps), options)
    inside = block.within(around).slices
    mask = result.mask[inside]
    image = result.image[inside].reshape(*mask.shape, -1)
    both = np.concatenate([image, mask[:, :, None].astype(image.dtype)], axis=2)
    return both.reshape(*(1 for _ in frame), *both.shape)
