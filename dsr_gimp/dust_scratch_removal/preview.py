"""The part of the picture that the dialog shows: where it is, how large, and how it is drawn."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gegl", "0.4")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, Gegl, GLib, Gtk

from canvas import halves, rect

WIDTH, HEIGHT = 560, 420  # at first, and at least about half of it
# picture pixels a step, screen pixels each
ZOOMS = ((64, 1), (32, 1), (16, 1), (8, 1), (4, 1), (2, 1), (1, 1), (1, 2), (1, 4))
ACTUAL = ZOOMS.index((1, 1))
VIEWS = (
    ("before", "_Before", "The picture as it is"),
    ("defects", "_Defects", "What will be repaired, outlined; click on a defect to leave it alone"),
    ("after", "_After", "The picture as it will be"),
)
CODING = "R'G'B'A u8"
STILL = 4  # screen pixels that the mouse may move in a click


class Preview:
    """A view of a target, with buttons for what it shows and how large.

    Parameters
    ----------
    target
        What is looked at.
    on_change, on_click, on_step
        Called when the view has changed; with the picture's x and y where it was clicked, and how many pixels
        off that may be; with 1 or -1 to go to the next defect or the one before.
    """

    def __init__(self, target, on_change, on_click, on_step):
        self.refresh, self.on_click, self.on_step = on_change, on_click, on_step
        self.show, self.drag = "defects", None
        self.size, self.shown = (WIDTH, HEIGHT), (0, 0)  # on the screen: the place for the picture, and it
        self.look_at(target)
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self.box.pack_start(self._area(), True, True, 0)
        self.box.pack_start(self._bar(), False, False, 0)

    def look_at(self, target):
        """Show the middle of a target."""
        self.target, self.zoom = target, ACTUAL
        x, y, width, height = target.region
        self.centre = [x + width / 2, y + height / 2]

    @property
    def step(self):
        """How many picture pixels a shown pixel stands for, to a side."""
        return ZOOMS[self.zoom][0]

    def view(self):
        """Return the part of what the network sees that is shown: x, y, width, height."""
        step, scale = ZOOMS[self.zoom]
        left, top, *whole = self.target.seen
        width, height = (
            max(min(on_screen * step // scale, most), 1)
            for on_screen, most in zip(self.size, whole, strict=True)
        )
        x, y = self.centre[0] - left - width / 2, self.centre[1] - top - height / 2
        return [
            int(min(max(x, 0), whole[0] - width)),
            int(min(max(y, 0), whole[1] - height)),
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
        self.zoom_label.set_text(f"{100 * scale / step:.3g} %")

    def _area(self):
        self.picture = Gtk.Image(halign=Gtk.Align.CENTER, valign=Gtk.Align.CENTER)
        area = Gtk.EventBox()
        mask = Gdk.EventMask
        area.add_events(
            mask.SCROLL_MASK | mask.BUTTON1_MOTION_MASK | mask.BUTTON_PRESS_MASK | mask.BUTTON_RELEASE_MASK
        )
        area.add(self.picture)
        area.connect("button-press-event", self._on_press)
        area.connect("button-release-event", self._on_release)
        area.connect("motion-notify-event", self._on_drag)
        area.connect("scroll-event", self._on_scroll)
        # never scrolled: it lets the window be smaller than the picture in it
        external = Gtk.PolicyType.EXTERNAL
        frame = Gtk.ScrolledWindow(hscrollbar_policy=external, vscrollbar_policy=external)
        frame.set_shadow_type(Gtk.ShadowType.IN)
        frame.set_size_request(WIDTH // 2, HEIGHT // 2)
        frame.add(area)
        frame.connect("size-allocate", self._on_size)
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
        steps = (
            ("go-previous", -1, "The defect before"),
            ("go-next", 1, "The next defect, from large to small"),
        )
        for icon, by, tip in steps:
            bar.pack_start(_button(icon, tip, self.on_step, by), False, False, 0)
        zooms = (
            ("zoom-fit-best", 0, "Show all of it"),
            ("zoom-in", 1, "Zoom in"),
            ("zoom-out", -1, "Zoom out"),
        )
        for icon, by, tip in zooms:
            bar.pack_end(_button(icon, tip, self._zoom_by, by), False, False, 0)
        bar.pack_end(self.zoom_label, False, False, 0)
        return bar

    def _paint(self, rgba, width, height, marks=None):
        """Show pixels over a chequered ground, scaled by whole pixels, with the outlines over them."""
        scale = ZOOMS[self.zoom][1]
        wide, high = self.shown = width * scale, height * scale
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

    def _on_size(self, _, place):
        if self.size != (place.width, place.height):
            self.size = place.width, place.height
            GLib.idle_add(self.refresh)  # GTK does not want to be told of sizes while it counts them

    def _zoom_by(self, by):
        """Zoom in or out, or, by nothing, show all; never farther than all."""
        fitting = [
            number
            for number, (step, scale) in enumerate(ZOOMS)
            if all(
                most * scale <= on_screen * step
                for most, on_screen in zip(self.target.seen[2:], self.size, strict=True)
            )
        ]
        least = max([0, *fitting[-1:]])
        self.zoom = min(max(self.zoom + by, least), len(ZOOMS) - 1) if by else least
        self.refresh()

    def _on_press(self, _, event):
        x, y, width, height = self.view()
        self.centre = [self.target.seen[0] + x + width / 2, self.target.seen[1] + y + height / 2]
        self.drag = event.x, event.y, *self.centre
        self.clicking = True

    def _on_drag(self, _, event):
        step, scale = ZOOMS[self.zoom]
        x, y, *centre = self.drag
        self.clicking = self.clicking and max(abs(event.x - x), abs(event.y - y)) < STILL
        if not self.clicking:
            self.centre = [centre[0] - (event.x - x) * step / scale, centre[1] - (event.y - y) * step / scale]
            self.refresh()

    def _on_release(self, _, event):
        step, scale = ZOOMS[self.zoom]
        if self.clicking:
            left, top, *_ = self.view()
            x, y = (
                begin + int((at - (place - shown) // 2) * step / scale)
                for begin, at, place, shown in zip(
                    (left, top), (event.x, event.y), self.size, self.shown, strict=True
                )
            )
            self.on_click(x, y, -(-STILL * step // scale))

    def _on_scroll(self, _, event):
        by = {Gdk.ScrollDirection.UP: 1, Gdk.ScrollDirection.DOWN: -1}.get(event.direction, 0)
        if by:
            self._zoom_by(by)
        return True


def _button(icon, tip, action, *arguments):
    button = Gtk.Button.new_from_icon_name(f"{icon}-symbolic", Gtk.IconSize.BUTTON)
    button.set_tooltip_text(tip)
    button.connect("clicked", lambda _: action(*arguments))
    return button


def _pixbuf(rgba, width, height):
    return GdkPixbuf.Pixbuf.new_from_bytes(GLib.Bytes.new(rgba), 0, True, 8, width, height, width * 4)
