#!/usr/bin/env python3
# ^ `dsr-gimp install` names another interpreter here where this one cannot load GIMP's bindings.
"""Filters > Enhance > Remove dust & scratches, for GIMP 3.

Dialog, pixels out, pixels in. The work is done by ``python -m dsr_core.worker`` in the environment that
installed this plug-in (``engine.json`` beside this file names it); the language between them is described in
``dsr_core/protocol.py``. GIMP's own Python need not have anything but gi.
"""

import collections
import itertools
import json
import mmap
import os
import queue
import struct
import subprocess
import sys
import threading
from pathlib import Path

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, GLib, GObject

PROCEDURE = "plug-in-dust-scratch-removal"
PROTOCOL = 3
HEAD = struct.Struct("<4sIQ")
# What GIMP sets for its own Python and libraries would break another Python.
GIMPS_OWN = ("PYTHON", "GI_TYPELIB", "LD_LIBRARY", "GTK_", "GDK_PIXBUF", "BABL_", "GEGL_", "GIO_")
OPTIONS = ("sensitivity", "polarity", "min-size", "max-size", "grow", "feather")
REPAIRS_MASK, REPAIRS_ALPHA, RESTORED, IN_PLACE = "repairs", "repairs-alpha", "restored", "in-place"
SELECTION, CHANNEL = "selection", "channel"
STRIP = 1 << 23  # bytes that move between GIMP and the worker in one go; their memory is used again
TILE = 128  # side of a tile of GIMP's
BAND = 4 * TILE  # rows that are composed in one go
FULLY = 100.0  # a layer's opacity, in per cent


class Problem(Exception):  # noqa: N818 -- not always an error
    """Something the user can put right; the message is the sentence to show."""


