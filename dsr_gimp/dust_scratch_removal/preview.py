"""The part of the picture that the dialog shows: where it is, how large, and how it is drawn."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gegl", "0.4")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, Gegl, GLib, Gtk

from canvas import halves, rect

WIDTH, HEIGHT = 560, 460
# picture pixels a step, screen pixels each
ZOOMS = ((16, 1), (8, 1), (4, 1), (2, 1), (1, 1), (1, 2), (1, 4))
VIEWS = (
    ("before", "_Before", "The picture as it is"),
    ("defects", "_Defects", "What will be repaired, outlined"),
    ("after", "_After", "The picture as it will be"),
)
CODING = "R'G'B'A u8"


class Preview:
    """A view of a target, with buttons for what it shows and how large.

    Parameters
    ----------
    target
        What is looked at.
    refresh
        Called when the view has changed.
    """

    def __init__(self, target, refresh):
        self.target, self.refresh = target, refresh
        self.show, self.zoom, self.drag = "defects", 4, None
        x, y, width, height = target.region
        self.centre = [x + width / 2, y + height / 2]
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self.box.pack_start(self._area(), True, True, 0)
        self.box.pack_start(self._bar(), False, False, 0)

    @property
    def step(self):
        """How many picture pixels a shown pixel stands for, to a side."""
        return ZOOMS[self.zoom][0]

    def view(self):
        """Return the part of what the network sees that is shown: x, y, width, height."""
        step, scale = ZOOMS[self.zoom]
        left, top, whole_width, whole_height = self.target.seen
        width, height = min(WIDTH * step // scale, whole_width), min(HEIGHT * step // scale, whole_height)
        x, y = self.centre[0] - left - width / 2, self.centre[1] - top - height / 2
        return [
            int(min(max(x, 0), whole_width - width)),
            int(min(max(y, 0), whole_height - height)),
            width,
            height,
        ]

    def paint_untouched(self):
        """Show the picture as GIMP has it."""
        (x, y, width, height), step = self.view(), self.step
        place = rect(
            (
                (x + self.target.seen[0]) // step,
                (y + self.target.seen[1]) // step,
                -(-width // step),
                -(-height // step),
            )
        )
        buffer = self.target.drawable.get_buffer()
        shown = buffer.get(place, 1 / step, CODING, Gegl.AbyssPolicy.NONE)
        self._paint(shown, place.width, place.height)

    def paint_answer(self, header, payload):
        """Show what the worker answers to a request for a preview."""
        width, height = header["width"], header["height"]
        everything = rect((0, 0, width, height))
        samples = Gegl.Buffer.new(self.target.format, 0, 0, width, height)
        pixels, marks = halves(header, payload)
        samples.set(everything, self.target.format, bytes(pixels))
        shown = bytes(marks) if self.show == "defects" else None
        self._paint(samples.get(everything, 1.0, CODING, Gegl.AbyssPolicy.NONE), width, height, shown)

    def write_zoom(self):
        """Show the zoom in per cent."""
        step, scale = ZOOMS[self.zoom]
        self.zoom_label.set_text(f"{100 * scale // step} %")

    def _area(self):
        self.picture = Gtk.Image()
        area = Gtk.EventBox(halign=Gtk.Align.CENTER, valign=Gtk.Align.CENTER)
        area.set_size_request(WIDTH, HEIGHT)
        area.add_events(
            Gdk.EventMask.SCROLL_MASK | Gdk.EventMask.BUTTON1_MOTION_MASK | Gdk.EventMask.BUTTON_PRESS_MASK
        )
        area.add(self.picture)
        area.connect("button-press-event", self._on_press)
        area.connect("motion-notify-event", self._on_drag)
        area.connect("scroll-event", self._on_scroll)
        frame = Gtk.Frame()
        frame.add(area)
        return frame

    def _bar(self):
        bar = Gtk.Box(spacing=6)
        views = Gtk.Box()
        views.get_style_context().add_class("linked")
        first = None
        for name, label, tip in VIEWS:
            button = Gtk.RadioButton.new_with_mnemonic_from_widget(first, label)
            button.set_mode(False)
            button.set_tooltip_text(tip)
            button.set_active(name == self.show)
            button.connect("toggled", self._on_view, name)
            views.add(button)
            first = first or button
        bar.pack_start(views, False, False, 0)
        self.zoom_label = Gtk.Label(
            width_chars=6, tooltip_text="Turn the wheel to zoom, drag the picture to move"
        )
        for icon, by, tip in (("zoom-in-symbolic", 1, "Zoom in"), ("zoom-out-symbolic", -1, "Zoom out")):
            button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.BUTTON)
            button.set_tooltip_text(tip)
            button.connect("clicked", lambda _, by: self._set_zoom(self.zoom + by), by)
            bar.pack_end(button, False, False, 0)
        bar.pack_end(self.zoom_label, False, False, 0)
        return bar

    def _paint(self, rgba, width, height, marks=None):
        """Show pixels over a chequered ground, scaled by whole pixels, with the outlines over them."""
        scale = ZOOMS[self.zoom][1]
        wide, high = width * scale, height * scale
        nearest = 0  # GdkPixbuf.InterpType.NEAREST
        pixels = _pixbuf(rgba, width, height)
        shown = pixels.composite_color_simple(wide, high, nearest, 255, 8, 0x999999, 0xCCCCCC)
        if marks:
            over = _pixbuf(marks, width, height)
            over.composite(shown, 0, 0, wide, high, 0, 0, scale, scale, nearest, 255)
        self.picture.set_from_pixbuf(shown)

    def _on_view(self, button, name):
        if button.get_active():
            self.show = name
            self.refresh()

    def _set_zoom(self, zoom):
        _, _, width, height = self.target.seen
        fitting = [
            number
            for number, (step, scale) in enumerate(ZOOMS)
            if width * scale <= WIDTH * step and height * scale <= HEIGHT * step
        ]
        self.zoom = min(max(zoom, 0, *fitting[-1:]), len(ZOOMS) - 1)
        self.refresh()

    def _on_press(self, _, event):
        x, y, width, height = self.view()
        self.centre = [self.target.seen[0] + x + width / 2, self.target.seen[1] + y + height / 2]
        self.drag = event.x, event.y, *self.centre

    def _on_drag(self, _, event):
        step, scale = ZOOMS[self.zoom]
        x, y, *centre = self.drag
        self.centre = [centre[0] - (event.x - x) * step / scale, centre[1] - (event.y - y) * step / scale]
        self.refresh()

    def _on_scroll(self, _, event):
        by = {Gdk.ScrollDirection.UP: 1, Gdk.ScrollDirection.DOWN: -1}.get(event.direction, 0)
        if by:
            self._set_zoom(self.zoom + by)
        return True


def _pixbuf(rgba, width, height):
    return GdkPixbuf.Pixbuf.new_from_bytes(GLib.Bytes.new(rgba), 0, True, 8, width, height, width * 4)
