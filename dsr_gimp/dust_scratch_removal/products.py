"""What becomes of the repairs: a class for each output (those of `marks` included), and one table of them."""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from drawable import Canvas, copy_pixels
from dsr_core.editor.wire import PlugInError
from marks import Marked, Selected
from product import NewItem, Product, reselect, selected_items

FULLY = 100.0  # a layer's opacity, in per cent


class RestoredCopy(NewItem):
    """A copy of a target with everything repaired."""

    label = "A restored layer"

    def __init__(self, target):
        super().__init__(target)
        self.item = self._copy()
        self.item.set_name(f"{target.name} (restored)")
        self.buffer = self.item.get_buffer()

    @staticmethod
    def check(target):
        """Refuse a layer mask."""
        if target.drawable.is_layer_mask():
            raise PlugInError("A layer mask can only be repaired in place; choose that as the output.")

    def draw(self, patches):
        """Add patches."""
        patches.write(self.buffer, self.target.format, *self.target.region[:2])
        self.buffer.flush()

    def _copy(self):
        """Return a copy of the target that is not yet in the picture: a plain layer or channel."""
        source = self.target.drawable
        if type(source) in (Gimp.Layer, Gimp.Channel):
            return source.copy()
        layer = Gimp.Layer.new(
            self.target.image,
            "",
            source.get_width(),
            source.get_height(),
            source.type(),
            source.get_opacity(),
            source.get_mode(),
        )
        layer.set_offsets(*self.target.offset)
        copy_pixels(source, layer.get_buffer())
        return layer


class Repairs(NewItem):
    """A new layer that holds a target's repairs and is empty elsewhere."""

    label = "A layer of repairs, transparent elsewhere"
    alpha = "masked"

    def __init__(self, target):
        super().__init__(target)
        source, (x, y, width, height) = target.drawable, target.region
        self.item = Gimp.Layer.new(
            target.image,
            f"{target.name} (repairs)",
            width,
            height,
            source.type_with_alpha(),
            FULLY,
            Gimp.LayerMode.NORMAL,
        )
        self.item.set_offsets(target.offset[0] + x, target.offset[1] + y)
        self.hidden = source.get_mask() if source.get_mask() and source.get_apply_mask() else None
        self.pixels = Canvas(self.item)
        self.mask = self._new_mask()

    @staticmethod
    def check(target):
        """Return a remark on a layer that a layer above it cannot follow."""
        drawable = target.drawable
        ordinary = drawable.get_mode() in (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)
        if not ordinary or drawable.get_opacity() < FULLY or drawable.get_filters():
            return (
                f"“{target.name}” is blended or filtered, so a layer of repairs above it may look different; "
                f"the outputs “{RestoredCopy.label}” and “{InPlace.label}” follow it exactly."
            )
        return None

    def _new_mask(self):
        """Return a mask for the layer, where the target's own mask has to hide repairs, too."""
        return self.item.create_mask(Gimp.AddMaskType.WHITE) if self.hidden else None

    def draw(self, patches):
        """Add patches."""
        self.pixels.draw(patches)

    def put(self):
        """Insert the layer with its mask."""
        super().put()
        if self.hidden:
            x, y, *_ = self.target.region
            self.mask.combine_masks(self.hidden, Gimp.ChannelOps.INTERSECT, -x, -y)
        if self.mask:
            self.item.add_mask(self.mask)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        if self.mask:
            self.mask.delete()
        super().discard()


class MaskedRepairs(Repairs):
    """The same with a mask that shows the repairs, so that a wrong one can be painted away."""

    label = "A layer of repairs, with a mask"
    alpha = "added"

    def _new_mask(self):
        mask = self.item.create_mask(Gimp.AddMaskType.BLACK)
        self.marks = Canvas(mask)
        return mask

    def draw(self, patches):
        """Add patches."""
        super().draw(patches)
        self.marks.draw_mask(patches)


class InPlace(Product):
    """A target's own pixels, to the bit, and changed in a way that can be undone."""

    label = "In place"

    @staticmethod
    def check(target):
        """Refuse what GIMP does not let plug-ins change."""
        drawable = target.drawable
        if isinstance(drawable, Gimp.Layer) and type(drawable) is not Gimp.Layer:
            raise PlugInError(
                f"“{target.name}” is not a plain layer and cannot be changed in place; "
                "choose a new layer as the output."
            )
        if drawable.get_lock_content():
            raise PlugInError(
                f"The pixels of “{target.name}” are locked; unlock them or choose a new layer as the output."
            )

    @staticmethod
    def prepare(target):
        """Copy the pixels to where GIMP can take the changed ones from."""
        target.copy_to_shadow()

    def draw(self, patches):
        """Add patches."""
        patches.write(self.target.shadow, self.target.format, *self.target.region[:2])
        self.target.shadow.flush()

    def put(self):
        """Change the target."""
        image, drawable = self.target.image, self.target.drawable
        # With a selection GIMP blends in float and rounds; the worker has respected it, so it is put aside.
        selected = selected_items(image)
        saved = None if Gimp.Selection.is_empty(image) else Gimp.Selection.save(image)
        if saved:
            Gimp.Selection.none(image)
        drawable.merge_shadow(True)
        if saved:
            image.select_item(Gimp.ChannelOps.REPLACE, saved)
            image.remove_channel(saved)
            reselect(image, *selected)
        drawable.update(*self.target.region)

    def discard(self):
        """Leave the target as it is."""
        self.target.drawable.free_shadow()


OUTPUTS = {
    "repairs": MaskedRepairs,
    "repairs-alpha": Repairs,
    "restored": RestoredCopy,
    "in-place": InPlace,
    "selection": Selected,
    "channel": Marked,
}


def product_of(output, target):
    """Return the class of what a target gets; there are no layers of repairs above channels and masks."""
    wanted = OUTPUTS[output]
    return RestoredCopy if issubclass(wanted, Repairs) and not target.drawable.is_layer() else wanted


def make(output, results):
    """Return the finished products of all targets. The picture has not changed yet, whatever fails here."""
    made = []
    try:
        for target, bands in results:
            made.append(product_of(output, target)(target))
            for patches in bands:
                made[-1].draw(patches)
    except Exception:
        for unfinished in made:
            unfinished.discard()
        raise
    return made


def apply(image, output, products):
    """Put the products into the picture, as one undo step. Nothing before this has changed anything."""
    image.undo_group_start()
    try:
        OUTPUTS[output].insert(image, products)
    finally:
        image.undo_group_end()