class Engine:
    """The worker process. Requests go out with `send`, answers come in through `wait` or `poll`."""

    def __init__(self):
        try:
            settings = json.loads((Path(__file__).parent / "engine.json").read_text(encoding="utf-8"))
            self.python = settings["python"]
        except (OSError, ValueError, KeyError) as error:
            raise Problem(
                "The filter does not know its Python environment; run `dsr-gimp install` again."
            ) from error
        env = {name: value for name, value in os.environ.items() if not name.startswith(GIMPS_OWN)}
        env["OPENBLAS_NUM_THREADS"] = "1"  # numpy would start threads for matrices that nobody multiplies
        windows = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}
        try:
            self.process = subprocess.Popen(
                [self.python, "-E", "-P", "-m", "dsr_core.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pipesize=1 << 20,  # the most that Linux lets everybody have; elsewhere without effect
                env=env,
                cwd=Path(__file__).parent,
                **windows,
            )
        except OSError as error:
            raise Problem(
                f"The filter's Python, {self.python}, cannot be started ({error.strerror}); "
                "install dust-scratch-removal and run `dsr-gimp install` again."
            ) from error
        self.last_id = 0
        self.complaints = collections.deque(maxlen=40)
        self.outgoing, self.incoming = queue.SimpleQueue(), queue.SimpleQueue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        for task in (self._write, self._read):
            threading.Thread(target=task, daemon=True).start()
        self.models = None  # the shipped ones that are there; known once the worker has greeted

    def check_greeting(self):
        """Wait for the worker's first frame, which says which protocol it speaks; needed once."""
        if self.models is None:
            hello, _ = self._next()
            if hello.get("protocol") != PROTOCOL:
                raise Problem(
                    "The filter in GIMP and the installed dust-scratch-removal do not fit together; "
                    "run `dsr-gimp install` again."
                )
            self.models = hello["models"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the process and wait for its end."""
        self.process.kill()
        self.process.wait()

    def send(self, kind, size=0, parts=(), **fields):
        """Queue a request and return its id; its payload of ``size`` bytes is on its way as parts come."""
        self.last_id += 1
        text = json.dumps({"type": kind, "id": self.last_id, **fields}).encode()
        self.outgoing.put(HEAD.pack(b"DSRF", len(text), size) + text)
        for part in parts:
            self.outgoing.put(part)
        return self.last_id

    def wait(self, request, on_progress=None):
        """Return header and payload of the answer to a request; ``on_progress`` gets shares of 1 before."""
        self.check_greeting()
        while True:
            header, payload = self._next()
            if header["id"] != request:
                continue
            if header["type"] == "error":
                raise Problem(header["message"])
            if header["type"] != "progress":
                return header, payload
            if on_progress:
                on_progress(header["done"] / max(header["total"], 1))

    def poll(self):
        """Return what has arrived since the last call, as a list of header and payload."""
        frames = []
        while not self.incoming.empty():
            frames.append(self._next())
        return frames

    def _next(self):
        frame = self.incoming.get()
        if frame is not None:
            return frame
        self.incoming.put(None)  # the end stays the end
        self.process.wait()
        self.listener.join(2)  # its last words may still be in the pipe
        said = "".join(self.complaints)
        if "No module named" in said:
            raise Problem(
                f"dust-scratch-removal is not in {self.python} any more; install it and run "
                "`dsr-gimp install` again."
            )
        last = said.strip().rpartition("\n")[2] or f"exit status {self.process.returncode}"
        raise Problem(
            f"The filter's worker process ended unexpectedly ({last}); run `dsr-gimp doctor`, "
            "and if it was memory, select a part of the picture."
        )

    # The pipes are served by threads: with one for all, both ends can wait for each other for ever.
    def _write(self):
        try:
            while True:
                view = memoryview(self.outgoing.get())
                while view:
                    view = view[self.process.stdin.write(view) :]
        except OSError:
            pass  # the reader tells of the end

    def _read(self):
        try:
            while True:
                magic, header_length, payload_length = HEAD.unpack(self._exactly(HEAD.size))
                if magic != b"DSRF":
                    break
                header = json.loads(bytes(self._exactly(header_length)))
                self.incoming.put((header, self._exactly(payload_length)))
        except (EOFError, OSError):
            pass
        finally:
            self.incoming.put(None)

    def _exactly(self, length):
        data = view = memoryview(_memory(length))[:length]
        while view:
            count = self.process.stdout.readinto(view)
            if not count:
                raise EOFError
            view = view[count:]
        return data

    def _listen(self):
        for line in self.process.stderr:
            self.complaints.append(line.decode(errors="replace"))


class Target:
    """A drawable to work on: its format, and the rectangles of it that are repaired and looked at."""

    def __init__(self, image, drawable):
        self.image, self.drawable, self.name = image, drawable, drawable.get_name()
        if drawable.is_indexed():
            raise Problem("An indexed picture cannot be repaired; change it with Image > Mode > RGB.")
        touched, *self.region = drawable.mask_intersect()
        if not touched:
            raise Problem(
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

    def predict(self, engine, config):
        """Send the picture and let the network run; return the request's id."""
        model = config.get_property("model")
        if tuple(self.region[2:]) != (self.drawable.get_width(), self.drawable.get_height()):
            self.look_around(engine.wait(engine.send("margin", model=model))[0]["margin"])
        clip = not Gimp.Selection.is_empty(self.image)
        samples = read(self.drawable, self.seen, self.format)
        return engine.send(
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

    def compose(self, engine, config):
        """Yield what the engine makes of the region as `Patches`, one band with defects after the other.

        All bands are asked for at once: the engine works on one while the one before it is put to use.
        """
        x, y, width, height = self.region
        repairs = {REPAIRS_MASK: "added", REPAIRS_ALPHA: "masked"} if self.drawable.is_layer() else {}
        arguments = {
            "options": options(config),
            "alpha": repairs.get(config.get_property("output"), "kept"),
        }
        left, top = x - self.seen[0], y - self.seen[1]
        requests = {
            row: engine.send("compose", region=[left, top + row, width, min(BAND, height - row)], **arguments)
            for row in range(0, height, BAND)
        }
        for row, request in requests.items():
            header, payload = engine.wait(request)
            if header["changed"]:
                places = [(column, row + down, *size) for column, down, *size in header["places"]]
                yield Patches(places, *_halves(header, payload))


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
            buffer.set(_rect((x + left, y + top, width, height)), coding, bytes(samples[:size]))
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
            tile = _rect((column * TILE, row * TILE, TILE, TILE))
            self.draft.copy(tile, Gegl.AbyssPolicy.NONE, self.buffer, tile)
        self.buffer.flush()


def _memory(length):
    """Return writable memory for this many bytes, where it is much and the system can, in large pages."""
    if length < STRIP or not hasattr(mmap, "MADV_HUGEPAGE"):
        return bytearray(length)
    memory = mmap.mmap(-1, length)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def options(config):
    """Return the arguments that the engine calls options."""
    return {name.replace("-", "_"): config.get_property(name) for name in OPTIONS}


def _halves(header, payload):
    """Return the two parts of a payload, not copied."""
    view = memoryview(payload)
    return view[: header["pixels"]], view[header["pixels"] :]


def _rect(place):
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
        yield buffer.get(_rect(strip), 1.0, coding, Gegl.AbyssPolicy.NONE)


def copy_pixels(drawable, buffer):
    """Copy all pixels of a drawable into a buffer."""
    everything = _rect((0, 0, drawable.get_width(), drawable.get_height()))
    drawable.get_buffer().copy(everything, Gegl.AbyssPolicy.NONE, buffer, everything)
    buffer.flush()


def check(target, output):
    """Refuse at once what cannot end well; return what the user should know otherwise."""
    drawable = target.drawable
    if output in (SELECTION, CHANNEL):
        return None
    if output == IN_PLACE:
        if isinstance(drawable, Gimp.Layer) and type(drawable) is not Gimp.Layer:
            raise Problem(
                f"“{target.name}” is not a plain layer and cannot be changed in place; "
                "choose a new layer as the output."
            )
        if drawable.get_lock_content():
            raise Problem(
                f"The pixels of “{target.name}” are locked; unlock them or choose a new layer as the output."
            )
        return None
    if drawable.is_layer_mask():
        raise Problem("A layer mask can only be repaired in place; choose that as the output.")
    if output != RESTORED and drawable.is_layer():
        ordinary = drawable.get_mode() in (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)
        if not ordinary or drawable.get_opacity() < FULLY or drawable.get_filters():
            return (
                f"“{target.name}” is blended or filtered, so a layer of repairs above it may look different; "
                "the outputs “A restored layer” and “In place” follow it exactly."
            )
    return None


class RepairsLayer:
    """A new layer that holds a target's repairs and is empty elsewhere, perhaps with a mask that shows them.

    This and the other products are made and drawn while the picture stays as it is, and then inserted or
    discarded.
    """

    def __init__(self, target, masked):
        self.target, source = target, target.drawable
        x, y, width, height = target.region
        self.layer = Gimp.Layer.new(
            target.image,
            f"{target.name} (repairs)",
            width,
            height,
            source.type_with_alpha(),
            FULLY,
            Gimp.LayerMode.NORMAL,
        )
        self.layer.set_offsets(target.offset[0] + x, target.offset[1] + y)
        self.hidden = source.get_mask() if source.get_mask() and source.get_apply_mask() else None
        self.pixels = Canvas(self.layer)
        self.mask = self.marks = None
        if masked:
            self.mask = self.layer.create_mask(Gimp.AddMaskType.BLACK)
            self.marks = Canvas(self.mask)
        elif self.hidden:
            self.mask = self.layer.create_mask(Gimp.AddMaskType.WHITE)

    def draw(self, patches):
        """Add patches."""
        self.pixels.draw(patches)
        if self.marks:
            self.marks.draw_mask(patches)

    def insert(self):
        """Put the layer above the target, in the same group."""
        insert_above(self.target, self.layer)
        if self.hidden:
            x, y, *_ = self.target.region
            self.mask.combine_masks(self.hidden, Gimp.ChannelOps.INTERSECT, -x, -y)
        if self.mask:
            self.layer.add_mask(self.mask)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        for made in filter(None, (self.mask, self.layer)):
            made.delete()


class RestoredCopy:
    """A copy of a target with everything repaired: a layer or a channel."""

    def __init__(self, target):
        self.target = target
        self.layer = copy_of(target)
        self.layer.set_name(f"{target.name} (restored)")
        self.buffer = self.layer.get_buffer()

    def draw(self, patches):
        """Add patches."""
        patches.write(self.buffer, self.target.format, *self.target.region[:2])
        self.buffer.flush()

    def insert(self):
        """Put the copy above the target."""
        insert_above(self.target, self.layer)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        self.layer.delete()


class InPlace:
    """A target's own pixels, to the bit, and changed in a way that can be undone."""

    def __init__(self, target):
        self.target = target

    def draw(self, patches):
        """Add patches."""
        patches.write(self.target.shadow, self.target.format, *self.target.region[:2])
        self.target.shadow.flush()

    def insert(self):
        """Change the target."""
        image, drawable = self.target.image, self.target.drawable
        # With a selection GIMP blends in float and rounds; the worker has respected it, so it is put aside.
        selected = image.get_selected_layers(), image.get_selected_channels()
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


class Marks:
    """The defects of a target as a channel of the picture's size."""

    def __init__(self, target):
        image = target.image
        corner = [start + moved for start, moved in zip(target.region[:2], target.offset, strict=True)]
        self.channel = Gimp.Channel.new(
            image, "Dust & scratches", image.get_width(), image.get_height(), 50, Gegl.Color.new("red")
        )
        self.canvas = Canvas(self.channel, *corner)

    def draw(self, patches):
        """Add patches."""
        self.canvas.draw_mask(patches)

    def discard(self):
        """Free the memory that GIMP would keep until the picture is closed."""
        self.channel.delete()


def product(target, output):
    """Return what a target gets, still without repairs and outside the picture."""
    if output in (SELECTION, CHANNEL):
        return Marks(target)
    if output == IN_PLACE:
        return InPlace(target)
    if output == RESTORED or not target.drawable.is_layer():
        return RestoredCopy(target)
    return RepairsLayer(target, output == REPAIRS_MASK)


def make(output, results):
    """Return the finished products of all targets. The picture has not changed yet, whatever fails here."""
    made = []
    try:
        for target, bands in results:
            made.append(product(target, output))
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
        if output in (SELECTION, CHANNEL):
            mark(image, output, products)
            return
        for made in products:
            made.insert()
        layers = [made.layer for made in products if output != IN_PLACE and made.layer.is_layer()]
        if layers:
            image.set_selected_layers(layers)
    finally:
        image.undo_group_end()


def copy_of(target):
    """Return a copy of the target that is not yet in the picture: a plain layer or channel."""
    source = target.drawable
    if type(source) in (Gimp.Layer, Gimp.Channel):
        return source.copy()
    layer = Gimp.Layer.new(
        target.image,
        "",
        source.get_width(),
        source.get_height(),
        source.type(),
        source.get_opacity(),
        source.get_mode(),
    )
    layer.set_offsets(*target.offset)
    copy_pixels(source, layer.get_buffer())
    return layer


def insert_above(target, item):
    """Insert a new layer or channel above the target, in the same group."""
    place = target.drawable.get_parent(), target.image.get_item_position(target.drawable)
    if item.is_layer():
        item.update(0, 0, item.get_width(), item.get_height())
        target.image.insert_layer(item, *place)
    else:
        target.image.insert_channel(item, *place)


def mark(image, output, marks):
    """Make the defects of all targets a selection or a channel."""
    selected = image.get_selected_layers(), image.get_selected_channels()
    union = marks[0].channel
    for more in marks[1:]:
        union.combine_masks(more.channel, Gimp.ChannelOps.ADD, 0, 0)
        more.discard()
    image.insert_channel(union, None, 0)
    if output == SELECTION:
        image.select_item(Gimp.ChannelOps.REPLACE, union)
        image.remove_channel(union)
    reselect(image, *selected)


def reselect(image, layers, channels):
    """Select again what a new channel has taken the selection from."""
    if layers:
        image.set_selected_layers(layers)
    else:
        image.set_selected_channels(channels)


class Dialog:
    """The filter's dialog: arguments, and beside them a part of the picture that follows them at once.

    The network runs once for each choice of model and provider, in the background; every other argument only
    asks the worker to apply it to what the network said.
    """

    WIDTH, HEIGHT = 560, 460
    ZOOMS = (
        (16, 1),
        (8, 1),
        (4, 1),
        (2, 1),
        (1, 1),
        (1, 2),
        (1, 4),
    )  # picture pixels a step, screen pixels each

    def __init__(self, procedure, config, engine, target):
        for name in ("Gdk", "GimpUi", "Gtk"):
            gi.require_version(name, "3.0")
        from gi.repository import Gdk, GdkPixbuf, GimpUi, Gtk

        self.gdk, self.pixbuf, self.gtk = Gdk, GdkPixbuf.Pixbuf, Gtk
        GimpUi.init("dust_scratch_removal")
        self.config, self.engine, self.target = config, engine, target
        self.request = self.asked = None  # ids of a running `predict` and `preview`
        self.ready = self.stale = False  # the network has run; what is shown is not what is set
        self.notes = []
        self.show, self.zoom, self.drag = "defects", 4, None
        self.window = GimpUi.ProcedureDialog.new(procedure, config, "Remove dust & scratches")
        row = Gtk.Box(spacing=18, margin=12)
        row.pack_start(self._preview_box(), True, True, 0)
        row.pack_start(self._settings_box(), False, False, 0)
        row.show_all()
        self.window.get_content_area().pack_start(row, True, True, 0)
        config.connect("notify", self._on_change)

    def run(self):
        """Show the dialog; return whether the user said yes."""
        self.centre = [
            self.target.region[0] + self.target.region[2] / 2,
            self.target.region[1] + self.target.region[3] / 2,
        ]
        self._predict()
        timer = GLib.timeout_add(25, self._poll)
        accepted = self.window.run()
        GLib.source_remove(timer)
        self.window.destroy()
        return accepted

    def _preview_box(self):
        gtk, gdk = self.gtk, self.gdk
        self.picture = gtk.Image()
        area = gtk.EventBox(halign=gtk.Align.CENTER, valign=gtk.Align.CENTER)
        area.set_size_request(self.WIDTH, self.HEIGHT)
        area.add_events(
            gdk.EventMask.SCROLL_MASK | gdk.EventMask.BUTTON1_MOTION_MASK | gdk.EventMask.BUTTON_PRESS_MASK
        )
        area.add(self.picture)
        area.connect("button-press-event", self._on_press)
        area.connect("motion-notify-event", self._on_drag)
        area.connect("scroll-event", self._on_scroll)
        frame = gtk.Frame()
        frame.add(area)

        bar = gtk.Box(spacing=6)
        views = gtk.Box()
        views.get_style_context().add_class("linked")
        first = None
        for name, label, tip in (
            ("before", "_Before", "The picture as it is"),
            ("defects", "_Defects", "What will be repaired, outlined"),
            ("after", "_After", "The picture as it will be"),
        ):
            button = gtk.RadioButton.new_with_mnemonic_from_widget(first, label)
            button.set_mode(False)
            button.set_tooltip_text(tip)
            button.set_active(name == self.show)
            button.connect("toggled", self._on_view, name)
            views.add(button)
            first = first or button
        bar.pack_start(views, False, False, 0)
        self.zoom_label = gtk.Label(
            width_chars=6, tooltip_text="Turn the wheel to zoom, drag the picture to move"
        )
        for icon, step, tip in (("zoom-in-symbolic", 1, "Zoom in"), ("zoom-out-symbolic", -1, "Zoom out")):
            button = gtk.Button.new_from_icon_name(icon, gtk.IconSize.BUTTON)
            button.set_tooltip_text(tip)
            button.connect("clicked", lambda _, by: self._set_zoom(self.zoom + by), step)
            bar.pack_end(button, False, False, 0)
        bar.pack_end(self.zoom_label, False, False, 0)

        self.status = gtk.Label(xalign=0, wrap=True, max_width_chars=70, lines=2)
        self.progress = gtk.ProgressBar(no_show_all=True)
        box = gtk.Box(orientation=gtk.Orientation.VERTICAL, spacing=8)
        for widget, fills in ((frame, True), (bar, False), (self.progress, False), (self.status, False)):
            box.pack_start(widget, fills, fills, 0)
        return box

    def _settings_box(self):
        gtk = self.gtk
        self.window.get_scale_entry("sensitivity", 1.0)
        for name in ("polarity", "output", "provider"):
            self.window.get_widget(
                name, gtk.ComboBox.__gtype__
            )  # GIMP 3.2 makes radio buttons of three choices
        find = self.window.fill_box("find", ["sensitivity", "polarity", "min-size", "max-size"])
        repair = self.window.fill_box("repair", ["grow", "feather"])
        output = self.window.fill_box("result", ["output"])
        network = self.window.fill_box("network", ["provider"])
        network.pack_start(self._model_row(), False, False, 0)
        network.reorder_child(network.get_children()[-1], 0)
        column = gtk.Box(orientation=gtk.Orientation.VERTICAL, spacing=18)
        column.set_size_request(400, -1)
        aligned = gtk.SizeGroup(mode=gtk.SizeGroupMode.HORIZONTAL)
        for name in (*OPTIONS, "output", "provider"):
            aligned.add_widget(self.window.get_widget(name, GObject.TYPE_NONE).get_label())
        aligned.add_widget(network.get_children()[0].get_children()[0])
        for title, box in (("Find", find), ("Repair", repair), ("Result", output), ("Network", network)):
            heading = gtk.Label(xalign=0, use_markup=True, label=f"<b>{title}</b>")
            part = gtk.Box(orientation=gtk.Orientation.VERTICAL, spacing=6)
            box.set_margin_start(12)
            part.pack_start(heading, False, False, 0)
            part.pack_start(box, False, False, 0)
            column.pack_start(part, False, False, 0)
        return column

    def _model_row(self):
        combo = self.gtk.ComboBoxText()
        current = self.config.get_property("model")
        for name in dict.fromkeys([*reversed(self.engine.models), current]):
            combo.append(name, f"Model {name}" if name in self.engine.models else Path(name).name)
        combo.set_active_id(current)
        combo.connect("changed", lambda box: self.config.set_property("model", box.get_active_id()))
        self.config.connect(
            "notify::model", lambda config, _: combo.set_active_id(config.get_property("model"))
        )
        row = self.gtk.Box(spacing=6)
        label = self.gtk.Label.new_with_mnemonic("_Model")
        label.set_xalign(0)
        label.set_mnemonic_widget(combo)
        row.pack_start(label, False, False, 0)
        row.pack_start(combo, True, True, 0)
        return row

    # From here on: what happens while the dialog is open.
    def _predict(self):
        if self.request:
            self.engine.send("cancel", target=self.request)
        self.ready, self.notes, self.asked = False, [], None  # what is under way is of no use any more
        try:
            self.request = self.target.predict(self.engine, self.config)
        except Problem as problem:
            self.request = None
            self._say(str(problem))
        else:
            self.progress.set_fraction(0)
            self.progress.show()
            self._say("The network looks for defects …")
        self._refresh()

    def _say(self, text):
        self.status.set_text("\n".join([text, *self.notes]))

    def _on_change(self, _, what):
        if what.name in ("model", "provider"):
            self._predict()
        elif what.name in OPTIONS:
            self._refresh()

    def _poll(self):
        try:
            for header, payload in self.engine.poll():
                self._take(header, payload)
        except Problem as problem:
            self.request, self.ready = None, False
            self.progress.hide()
            self._say(str(problem))
        return GLib.SOURCE_CONTINUE

    def _take(self, header, payload):
        if header["id"] == self.request:
            if header["type"] == "progress":
                self.progress.set_fraction(header["done"] / max(header["total"], 1))
                return
            self.progress.hide()
            self.request = None
            self.ready = header["type"] == "predicted"
            if self.ready:
                self.notes = header["notes"]
                self._refresh()
            else:
                self._say(header["message"])
        elif header["id"] == self.asked:
            self.asked = None
            if header["type"] == "error":
                self._say(header["message"])
            elif self.ready:
                self._draw(header, payload)
            if self.stale:
                self._refresh()

    def _view(self):
        """Return the part of what the network sees that is shown: x, y, width, height."""
        step, scale = self.ZOOMS[self.zoom]
        _, _, whole_width, whole_height = self.target.seen
        width, height = (
            min(self.WIDTH * step // scale, whole_width),
            min(self.HEIGHT * step // scale, whole_height),
        )
        x = self.centre[0] - self.target.seen[0] - width / 2
        y = self.centre[1] - self.target.seen[1] - height / 2
        return [
            int(min(max(x, 0), whole_width - width)),
            int(min(max(y, 0), whole_height - height)),
            width,
            height,
        ]

    def _refresh(self):
        """Ask for the view as it is to be shown; while an answer is under way, remember to ask again."""
        step, scale = self.ZOOMS[self.zoom]
        self.zoom_label.set_text(f"{100 * scale // step} %")
        self.stale = self.asked is not None
        if not self.ready:
            x, y, width, height = self._view()
            place = _rect(
                (
                    (x + self.target.seen[0]) // step,
                    (y + self.target.seen[1]) // step,
                    -(-width // step),
                    -(-height // step),
                )
            )
            coding = "R'G'B'A u8"
            buffer = self.target.drawable.get_buffer()
            self._paint(buffer.get(place, 1 / step, coding, Gegl.AbyssPolicy.NONE), place.width, place.height)
        elif not self.stale:
            self.asked = self.engine.send(
                "preview",
                options=options(self.config),
                view=self._view(),
                step=step,
                after=self.show == "after",
            )

    def _draw(self, header, payload):
        width, height = header["width"], header["height"]
        everything = _rect((0, 0, width, height))
        samples = Gegl.Buffer.new(self.target.format, 0, 0, width, height)
        pixels, marks = _halves(header, payload)
        samples.set(everything, self.target.format, bytes(pixels))
        shown = bytes(marks) if self.show == "defects" else None
        self._paint(samples.get(everything, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE), width, height, shown)
        share = header["changed"] / (self.target.region[2] * self.target.region[3])
        count = f"{header['defects']:,} defects" if header["defects"] != 1 else "1 defect"
        self._say(
            f"{count}, {share:.2%} of the picture" if header["defects"] else "No defects at this setting"
        )

    def _paint(self, rgba, width, height, marks=None):
        """Show pixels over a chequered ground, scaled by whole pixels, with the outlines over them."""
        gtk_pixbuf, scale = self.pixbuf, self.ZOOMS[self.zoom][1]
        wide, high = width * scale, height * scale
        nearest = 0  # GdkPixbuf.InterpType.NEAREST
        pixels = gtk_pixbuf.new_from_bytes(GLib.Bytes.new(rgba), 0, True, 8, width, height, width * 4)
        shown = pixels.composite_color_simple(wide, high, nearest, 255, 8, 0x999999, 0xCCCCCC)
        if marks:
            over = gtk_pixbuf.new_from_bytes(GLib.Bytes.new(marks), 0, True, 8, width, height, width * 4)
            over.composite(shown, 0, 0, wide, high, 0, 0, scale, scale, nearest, 255)
        self.picture.set_from_pixbuf(shown)

    def _on_view(self, button, name):
        if button.get_active():
            self.show = name
            self._refresh()

    def _set_zoom(self, zoom):
        _, _, width, height = self.target.seen
        fitting = [
            number
            for number, (step, scale) in enumerate(self.ZOOMS)
            if width * scale <= self.WIDTH * step and height * scale <= self.HEIGHT * step
        ]
        self.zoom = min(max(zoom, 0, *fitting[-1:]), len(self.ZOOMS) - 1)
        self._refresh()

    def _on_press(self, _, event):
        x, y, width, height = self._view()
        self.centre = [self.target.seen[0] + x + width / 2, self.target.seen[1] + y + height / 2]
        self.drag = event.x, event.y, *self.centre

    def _on_drag(self, _, event):
        step, scale = self.ZOOMS[self.zoom]
        x, y, *centre = self.drag
        self.centre = [centre[0] - (event.x - x) * step / scale, centre[1] - (event.y - y) * step / scale]
        self._refresh()

    def _on_scroll(self, _, event):
        by = {self.gdk.ScrollDirection.UP: 1, self.gdk.ScrollDirection.DOWN: -1}.get(event.direction, 0)
        if by:
            self._set_zoom(self.zoom + by)
        return True


def repair(engine, targets, config, dialog):
    """Return targets that have defects, each with its bands of patches, and notes; nothing is changed yet.

    The last target's bands come while they are used.
    """
    results, notes = [], []
    Gimp.progress_init("Removing dust and scratches")
    if not targets:
        raise Problem("Nothing is selected to repair; select a layer.")
    for number, target in enumerate(targets):
        ready, request = (dialog.ready, dialog.request) if dialog and number == 0 else (False, None)
        if not ready and request is None:
            request = target.predict(engine, config)
        if config.get_property("output") == IN_PLACE:
            target.copy_to_shadow()  # while the network runs
        if ready:
            notes += dialog.notes
        else:
            answer, _ = engine.wait(
                request, lambda share, n=number: Gimp.progress_update((n + share) / len(targets))
            )
            notes += answer["notes"]
        bands = target.compose(engine, config)
        begin = list(itertools.islice(bands, 1 if target is targets[-1] else None))
        if begin:
            results.append((target, itertools.chain(begin, bands)))
    if not results:
        notes.append("No dust or scratches were found; a higher sensitivity finds more.")
    Gimp.progress_end()
    return results, dict.fromkeys(notes)


def run(procedure, run_mode, image, drawables, config, _data):
    """Run the filter: all of it, or nothing."""
    try:
        with Engine() as engine:  # first of all, because it needs a moment
            targets = [Target(image, drawable) for drawable in drawables]
            dialog = None
            if run_mode == Gimp.RunMode.INTERACTIVE:
                engine.check_greeting()
                dialog = Dialog(procedure, config, engine, targets[0])
                if not dialog.run():
                    return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
            output = config.get_property("output")
            remarks = [check(target, output) for target in targets]
            results, notes = repair(engine, targets, config, dialog)
            products = make(output, results)
        if products:
            apply(image, output, products)
            Gimp.displays_flush()
        shown = dialog.notes if dialog else []
        for note in (*notes, *filter(None, remarks)):
            if note not in shown:
                Gimp.message(note)
    except Problem as problem:
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(str(problem)))
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def choice(*entries):
    """Return a choice of entries, each its name and its label."""
    made = Gimp.Choice.new()
    for number, (name, label) in enumerate(entries):
        made.add(name, number, label, "")
    return made


class Plugin(Gimp.PlugIn):
    """What GIMP asks for: the procedure's name, its place in the menu and its arguments."""

    def do_set_i18n(self, _name):
        return False

    def do_query_procedures(self):
        return [PROCEDURE]

    def do_create_procedure(self, name):
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(
            Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES
        )
        procedure.set_menu_label("Remo_ve dust & scratches…")
        procedure.add_menu_path("<Image>/Filters/Enhance")
        procedure.set_documentation(
            "Finds dust, hairs and scratches on scanned film and repairs them",
            "Finds dust, hairs and scratches on scanned film with a neural network and repairs them; "
            "every other pixel stays as it is, to the bit.",
            name,
        )
        procedure.set_attribution(
            "The dust-scratch-removal authors", "The dust-scratch-removal authors", "2026"
        )
        both = GObject.ParamFlags.READWRITE
        procedure.add_double_argument(
            "sensitivity",
            "S_ensitivity",
            "How much is taken for damage: more finds more",
            0.0,
            1.0,
            0.5,
            both,
        )
        procedure.add_choice_argument(
            "polarity",
            "_Polarity",
            "Which defects: brighter or darker than what they cover",
            choice(
                ("auto", "Automatic"),
                ("bright", "Bright only"),
                ("dark", "Dark only"),
                ("both", "Bright and dark"),
            ),
            "auto",
            both,
        )
        procedure.add_int_argument(
            "min-size",
            "Smalles_t size (px)",
            "Longer side of the smallest defect, in pixels; 0 is no limit",
            0,
            1_000_000,
            0,
            both,
        )
        procedure.add_int_argument(
            "max-size",
            "Lar_gest size (px)",
            "Longer side of the largest defect, in pixels; 0 is no limit",
            0,
            1_000_000,
            0,
            both,
        )
        procedure.add_int_argument(
            "grow", "Gro_w (px)", "Pixels that the repair reaches beyond what was found", 0, 100, 1, both
        )
        procedure.add_double_argument(
            "feather", "So_ften (px)", "Width of the repair's soft edge, in pixels", 0.0, 100.0, 1.0, both
        )
        procedure.add_choice_argument(
            "output",
            "O_utput",
            "What becomes of the repairs",
            choice(
                (REPAIRS_MASK, "A layer of repairs, with a mask"),
                (REPAIRS_ALPHA, "A layer of repairs, transparent elsewhere"),
                (RESTORED, "A restored layer"),
                (IN_PLACE, "In place"),
                (SELECTION, "Only select the defects"),
                (CHANNEL, "Only mark the defects, as a channel"),
            ),
            REPAIRS_MASK,
            both,
        )
        procedure.add_choice_argument(
            "provider",
            "Runs o_n",
            "Where the network runs",
            choice(("auto", "Automatic"), ("cuda", "Graphics card (CUDA)"), ("cpu", "Processor")),
            "auto",
            both,
        )
        procedure.add_string_argument(
            "model",
            "_Model",
            "1, 2, 3, or 1-fast, 2-fast, 3-fast, for a model that comes along; or the path of an ONNX file",
            "3",
            both,
        )
        return procedure


if __name__ == "__main__":
    Gimp.main(Plugin.__gtype__, sys.argv)
