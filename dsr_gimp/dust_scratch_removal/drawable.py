"""A drawable's pixels, out of GIMP and back: in its own format, to the bit."""

import itertools

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp

from dsr_core.editor.wire import PlugInError
from settings import options

STRIP = 1 << 23  # bytes that go from GIMP to the worker at a time; their memory is used again
TILE = 128  # side of a tile of GIMP's
BAND = 4 * TILE  # rows that are composed at a time


class Target:
    """A drawable to work on: its format, and the rectangles of it that are repaired and looked at."""

    def __init__(self, image, drawable):
        self.image, self.drawable, self.name = image, drawable, drawable.get_name()
        if drawable.is_indexed():
            raise PlugInError("An indexed picture cannot be repaired; change it with Image > Mode > RGB.")
        touched, *self.region = drawable.mask_intersect()
        if not touched:
            raise PlugInError(
                f"The selection does not touch the layer “{self.name}”; select a part of it or nothing."
            )
        self.format = Babl.get_name(drawable.get_format())
        letters, self.dtype = Babl.format_get_encoding(drawable.get_format()).split()
        self.linear = "'" not in letters and "~" not in letters
        self.channels = len(letters.replace("'", "").replace("~", ""))
        self.offset = drawable.get_offsets()[1:]
        self.seen = self.region
        self.shadow = None  # a copy of all pixels, from which GIMP can replace them

    def copy_to_shadow(self):
        """Prepare for changing the drawable in place; GIMP frees the copy at the end, whatever happens."""
        self.shadow = self.drawable.get_shadow_buffer()
        copy_pixels(self.drawable, self.shadow)

    def look_around(self, margin):
        """Let the network see this many pixels around the region."""
        x, y, width, height = self.region
        left, top = max(x - margin, 0), max(y - margin, 0)
        right = min(x + width + margin, self.drawable.get_width())
        bottom = min(y + height + margin, self.drawable.get_height())
        self.seen = left, top, right - left, bottom - top

    def selection(self):
        """Yield how far each pixel the network sees is selected, one byte each."""
        selection = self.image.get_selection()
        x, y, width, height = self.seen
        place = x + self.offset[0], y + self.offset[1], width, height
        coding = "Y' u8" if "'" in Babl.get_name(selection.get_format()) else "Y u8"
        return read(selection, place, coding)

    def predict(self, client, config):
        """Send the picture for the network to run; return the request's id."""
        model = config.get_property("model")
        if tuple(self.region[2:]) != (self.drawable.get_width(), self.drawable.get_height()):
            self.look_around(client.wait(client.send("margin", model=model))[0]["margin"])
        clip = not Gimp.Selection.is_empty(self.image)
        samples = read(self.drawable, self.seen, self.format)
        return client.send(
            "predict",
            size=self.seen[2] * self.seen[3] * (self.drawable.get_bpp() + clip),
            parts=itertools.chain(samples, self.selection() if clip else ()),
            model=model,
            provider=config.get_property("provider"),
            width=self.seen[2],
            height=self.seen[3],
            channels=self.channels,
            dtype=self.dtype,
            linear=self.linear,
            clip=clip,
        )

    def compose(self, client, config, alpha, notes):
        """Yield the restored region as `Patches`, one band with defects after the other.

        All bands are asked for at once: the worker composes one while the one before it is drawn. ``alpha``
        says which alpha channel the samples get (`dsr_core.editor.wire`); ``notes`` gets what is to be told.
        """
        x, y, width, height = self.region
        left, top = x - self.seen[0], y - self.seen[1]
        requests = {
            row: client.send(
                "compose",
                options=options(config),
                alpha=alpha,
                region=[left, top + row, width, min(BAND, height - row)],
            )
            for row in range(0, height, BAND)
        }
        for row, request in requests.items():
            header, payload = client.wait(request)
            notes += header["notes"]
            if header["changed"]:
                places = [(column, row + down, *size) for column, down, *size in header["places"]]
                yield Patches(places, *halves(header, payload))


class Patches:
    """The parts of a region that are not as they were: rectangles in it, their samples and their masks."""

    def __init__(self, places, pixels, mask):
        self.places, self.pixels, self.mask = places, pixels, mask

    def write(self, buffer, coding, x, y):
        """Put the samples into a buffer in which the region begins at (x, y)."""
        self._set(buffer, coding, x, y, self.pixels)

    def write_mask(self, buffer, x, y):
        """Put the mask into a buffer in which the region begins at (x, y)."""
        self._set(buffer, "Y u8", x, y, self.mask)

    def tiles(self, x, y):
        """Return the column and row of GIMP's tiles that hold the patches where the region is at (x, y)."""
        return {
            (column, row)
            for left, top, width, height in self.places
            for column in range((x + left) // TILE, (x + left + width - 1) // TILE + 1)
            for row in range((y + top) // TILE, (y + top + height - 1) // TILE + 1)
        }

    def _set(self, buffer, coding, x, y, samples):
        pixel_size = len(samples) // max(len(self.mask), 1)
        for left, top, width, height in self.places:
            size = width * height * pixel_size
            buffer.set(rect((x + left, y + top, width, height)), coding, bytes(samples[:size]))
            samples = samples[size:]


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


def halves(header, payload):
    """Return the two parts of a payload, not copied."""
    view = memoryview(payload)
    return view[: header["pixels"]], view[header["pixels"] :]


def rect(place):
    """Return a rectangle (x, y, width, height) as Gegl wants it."""
    return Gegl.Rectangle.new(*place)


def _strips(place, pixel_size):
    """Cut a rectangle into strips of about `STRIP` bytes, whole rows and, but for the last, whole tiles."""
    x, y, width, height = place
    rows = max(STRIP // (width * pixel_size) // TILE, 1) * TILE
    return [(x, y + top, width, min(rows, height - top)) for top in range(0, height, rows)]


def read(drawable, place, coding):
    """Yield the samples of a rectangle, strip by strip."""
    buffer = drawable.get_buffer()
    for strip in _strips(place, drawable.get_bpp()):
        yield buffer.get(rect(strip), 1.0, coding, Gegl.AbyssPolicy.NONE)


def copy_pixels(drawable, buffer):
    """Copy all pixels of a drawable into a buffer."""
    everything = rect((0, 0, drawable.get_width(), drawable.get_height()))
    drawable.get_buffer().copy(everything, Gegl.AbyssPolicy.NONE, buffer, everything)
    buffer.flush()
