"""The filter on Dask arrays: stacks, and pictures larger than memory."""

import threading
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
    and the grain look at: so seams are those of the tiled filter, below its tolerance. Outside the mask every
    sample is bit-identical to the input. What is decided by looking at a whole picture is decided by looking
    at a block: which polarity is rare, which specks may be lights, what is
    implausibly dense; a scratch that crosses blocks is found in each of them for itself.

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
        from dask.array import overlap  # noqa: PLC0415 -- the base install has none
    except ImportError as error:
        raise DsrError(
            "restore_dask needs Dask; run: pip install 'dust-scratch-removal[cluster]'."
        ) from error
    options = options or Options()
    grey = array.ndim < 3 or array.shape[-1] not in _CHANNELS  # noqa: PLR2004
    if array.ndim < 2:  # noqa: PLR2004
        raise DsrError(f"A picture has height and width; this array has the shape {array.shape}.")
    source = array[..., None] if grey else array
    frames = source.ndim - 3
    rows, columns = frames, frames + 1
    pieces = {**dict.fromkeys(range(frames), 1), rows: block, columns: block, columns + 1: -1}
    reach = find_model(model).margin + REACH + options.grow + ceil(options.feather) + 1
    depth = {rows: reach, columns: reach}
    around = overlap.overlap(source.rechunk(pieces), depth, boundary="none")
    done = around.map_blocks(
        _restored,
        options=options,
        model=str(model),
        provider=provider,
        linear=linear,
        coding=coding,
        stretch=stretch,
        chunks=(*around.chunks[:-1], (source.shape[-1] + 1,)),
        dtype=array.dtype,
        meta=np.empty((0,) * source.ndim, array.dtype),
    )
    done = overlap.trim_internal(done, depth, boundary="none")
    image = done[..., 0] if grey else done[..., :-1]
    return image, done[..., -1].astype(bool)


def _restored(
    part: Image,
    *,
    options: Options,
    model: str,
    provider: str,
    linear: bool,
    coding: Coding | None,
    stretch: Stretch,
) -> Image:
    """Return a block with its mask as a further channel."""
    picture = np.ascontiguousarray(part.reshape(part.shape[-3:]))
    picture = picture[:, :, 0] if picture.shape[2] == 1 else picture
    with _one_at_a_time:
        steps = predict(
            picture, model=model, provider=provider, linear=linear, coding=coding, stretch=stretch
        )
        result = compose(run(steps), options)
    image = result.image.reshape(*result.mask.shape, -1)
    both = np.concatenate([image, result.mask[:, :, None].astype(image.dtype)], axis=2)
    return both.reshape(*part.shape[:-1], -1)
