"""What every output has in common.

A product is made and drawn while the picture stays as it is, and then inserted or discarded.
"""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from dsr_core.editor.wire import PlugInError
from earlier import locked, result_of, sign


class Product:
    """What one target gets.

    Attributes
    ----------
    name, label
        What scripts and the dialog call the output.
    alpha
        Which alpha channel its samples get, a word of `dsr_core.editor.wire`.

    Parameters
    ----------
    target
        What is repaired.
    earlier
        The result of an earlier run, whose place the product takes.
    add
        Whether the product holds what the earlier result holds, too.
    """

    name = label = ""
    alpha = "kept"

    def __init__(self, target, earlier=None, *, add=False):
        self.target, self.earlier = target, earlier
        self.old = earlier if add else None

    @classmethod
    def check(cls, target):
        """Refuse at once what cannot end well; return what the user should know otherwise."""

    @staticmethod
    def prepare(target):
        """Do what can be done while the network runs."""

    def draw(self, patches):
        """Add patches."""
        raise NotImplementedError

    def put(self):
        """Put the product into the picture."""
        raise NotImplementedError

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        raise NotImplementedError

    @classmethod
    def insert(cls, _image, products):
        """Put the products of all targets into the picture."""
        for product in products:
            product.put()


class NewItem(Product):
    """A new layer or channel above the target, or in the place of an earlier one."""

    item = None

    @classmethod
    def check(cls, target):
        """Refuse a layer mask, and an earlier result that is locked."""
        if target.drawable.is_layer_mask():
            raise PlugInError("A layer mask can only be repaired in place; choose that as the output.")
        earlier = result_of(target.drawable, cls.name)
        if earlier and locked(earlier):
            raise PlugInError(f"“{earlier.get_name()}” is locked; unlock it, or choose another output.")

    @classmethod
    def insert(cls, image, products):
        """Put the products of all targets into the picture, and select them where they are layers."""
        super().insert(image, products)
        layers = [product.item for product in products if product.item.is_layer()]
        if layers:
            image.set_selected_layers(layers)

    def put(self):
        """Insert the layer or channel above the target, or in the place of the earlier one."""
        if self.earlier and not self.earlier.is_valid():
            self.earlier = None  # deleted meanwhile
        image, above = self.target.image, self.earlier or self.target.drawable
        place = above.get_parent(), image.get_item_position(above)
        name = self.earlier.get_name() if self.earlier else self.item.get_name()
        sign(self.item, self.target.drawable, self.name)
        if self.item.is_layer():
            self.item.update(0, 0, self.item.get_width(), self.item.get_height())
            if self.earlier:
                image.remove_layer(self.earlier)
            must(image.insert_layer(self.item, *place))
        else:
            if self.earlier:
                image.remove_channel(self.earlier)
            must(image.insert_channel(self.item, *place))
        self.item.set_name(name)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        self.item.delete()


def must(done):
    """Stop where GIMP refused something, instead of going on as if it were done."""
    if not done:
        raise PlugInError(f"GIMP refused the result: {Gimp.get_pdb().get_last_error()}")


def selected_items(image):
    """Return the selected layers and the selected channels, for `reselect`."""
    return image.get_selected_layers(), image.get_selected_channels()


def reselect(image, layers, channels):
    """Select again what a new channel has taken the selection from."""
    if layers:
        image.set_selected_layers(layers)
    else:
        image.set_selected_channels(channels)
