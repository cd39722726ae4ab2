"""What earlier runs left in a picture: each result carries a note that says what it was made from."""

import json

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

_NAME = "dust-scratch-removal"
_KEPT_AND_UNDONE = 3  # the parasite's flags: saved with the picture, and part of its undo steps


def sign(item, source, output):
    """Write on a result what it was made from and which output it is."""
    said = {"source": source.get_name(), "tattoo": source.get_tattoo(), "output": output}
    item.attach_parasite(Gimp.Parasite.new(_NAME, _KEPT_AND_UNDONE, list(json.dumps(said).encode())))


def source_of(drawable):
    """Return what is to be repaired where this is selected: of a result or its mask, what it came from."""
    item = Gimp.Layer.from_mask(drawable) if drawable.is_layer_mask() else drawable
    return _source(item) or drawable


def result_of(source, output):
    """Return the topmost result of an earlier run for a drawable and this output, if there is one."""
    if source.is_layer_mask():
        return None
    for item in _siblings(source):
        if _read(item).get("output") == output and _source(item) == source:
            return item
    return None


def latest_output(source, outputs):
    """Return which of these outputs lies topmost above a drawable, if any does."""
    if source.is_layer_mask():
        return None
    for item in _siblings(source):
        if _read(item).get("output") in outputs and _source(item) == source:
            return _read(item)["output"]
    return None


def locked(item):
    """Say whether GIMP refuses to change the pixels of an item: it, its layer or a group of it is locked."""
    while item is not None:
        if item.get_lock_content():
            return True
        item = Gimp.Layer.from_mask(item) if item.is_layer_mask() else item.get_parent()
    return False


def _read(item):
    parasite = item.get_parasite(_NAME)
    try:
        return json.loads(bytes(parasite.get_data())) if parasite else {}
    except ValueError:
        return {}


def _source(item):
    """Return what a result was made from: names are unique in a picture, tattoos only outlive a new name."""
    said, image = _read(item), item.get_image()
    if not said:
        return None
    if item.is_layer():
        return image.get_layer_by_name(said["source"]) or image.get_layer_by_tattoo(said["tattoo"])
    return image.get_channel_by_name(said["source"]) or image.get_channel_by_tattoo(said["tattoo"])


def _siblings(item):
    if item.get_parent():
        return item.get_parent().get_children()
    image = item.get_image()
    return image.get_layers() if item.is_layer() else image.get_channels()
