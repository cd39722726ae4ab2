"""Which layer is the infrared scan of another."""

from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer

from dsr_core.infrared_names import seems_infrared
from dsr_core.pixels import full_scale
from dsr_napari.frames import PLACE, full_size
from dsr_napari.work import Work, active_layer, made_of_another

_FOUR = 4  # channels: red, green, blue, and one more
_STEP = 8  # pixels, of which one is looked at
_ENDS = 0.5  # share of samples that are clear or opaque, from which on they are opacity


def fitting(scan: Image | None, viewer: Viewer) -> list[Image]:
    """Return the layers that can be the infrared scan of another: grey, of its size, and not made of it."""
    if not isinstance(scan, Image):
        return []
    wanted = full_size(scan).shape[: scan.ndim]
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image)
        and not layer.rgb
        and layer is not scan
        and full_size(layer).shape == wanted
        and not made_of_another(layer, viewer)
    ]


def by_name(scan: Image | None, viewer: Viewer) -> Image | None:
    """Return the layer that is the infrared scan of another by its name, if there is one."""
    if scan is None:
        return None
    return next((each for each in fitting(scan, viewer) if seems_infrared(each.name, scan.name)), None)


def hides_infrared(scan: Image | None) -> bool:
    """Tell whether the fourth channel of a layer, which napari shows as its opacity, may be infrared.

    Opacity is mostly none or all.
    """
    if not isinstance(scan, Image) or not scan.rgb or full_size(scan).shape[-1] != _FOUR:
        return False
    first = full_size(scan)[(0,) * (scan.ndim - 2)]
    channel = np.asarray(first[::_STEP, ::_STEP, -1])
    ends = (channel <= 0) | (channel >= full_scale(channel.dtype))
    return bool(ends.mean() < _ENDS and channel.min() < channel.max())


def split_off(scan: Image, viewer: Viewer) -> None:
    """Make the fourth channel of a layer, and of what was made of it, a layer of its own, without a copy."""
    work = Work.of(scan)
    made = [] if work is None else [view.restored for view in work.views if view.restored is not None]
    levels = _levels(scan)
    infrared = Image(
        [level[..., -1] for level in levels] if scan.multiscale else levels[0][..., -1],
        name=f"{scan.name} infrared",
        multiscale=scan.multiscale,
        visible=False,
        **{name: getattr(scan, name) for name in PLACE},
    )
    for layer in (*made, scan):
        colours = [level[..., :-1] for level in _levels(layer)]
        layer.data = colours if layer.multiscale else colours[0]
    active = active_layer(viewer)
    viewer.layers.insert(viewer.layers.index(scan), infrared)
    viewer.layers.selection.active = active


def _levels(layer: Image) -> list[Any]:
    return list(layer.data) if layer.multiscale else [layer.data]
