"""The layers that show what was found, decided and restored."""

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer

from dsr_core.decisions import LEFT, PAINTED, Decided
from dsr_napari.run import Done, lazy_stack
from dsr_napari.work import KEY, View, Work, active_layer

# So many labels fit into 16 bits, which napari draws without a slow conversion.
_FEW = np.iinfo(np.uint16).max
_BLUE, _GREEN, _CLEAR = (0.2, 0.6, 1, 1), (0.3, 1, 0.3, 1), (0, 0, 0, 0)
_COLOURS = {None: _CLEAR, 0: _CLEAR, LEFT: _BLUE, PAINTED: _GREEN, LEFT | PAINTED: _BLUE}
_WORDS = {
    "index": [0, LEFT, PAINTED, LEFT | PAINTED],
    "decision": ["", "left alone", "painted", "left alone"],
}


def show_run(viewer: Viewer, work: Work, view: View, results: list[Done], *, restore: bool) -> None:
    """Bring what a run made into the layers of a view, and make those that are missing.

    What older views show of the same frames goes.
    """
    for other in [each for each in work.views if each is not view]:
        if set(other.frames.positions) & set(view.frames.positions):
            work.views.remove(other)
            for layer in other.layers:
                viewer.layers.remove(layer)
    if view not in work.views:
        work.views.append(view)
    name, frames = view.frames.layer.name, view.frames
    for done in results:
        keep(work, done)
        if view.defects is not None:
            show(view, done)
    if view.defects is None:
        labels = frames.pile([work.known[position].labels for position in frames.positions])
        labels = labels.astype(np.uint16 if labels.max(initial=0) < _FEW else np.int32, copy=False)
        view.defects = _mark(work, frames.layer_of(labels, f"defects of {name}", "labels"))
        view.defects.selected_label = int(labels.max(initial=0)) + 1  # for the brush
        viewer.add_layer(view.defects)
    images = [done.images for done in results]
    if restore and view.restored is None:
        levels = [frames.pile(level) for level in zip(*images, strict=True)]
        if frames.lazy and work.options is not None:
            levels = [lazy_stack(frames, work.known, work.options)]
        view.restored = _mark(
            work, frames.layer_of(levels if len(levels) > 1 else levels[0], f"{name} restored", "image")
        )
        view.defects.visible = False  # the first look is at the result
        viewer.layers.insert(viewer.layers.index(view.defects), view.restored)


def show_followers(viewer: Viewer, work: Work, view: View) -> None:
    """Show what depends on all frames of a view, and what was decided about them."""
    if view.restored is not None and view.frames.lazy and work.options is not None:
        view.restored.data = lazy_stack(view.frames, work.known, work.options)
    most = max(work.known[position].count for position in view.frames.positions)
    if view.defects is not None and 0 < view.defects.selected_label <= most:
        view.defects.selected_label = most + 1  # the brush paints with a number of its own
    show_decisions(viewer, work, view)


def keep(work: Work, done: Done) -> None:
    """Take over what is known after a job."""
    known = work.known[done.position]
    if done.part is not None:
        known.labels[done.part] = done.labels
        return
    known.prediction, known.mark, known.filled = done.prediction, done.mark, done.filled
    known.labels, known.rows, known.sources = done.labels, done.rows, done.sources
    work.stale.discard(done.position)


def show(view: View, done: Done) -> None:
    """Bring one frame, or a part of it, into the layers of a view."""
    at: tuple[Any, ...] = view.frames.index(done.position)
    if done.part is not None:
        at += done.part
    if view.defects is not None:
        if done.labels.max(initial=0) > np.iinfo(view.defects.data.dtype).max:
            view.defects.data = view.defects.data.astype(np.int32)
        _write(view.defects, view.defects.data, at, done.labels)
    if view.restored is not None and not view.frames.lazy:
        levels = view.restored.data if view.restored.multiscale else [view.restored.data]
        for level, image in zip(levels, done.images, strict=False):
            _write(view.restored, level, at, image)


def show_decisions(viewer: Viewer, work: Work, view: View) -> None:
    """Show what was decided, in a layer of its own as soon as there is something."""
    decided = [work.known[position].decided for position in view.frames.positions]
    if view.decisions is not None:
        for position, each in zip(view.frames.positions, decided, strict=True):
            at, known = view.frames.index(position), work.known[position]
            if known.marked is not each:
                known.marked = each
                _write(view.decisions, view.decisions.data, at, each)
        return
    if view.defects is None or not any(each.any() for each in decided):
        return
    view.decisions = _mark(
        work,
        view.frames.layer_of(
            view.frames.pile(decided),
            f"decisions of {view.frames.layer.name}",
            "labels",
            colormap=DirectLabelColormap(color_dict=_COLOURS),
            features=_WORDS,
            visible=view.defects.visible,
            opacity=0.6,
        ),
    )
    for position, each in zip(view.frames.positions, decided, strict=True):
        work.known[position].marked = each
    active = active_layer(viewer)
    viewer.layers.insert(viewer.layers.index(view.defects) + 1, view.decisions)
    viewer.layers.selection.active = active  # the brush stays where it was


def adopt_decisions(viewer: Viewer, work: Work, view: View) -> None:
    """Take decisions over from a layer that was saved and opened again."""
    known = [work.known[position] for position in view.frames.positions]
    name, shape = f"decisions of {view.frames.layer.name}", view.frames.stack + view.frames.frame_shape[:2]
    for layer in list(viewer.layers):
        opened = isinstance(layer, Image | Labels) and layer.name == name and Work.of(layer) is None
        if (
            opened
            and not layer.multiscale
            and layer.data.shape == shape
            and not any(each.decided.any() for each in known)
        ):
            for position, each in zip(view.frames.positions, known, strict=True):
                saved: Decided = np.asarray(layer.data[view.frames.index(position)]).astype(np.uint8)
                each.decided = saved & np.uint8(LEFT | PAINTED)
            viewer.layers.remove(layer)


def _mark(work: Work, layer: Layer) -> Layer:
    layer.metadata[KEY] = work
    return layer


def _write(layer: Layer, data: Any, at: tuple[Any, ...], values: Any) -> None:
    data[at] = values
    layer.refresh(extent=False, highlight=False)
