"""The filter's dialog; imported only where there is a screen."""

from pathlib import Path

import gi

for _name in ("Gdk", "Gimp", "GimpUi", "Gtk"):
    gi.require_version(_name, "3.0")
from gi.repository import GimpUi, Gio, GLib, Gtk

from dsr_core.editor.wire import PlugInError
from earlier import result_of
from fields import NAMES, Fields
from infrared import fitting
from preview import Preview
from products import product_of
from settings import everything, wanted

HELP = Path(__file__).parent / "help.html"
BEAT = 25  # milliseconds from one look for answers to the next
WATCH = 20  # beats from one look at whether the picture is still there to the next
LINES = 3  # of text below the picture; where there is more, it scrolls


class Dialog:
    """Arguments, and beside them a part of the picture that follows them at once.

    The network runs once for each choice of layer, model and provider, in the background; every other
    argument only asks the worker to apply it to the network's output.

    Parameters
    ----------
    procedure, config, client
        What runs, its settings, and the worker.
    targets
        What will be repaired; ``target`` is the one that is shown.
    check
        Called with targets and settings; raises `PlugInError` where these cannot work.
    """

    def __init__(self, procedure, config, client, targets, check):
        GimpUi.init("dust_scratch_removal")
        self.config, self.client, self.targets, self.check = config, client, targets, check
        self.target = targets[0]
        self.request = self.asked = self.toggling = self.listing = None  # ids of requests under way
        self.predicted = self.filled = self.stale = False  # what has run; what is shown is not what is set
        self.remarks = []  # on what the settings do
        self.notes, self.said, self.problem, self.failure, self.beats = [], "", "", None, 0
        self.places, self.number, self.by = [], -1, 0  # of the defects; the one looked at; where to go next
        self.window = GimpUi.ProcedureDialog.new(procedure, config, "Remove dust & scratches")
        self.fields = Fields(self.window, config, client.models, fitting(targets))
        self.preview = Preview(self.target, self._refresh, self._toggle, self._step)
        self.progress = Gtk.ProgressBar(no_show_all=True)
        self.status = Gtk.Label(xalign=0, yalign=0, wrap=True, max_width_chars=70)
        self.preview.box.pack_start(self._layer_row(), False, False, 0)
        self.preview.box.reorder_child(self.preview.box.get_children()[-1], 0)
        self.preview.box.pack_start(self._told(), False, False, 0)
        row = Gtk.Box(spacing=18, margin=12)
        row.pack_start(self.preview.box, True, True, 0)
        row.pack_start(self.fields.widget, False, False, 0)
        row.show_all()
        self.window.get_content_area().pack_start(row, True, True, 0)
        self.window.set_default_size(1090, 700)  # fits a desktop of 1366 x 768 with a panel
        self._replace_help()
        config.connect("notify", self._on_change)

    def run(self):
        """Show the dialog; return whether the user said yes.

        Raises
        ------
        PlugInError
            The picture was closed, or the layer deleted.
        """
        self._follow()
        self._predict()
        timer = GLib.timeout_add(BEAT, self._poll)
        accepted = self.window.run()
        GLib.source_remove(timer)
        self.window.destroy()
        if self.failure:
            raise self.failure
        return accepted

    def finish(self, on_progress):
        """Wait until the network has run for the target that is shown, as it is set; return its notes."""
        if not self.predicted:
            request = self.request or self.target.predict(self.client, self.config)
            self.notes = self.client.wait(request, on_progress)[0]["notes"]
        if everything(self.config) and not self.filled:
            request = self.request if self.predicted and self.request else self.client.send("fill")
            self.notes = self.client.wait(request, on_progress)[0]["notes"]
        return self.notes

    def _replace_help(self):
        """Let *Help* open this plug-in's page, which GIMP's own manual does not have."""
        theirs = self.window.get_widget_for_response(Gtk.ResponseType.HELP)
        buttons = theirs.get_parent()
        theirs.destroy()
        button = Gtk.Button(label="_Help", use_underline=True, visible=True)
        button.connect("clicked", self._open_help)
        buttons.pack_start(button, False, False, 0)
        buttons.set_child_secondary(button, True)

    def _layer_row(self):
        row = Gtk.Box(spacing=6)
        row.pack_start(Gtk.Label(label="Shown:"), False, False, 0)
        names = Gtk.ComboBoxText(tooltip_text="Which of the selected layers is shown; all will be repaired")
        for target in self.targets:
            names.append_text(target.name)
        names.set_active(0)
        names.connect("changed", self._on_layer)
        names.set_sensitive(len(self.targets) > 1)
        row.pack_start(names, False, False, 0)
        return row

    def _told(self):
        """Return the place below the picture; it is as high for any text, so that no button ever moves."""
        told = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        for widget in (self.progress, self.status):
            told.pack_start(widget, False, False, 0)
        place = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        place.set_overlay_scrolling(False)  # where there is more, one sees it
        place.set_size_request(-1, self.status.create_pango_layout("\n" * (LINES - 1)).get_pixel_size()[1])
        place.add(told)
        return place

    # From here on: what happens while the dialog is open.
    def _on_layer(self, names):
        self.target = self.targets[names.get_active()]
        self.preview.look_at(self.target)
        self._predict()

    def _on_change(self, _, what):
        if what.name in ("model", "provider", "infrared"):
            self._predict()
        elif what.name in (*NAMES, "what", "output", "earlier"):
            self._follow()
            if everything(self.config):
                self._fill()
            self._forget_places()
            self._refresh()

    def _open_help(self, _):
        try:
            Gio.AppInfo.launch_default_for_uri(HELP.as_uri(), None)
        except GLib.Error:
            self._say(f"There is no program to show {HELP}")

    def _follow(self):
        """Show what is wrong with the settings; as long as it is, OK cannot be pressed."""
        try:
            self.check(self.targets, self.config)
        except PlugInError as error:
            self.problem = str(error)
        else:
            self.problem = ""
        output = self.config.get_property("output")
        earlier = [result_of(target.drawable, product_of(output, target).name) for target in self.targets]
        whole = everything(self.config)
        self.fields.follow(everything=whole, earlier=any(earlier) and not whole)
        self.window.set_response_sensitive(Gtk.ResponseType.OK, not self.problem)
        self._say(self.said)

    def _predict(self):
        self._cancel()
        self.predicted = self.filled = False
        self.notes, self.remarks = [], []
        self._forget_places()
        try:
            self._await(self.target.predict(self.client, self.config))
        except PlugInError as error:
            self._say(str(error))
        self._refresh()

    def _fill(self):
        if self.predicted and not self.filled and not self.request and not self.problem:
            self._await(self.client.send("fill"))

    def _await(self, request):
        self.request = request
        self.progress.set_fraction(0)
        self.progress.show()
        self._say("The network looks for defects …")

    def _cancel(self):
        if self.request:
            self.client.send("cancel", target=self.request)
        self.request = self.asked = self.toggling = self.listing = None  # what is under way is out of date

    def _say(self, text):
        self.said = text
        self.status.set_text("\n".join([self.problem or text, *self.notes, *self.remarks]))

    def _alive(self):
        """Say whether there still is something to look at; close the dialog otherwise."""
        try:
            self.target.check_alive()
        except PlugInError as error:
            self.failure = error
            self.window.response(Gtk.ResponseType.CANCEL)
        return not self.failure

    def _poll(self):
        self.beats += 1
        if self.beats % WATCH == 0 and not self._alive():
            return GLib.SOURCE_CONTINUE
        try:
            for header, payload in self.client.poll():
                self._take(header, payload)
        except PlugInError as error:
            self.request, self.predicted = None, False
            self.progress.hide()
            self._say(str(error))
        return GLib.SOURCE_CONTINUE

    def _take(self, header, payload):
        if header["id"] == self.request:
            self._take_run(header)
        elif header["id"] == self.asked:
            self.asked = None
            if header["type"] == "error":
                self._say(header["message"])
            elif self._ready():
                self.preview.paint_answer(header, payload)
                self.remarks = header["notes"]
                self._say_found(header["defects"], header["changed"], header["sources"])
            if self.stale:
                self._refresh()
        elif header["id"] == self.toggling:
            self.toggling = None
            self._refresh()
        elif header["id"] == self.listing:
            self.listing = None
            numbers = memoryview(payload).cast("i")
            self.places = list(zip(numbers[::2], numbers[1::2], strict=True))
            self._step(self.by)

    def _take_run(self, header):
        if header["type"] == "progress":
            self.progress.set_fraction(header["done"] / max(header["total"], 1))
            return
        self.request = None
        self.progress.hide()
        if header["type"] != "predicted":
            self._say(header["message"])
            return
        self.filled, self.predicted = self.predicted, True
        self.notes = header["notes"]
        if everything(self.config):
            self._fill()
        self._refresh()

    def _ready(self):
        return self.predicted and (self.filled or not everything(self.config))

    def _refresh(self):
        """Ask for the view as it is to be shown; while an answer is under way, remember to ask again."""
        if not self._alive():
            return
        self.preview.write_zoom()
        self.stale = self.asked is not None
        if not self._ready() or self.problem:
            self.preview.paint_untouched()
        elif not self.stale:
            self.asked = self.client.send(
                "preview",
                **wanted(self.config),
                view=self.preview.view(),
                step=self.preview.step,
                after=self.preview.show == "after",
            )

    def _say_found(self, defects, changed, sources):
        share = changed / (self.target.region[2] * self.target.region[3])
        count = f"{defects:,} defects" if defects != 1 else "1 defect"
        at = f" · number {self.number + 1} by size" if self.places else ""
        found = ", ".join(filter(None, [count, sources, f"{share:.2%} of the picture"]))
        self._say(f"{found}{at}" if defects else "No defects at this setting")

    def _toggle(self, x, y, reach):
        """Take the defect at a place out of the repair, or in again."""
        if self._ready() and not everything(self.config):
            fields = {"x": x, "y": y, "reach": reach, **wanted(self.config)}
            self.toggling = self.client.send("toggle", **fields)

    def _forget_places(self):
        self.places, self.number = [], -1

    def _step(self, by):
        """Go to the next defect or the one before; the list of them comes from the worker."""
        self.by = by
        if self.places:
            self.number = max(self.number + by, -1) % len(self.places)
            x, y = self.places[self.number]
            left, top, *_ = self.target.seen
            self.preview.centre = [left + x + 0.5, top + y + 0.5]
            self._refresh()
        elif self._ready() and self.listing is None:
            self.listing = self.client.send("defects", **wanted(self.config))
