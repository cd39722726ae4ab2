"""What comes back from the worker, and drawables that it is drawn into."""

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl

from overlay import laid_over, marked, without

TILE = 128  # side of a tile of GIMP's
MASK = "Y u8"  # the coding of a patch's mask


def halves(header, payload):
    """Return the two parts of a payload, not copied."""
    view = memoryview(payload)
    return view[: header["pixels"]], view[header["pixels"] :]


def moved(place, x, y):
    """Return a rectangle of a region that begins at (x, y) as Gegl wants it."""
    left, top, width, height = place
    return rect((x + left, y + top, width, height))


def rect(place):
    """Return a rectangle (x, y, width, height) as Gegl wants it."""
    return Gegl.Rectangle.new(*place)


class Patches:
    """The parts of a region that are not as they were: rectangles in it, their samples and their masks."""

    def __init__(self, places, pixels, mask):
        self.places, self.pixels, self.mask = places, pixels, mask

    def __iter__(self):
        """Yield each rectangle with its samples and its mask."""
        size, done = len(self.pixels) // max(len(self.mask), 1), 0
        for place in self.places:
            end = done + place[2] * place[3]
            yield place, bytes(self.pixels[done * size : end * size]), bytes(self.mask[done:end])
            done = end

    def less(self, taken):
        """Return the same but for pixels that are taken; ``taken`` says so of a rectangle, a byte each."""
        left = [without(marks, taken(place)) for place, _, marks in self]
        return Patches(self.places, self.pixels, b"".join(left))

    def write(self, buffer, coding, x, y):
        """Put the samples into a buffer in which the region begins at (x, y)."""
        for place, samples, _ in self:
            buffer.set(moved(place, x, y), coding, samples)

    def write_mask(self, buffer, x, y):
        """Put the mask into a buffer in which the region begins at (x, y)."""
        for place, _, marks in self:
            buffer.set(moved(place, x, y), MASK, marks)

    def lay(self, buffer, own, coding, x, y):
        """Put the samples (of the mask itself, if ``coding`` is `MASK`) where they are marked; keep the rest.

        ``own`` is the buffer's own format.
        """
        for place, samples, marks in self:
            here = moved(place, x, y)
            below = buffer.get(here, 1.0, own, Gegl.AbyssPolicy.NONE)
            buffer.set(here, coding, marks if coding == MASK else samples)
            above = buffer.get(here, 1.0, own, Gegl.AbyssPolicy.NONE)
            buffer.set(here, own, laid_over(below, above, marks))

    def tiles(self, x, y):
        """Return the column and row of GIMP's tiles that hold the patches where the region is at (x, y)."""
        return {
            (column, row)
            for left, top, width, height in self.places
            for column in range((x + left) // TILE, (x + left + width - 1) // TILE + 1)
            for row in range((y + top) // TILE, (y + top + height - 1) // TILE + 1)
        }


class Canvas:
    """An empty drawable in which a region begins at (x, y).

    It is drawn in the plug-in's own memory and handed over in whole tiles: GIMP need not send its empty ones.
    """

    def __init__(self, drawable, x=0, y=0):
        self.x, self.y = x, y
        self.buffer, self.coding = drawable.get_buffer(), Babl.get_name(drawable.get_format())
        self.draft = Gegl.Buffer.new(self.coding, 0, 0, drawable.get_width(), drawable.get_height())

    def draw(self, patches):
        """Add the patches' samples, which are in the drawable's own format."""
        patches.write(self.draft, self.coding, self.x, self.y)
        self._hand_over(patches)

    def draw_mask(self, patches):
        """Add the patches' masks."""
        patches.write_mask(self.draft, self.x, self.y)
        self._hand_over(patches)

    def _hand_over(self, patches):
        for column, row in sorted(patches.tiles(self.x, self.y)):
            tile = rect((column * TILE, row * TILE, TILE, TILE))
            self.draft.copy(tile, Gegl.AbyssPolicy.NONE, self.buffer, tile)
        self.buffer.flush()


class Drawn(Canvas):
    """A drawable that holds the pixels of an earlier run: what comes is laid over it where it is marked."""

    def __init__(self, drawable, x=0, y=0):
        self.x, self.y = x, y
        self.buffer, self.coding = drawable.get_buffer(), Babl.get_name(drawable.get_format())
        self.channels = Babl.format_get_n_components(drawable.get_format())

    def draw(self, patches):
        """Add the patches' samples where they are marked."""
        patches.lay(self.buffer, self.coding, self.coding, self.x, self.y)
        self.buffer.flush()

    def draw_mask(self, patches):
        """Add the patches' masks."""
        patches.lay(self.buffer, self.coding, MASK, self.x, self.y)
        self.buffer.flush()

    def samples(self, place):
        """Return the samples of a rectangle of the region."""
        return self.buffer.get(moved(place, self.x, self.y), 1.0, self.coding, Gegl.AbyssPolicy.NONE)

    def taken(self, place):
        """Say of each pixel, one byte each, whether its alpha, the last channel, is 0 (or 255 otherwise)."""
        samples = self.samples(place)
        size = len(samples) // (place[2] * place[3])
        return marked(samples, size, size - size // self.channels)
