"""What becomes of the repairs: a class for each output (those of `marks` included), and one table of them."""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from canvas import Canvas, Drawn
from drawable import FULLY, copy_pixels, covering_copy, extent, new_layer
from dsr_core.editor.wire import PlugInError
from earlier import locked, result_of
from marks import Marked, Selected
from overlay import difference, marked
from product import NewItem, Product, must, reselect, selected_items


class RestoredCopy(NewItem):
    """A copy of a target with everything repaired."""

    name = "restored"
    label = "A restored layer"

    def __init__(self, target, earlier=None, *, add=False):
        super().__init__(target, earlier, add=add)
        source = target.drawable
        if self.old and extent(self.old) != extent(source):
            self.old = None  # cropped or moved since: what it shows lies elsewhere
        self.item = self.old.copy() if self.old else self._copy()
        self.item.set_lock_content(False)  # GIMP ends a plug-in that draws on what is locked
        if not self.old:
            self.item.set_name(f"{target.name} (restored)")
        self.canvas = Drawn(self.item, *target.region[:2])

    def draw(self, patches):
        """Add patches; what an earlier run has changed stays."""
        if self.old:
            patches = patches.less(self._changed)
            patches.lay(self.canvas.buffer, self.canvas.coding, self.target.format, *self.target.region[:2])
        else:
            patches.write(self.canvas.buffer, self.target.format, *self.target.region[:2])
        self.canvas.buffer.flush()

    def _changed(self, place):
        here = self.canvas.samples(place)
        there = Drawn(self.target.drawable, *self.target.region[:2]).samples(place)
        return marked(difference(here, there), len(here) // (place[2] * place[3]))

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

    name = "repairs-alpha"
    label = "A layer of repairs, transparent elsewhere"
    alpha = "masked"

    def __init__(self, target, earlier=None, *, add=False):
        super().__init__(target, earlier, add=add)
        source, (x, y, width, height) = target.drawable, target.region
        left, top = target.offset[0] + x, target.offset[1] + y
        self.hidden = source.get_mask() if source.get_mask() and source.get_apply_mask() else None
        if self.old:
            self.item, self.mask = covering_copy(self.old, (left, top, width, height))
        else:
            self.item = new_layer(source, f"{target.name} (repairs)", (left, top, width, height))
            self.mask = self._new_mask()
        corner = [begin - own for begin, own in zip((left, top), self.item.get_offsets()[1:], strict=True)]
        kind = Drawn if self.old else Canvas
        self.pixels = kind(self.item, *corner)
        self.marks = kind(self.mask, *corner) if self.mask else None

    @classmethod
    def check(cls, target):
        """Return a remark on a layer that a layer above it cannot follow."""
        super().check(target)
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
        """Add patches; what an earlier run has repaired stays."""
        if self.old:
            patches = patches.less(self.pixels.taken)
        self.pixels.draw(patches)

    def put(self):
        """Insert the layer with its mask."""
        super().put()
        if self.hidden and self.mask:
            x, y = (
                own - begin
                for own, begin in zip(self.item.get_offsets()[1:], self.target.offset, strict=True)
            )
            self.mask.combine_masks(self.hidden, Gimp.ChannelOps.INTERSECT, -x, -y)
        if self.mask and not self.item.get_mask():
            self.item.add_mask(self.mask)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        if self.mask and not self.item.get_mask():
            self.mask.delete()
        super().discard()


class MaskedRepairs(Repairs):
    """The same with a mask that shows the repairs, so that a wrong one can be painted away."""

    name = "repairs"
    label = "A layer of repairs, with a mask"
    alpha = "added"

    def _new_mask(self):
        return self.item.create_mask(Gimp.AddMaskType.BLACK)

    def draw(self, patches):
        """Add patches; what an earlier run has repaired and its mask shows stays."""
        if self.old:
            patches = patches.less((self.marks or self.pixels).taken)
        self.pixels.draw(patches)
        if self.marks:
            self.marks.draw_mask(patches)


class InPlace(Product):
    """A target's own pixels, to the bit, and changed in a way that can be undone."""

    name = "in-place"
    label = "In place"

    @classmethod
    def check(cls, target):
        """Refuse what GIMP does not let plug-ins change."""
        drawable = target.drawable
        if isinstance(drawable, Gimp.Layer) and type(drawable) is not Gimp.Layer:
            raise PlugInError(
                f"“{target.name}” is not a plain layer and cannot be changed in place; "
                "choose a new layer as the output."
            )
        if locked(drawable):
            raise PlugInError(
                f"The pixels of “{target.name}” are locked, or those of its group; "
                "unlock them, or choose a new layer as the output."
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
        merged = drawable.merge_shadow(True)
        if saved:
            image.select_item(Gimp.ChannelOps.REPLACE, saved)
            image.remove_channel(saved)
            reselect(image, *selected)
        must(merged)
        drawable.update(*self.target.region)

    def discard(self):
        """Leave the target as it is."""
        self.target.drawable.free_shadow()


OUTPUTS = {
    product.name: product for product in (MaskedRepairs, Repairs, RestoredCopy, InPlace, Selected, Marked)
}


def product_of(output, target):
    """Return the class of what a target gets; there are no layers of repairs above channels and masks."""
    wanted = OUTPUTS[output]
    return RestoredCopy if issubclass(wanted, Repairs) and not target.drawable.is_layer() else wanted


def make(output, results, *, add):
    """Return the finished products of all targets. The picture has not changed yet, whatever fails here.

    Parameters
    ----------
    output
        A name among `OUTPUTS`.
    results
        Each target with its bands of patches.
    add
        Whether an earlier result keeps what it holds; it is replaced otherwise.
    """
    made = []
    try:
        for target, bands in results:
            kind = product_of(output, target)
            made.append(kind(target, result_of(target.drawable, kind.name), add=add))
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
