"""What every output has in common.

A product is made and drawn while the picture stays as it is, and then inserted or discarded.
"""


class Product:
    """What one target gets.

    Attributes
    ----------
    label
        What the dialog calls the output.
    alpha
        Which alpha channel its samples get, a word of `dsr_core.editor.wire`.
    """

    label = ""
    alpha = "kept"

    def __init__(self, target):
        self.target = target

    @staticmethod
    def check(target):
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
    """A new layer or channel above the target."""

    item = None

    @classmethod
    def insert(cls, image, products):
        """Put the products of all targets into the picture, and select them where they are layers."""
        super().insert(image, products)
        layers = [product.item for product in products if product.item.is_layer()]
        if layers:
            image.set_selected_layers(layers)

    def put(self):
        """Insert the layer or channel above the target, in the same group."""
        image = self.target.image
        place = self.target.drawable.get_parent(), image.get_item_position(self.target.drawable)
        if self.item.is_layer():
            self.item.update(0, 0, self.item.get_width(), self.item.get_height())
            image.insert_layer(self.item, *place)
        else:
            image.insert_channel(self.item, *place)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        self.item.delete()


def selected_items(image):
    """Return the selected layers and the selected channels, for `reselect`."""
    return image.get_selected_layers(), image.get_selected_channels()


def reselect(image, layers, channels):
    """Select again what a new channel has taken the selection from."""
    if layers:
        image.set_selected_layers(layers)
    else:
        image.set_selected_channels(channels)
