"""Outputs that only show where the defects are: a channel, or the selection."""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp

from canvas import Canvas
from product import Product, reselect, selected_items


class Marked(Product):
    """The defects as a channel of the picture's size; one for all targets."""

    name = "channel"
    label = "Only mark the defects, as a channel"

    def __init__(self, target, earlier=None, *, add=False):
        super().__init__(target, earlier, add=add)
        image = target.image
        corner = [start + moved for start, moved in zip(target.region[:2], target.offset, strict=True)]
        self.channel = Gimp.Channel.new(
            image, "Dust & scratches", image.get_width(), image.get_height(), 50, Gegl.Color.new("red")
        )
        self.canvas = Canvas(self.channel, *corner)

    def draw(self, patches):
        """Add patches."""
        self.canvas.draw_mask(patches)

    @classmethod
    def insert(cls, image, products):
        """Insert the union of all targets' channels."""
        selected = selected_items(image)
        union, *others = products
        for more in others:
            union.channel.combine_masks(more.channel, Gimp.ChannelOps.ADD, 0, 0)
            more.discard()
        image.insert_channel(union.channel, None, 0)
        union.put()
        reselect(image, *selected)

    def put(self):
        """Keep the channel."""

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        self.channel.delete()


class Selected(Marked):
    """The defects as the selection."""

    name = "selection"
    label = "Only select the defects"

    def put(self):
        """Turn the channel into the selection."""
        self.target.image.select_item(Gimp.ChannelOps.REPLACE, self.channel)
        self.target.image.remove_channel(self.channel)
