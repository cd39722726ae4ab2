"""The infrared scan of what is repaired: another layer of the picture, or a channel."""

from drawable import extent
from dsr_core.editor.wire import PlugInError
from dsr_core.infrared_names import seems_infrared
from earlier import source_of


def fitting(targets):
    """Return the layers and channels that can be an infrared scan of all targets."""
    image = targets[0].image
    items = [*_inside(image.get_layers()), *image.get_channels()]
    return [
        item
        for item in items
        if source_of(item) == item and all(_fault(item, each) is None for each in targets)
    ]


def by_name(targets):
    """Return the layer or channel that by its name is the infrared scan of the targets, if there is one."""
    image = targets[0].image
    files = filter(None, (image.get_file(), image.get_imported_file()))
    scans = [*(target.name for target in targets), *(file.get_basename() for file in files)]
    return next((item for item in fitting(targets) if seems_infrared(item.get_name(), *scans)), None)


def check_infrared(infrared, targets):
    """Refuse what is no infrared scan of the targets; none at all is one."""
    for target in targets if infrared else ():
        if fault := _fault(infrared, target):
            raise PlugInError(fault)


def _fault(infrared, target):
    """Return why something cannot be the infrared scan of a target, if that is so."""
    name = infrared.get_name()
    if infrared == target.drawable:
        return f"“{name}” is to be repaired; choose its infrared scan, another layer or a channel."
    if infrared.get_image() != target.image:
        return f"“{name}” is in another picture; open the infrared scan as a layer of this one."
    x, y, width, height = extent(infrared)
    left, top, wide, high = extent(target.drawable)
    if x > left or y > top or x + width < left + wide or y + height < top + high:
        return f"“{name}” does not cover “{target.name}”; choose the infrared scan that was made with it."
    return None


def _inside(layers):
    """Yield layers and those in their groups, but not the groups."""
    for layer in layers:
        if layer.is_group():
            yield from _inside(layer.get_children())
        else:
            yield layer
