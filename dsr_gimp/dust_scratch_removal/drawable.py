"""A drawable's pixels, out of GIMP and back: in its own format, to the bit."""

import itertools

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp

from canvas import TILE, Patches, halves, rect
from dsr_core.editor.wire import PlugInError
from settings import everything, wanted

FULLY = 100.0  # a layer's opacity, in per cent
STRIP = 1 << 23  # bytes that go from GIMP to the worker at a time; their memory is used again
BYTES = {"u8": 1, "u16": 2, "u32": 4, "half": 2, "float": 4, "double": 8}
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

    def check_alive(self):
        """Stop where the picture was closed or the layer deleted meanwhile."""
        if not self.image.is_valid():
            raise PlugInError("The picture was closed while the filter was at work on it.")
        if not self.drawable.is_valid():
            raise PlugInError(f"“{self.name}” was deleted while the filter was at work on it.")

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

    def infrared(self, drawable):
        """Return type, bytes a pixel and strips of the infrared scan behind what the network sees, if any."""
        if drawable is None:
            return "", 0, ()
        if not drawable.is_valid():
            raise PlugInError("The infrared scan was deleted; choose another, or none.")
        x, y, width, height = self.seen
        left, top, *_ = extent(drawable)
        letters, dtype = Babl.format_get_encoding(drawable.get_format()).split()
        light = next((mark for mark in "'~" if mark in letters), "")
        place = x + self.offset[0] - left, y + self.offset[1] - top, width, height
        return dtype, BYTES[dtype], read(drawable, place, f"Y{light} {dtype}")

    def predict(self, client, config):
        """Send the picture for the network to run; return the request's id."""
        model = config.get_property("model")
        if tuple(self.region[2:]) != (self.drawable.get_width(), self.drawable.get_height()):
            self.look_around(client.wait(client.send("margin", model=model))[0]["margin"])
        clip = not Gimp.Selection.is_empty(self.image)
        samples = read(self.drawable, self.seen, self.format)
        infrared, bits, dirt = self.infrared(config.get_property("infrared"))
        return client.send(
            "predict",
            size=self.seen[2] * self.seen[3] * (self.drawable.get_bpp() + clip + bits),
            parts=itertools.chain(samples, self.selection() if clip else (), dirt),
            infrared=infrared,
            model=model,
            picture=self.drawable.get_id(),
            provider=config.get_property("provider"),
            width=self.seen[2],
            height=self.seen[3],
            channels=self.channels,
            dtype=self.dtype,
            linear=self.linear,
            clip=clip,
        )

    def finish(self, client, config, request, on_progress):
        """Wait until the network has run, which `predict` began; return its notes."""
        notes = client.wait(request, on_progress)[0]["notes"]
        if everything(config):
            notes = client.wait(client.send("fill"), on_progress)[0]["notes"]
        return notes

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
                **wanted(config),
                alpha=alpha,
                region=[left, top + row, width, min(BAND, height - row)],
            )
            for row in range(0, height, BAND)
        }
        for row, request in requests.items():
            header, payload = client.wait(request)
            notes += header["notes"]
            self.check_alive()
            if header["changed"]:
                places = [(column, row + down, *size) for column, down, *size in header["places"]]
                yield Patches(places, *halves(header, payload))


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


def copy_pixels(drawable, buffer, x=0, y=0):
    """Copy all pixels of a drawable into a buffer, to (x, y)."""
    size = drawable.get_width(), drawable.get_height()
    drawable.get_buffer().copy(rect((0, 0, *size)), Gegl.AbyssPolicy.NONE, buffer, rect((x, y, *size)))
    buffer.flush()


def extent(drawable):
    """Return where a drawable lies in the picture: x, y, width, height."""
    return (*drawable.get_offsets()[1:], drawable.get_width(), drawable.get_height())


def new_layer(source, name, place):
    """Return an empty layer of the kind of another, with an alpha channel, that is not yet in the picture."""
    x, y, width, height = place
    layer = Gimp.Layer.new(
        source.get_image(), name, width, height, source.type_with_alpha(), FULLY, Gimp.LayerMode.NORMAL
    )
    layer.set_offsets(x, y)
    return layer


def covering_copy(layer, place):
    """Return a copy of a layer that covers a rectangle of the picture, too, and the copy's mask.

    Neither is in the picture yet; the mask is none where the layer has none.
    """
    own = extent(layer)
    left, top = min(own[0], place[0]), min(own[1], place[1])
    right, bottom = (max(own[i] + own[i + 2], place[i] + place[i + 2]) for i in (0, 1))
    whole = left, top, right - left, bottom - top
    if whole == own:
        copy = layer.copy()
        return copy, copy.get_mask()
    copy = new_layer(layer, layer.get_name(), whole)
    copy.set_opacity(layer.get_opacity())
    copy.set_mode(layer.get_mode())
    copy.set_visible(layer.get_visible())
    shift = own[0] - left, own[1] - top
    copy_pixels(layer, copy.get_buffer(), *shift)
    mask = copy.create_mask(Gimp.AddMaskType.BLACK) if layer.get_mask() else None
    if mask:
        copy_pixels(layer.get_mask(), mask.get_buffer(), *shift)
    return copy, mask
