"""The filter's dialog; imported only where there is a screen."""

from pathlib import Path

import gi

for _name in ("Gdk", "Gimp", "GimpUi", "Gtk"):
    gi.require_version(_name, "3.0")
from gi.repository import GimpUi, GLib, GObject, Gtk

from dsr_core.editor.wire import PlugInError
from preview import Preview
from settings import OPTIONS, argument, options

NAMES = tuple(argument(option) for option in OPTIONS)


class Dialog:
    """Arguments, and beside them a part of the picture that follows them at once.

    The network runs once for each choice of model and provider, in the background; every other argument only
    asks the worker to apply it to the network's output.
    """

    def __init__(self, procedure, config, client, target):
        GimpUi.init("dust_scratch_removal")
        self.config, self.client, self.target = config, client, target
        self.request = self.asked = None  # ids of a running `predict` and `preview`
        self.ready = self.stale = False  # the network has run; what is shown is not what is set
        self.notes, self.remarks = [], []  # on the picture, and on what the settings do
        self.window = GimpUi.ProcedureDialog.new(procedure, config, "Remove dust & scratches")
        self.preview = Preview(target, self._refresh)
        self.progress = Gtk.ProgressBar(no_show_all=True)
        self.status = Gtk.Label(xalign=0, wrap=True, max_width_chars=70, lines=2)
        for widget in (self.progress, self.status):
            self.preview.box.pack_start(widget, False, False, 0)
        row = Gtk.Box(spacing=18, margin=12)
        row.pack_start(self.preview.box, True, True, 0)
        row.pack_start(self._settings_box(), False, False, 0)
        row.show_all()
        self.window.get_content_area().pack_start(row, True, True, 0)
        config.connect("notify", self._on_change)

    def run(self):
        """Show the dialog; return whether the user said yes."""
        self._predict()
        timer = GLib.timeout_add(25, self._poll)
        accepted = self.window.run()
        GLib.source_remove(timer)
        self.window.destroy()
        return accepted

    def _settings_box(self):
        lists = [argument(option) for option in OPTIONS if option["choices"]]
        for option in OPTIONS:
            if isinstance(option["default"], float) and option["high"] - option["low"] <= 1:
                self.window.get_scale_entry(argument(option), 1.0)
        for name in (*lists, "output", "provider"):  # GIMP 3.2 makes radio buttons of three choices
            self.window.get_widget(name, Gtk.ComboBox.__gtype__)
        find, repair = (
            self.window.fill_box(group, [argument(option) for option in OPTIONS if option["group"] == group])
            for group in ("find", "repair")
        )
        output = self.window.fill_box("result", ["output"])
        network = self.window.fill_box("network", ["provider"])
        network.pack_start(self._model_row(), False, False, 0)
        network.reorder_child(network.get_children()[-1], 0)
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=18)
        column.set_size_request(400, -1)
        aligned = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for name in (*NAMES, "output", "provider"):
            aligned.add_widget(self.window.get_widget(name, GObject.TYPE_NONE).get_label())
        aligned.add_widget(network.get_children()[0].get_children()[0])
        for title, box in (("Find", find), ("Repair", repair), ("Result", output), ("Network", network)):
            heading = Gtk.Label(xalign=0, use_markup=True, label=f"<b>{title}</b>")
            part = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
            box.set_margin_start(12)
            part.pack_start(heading, False, False, 0)
            part.pack_start(box, False, False, 0)
            column.pack_start(part, False, False, 0)
        return column

    def _model_row(self):
        combo = Gtk.ComboBoxText()
        current = self.config.get_property("model")
        for name in dict.fromkeys([*reversed(self.client.models), current]):
            combo.append(name, f"Model {name}" if name in self.client.models else Path(name).name)
        combo.set_active_id(current)
        combo.connect("changed", lambda box: self.config.set_property("model", box.get_active_id()))
        self.config.connect(
            "notify::model", lambda config, _: combo.set_active_id(config.get_property("model"))
        )
        row = Gtk.Box(spacing=6)
        label = Gtk.Label.new_with_mnemonic("_Model")
        label.set_xalign(0)
        label.set_mnemonic_widget(combo)
        row.pack_start(label, False, False, 0)
        row.pack_start(combo, True, True, 0)
        return row

    # From here on: what happens while the dialog is open.
    def _predict(self):
        if self.request:
            self.client.send("cancel", target=self.request)
        self.ready, self.notes, self.remarks = False, [], []
        self.asked = None  # a preview under way is out of date
        try:
            self.request = self.target.predict(self.client, self.config)
        except PlugInError as error:
            self.request = None
            self._say(str(error))
        else:
            self.progress.set_fraction(0)
            self.progress.show()
            self._say("The network looks for defects …")
        self._refresh()

    def _say(self, text):
        self.status.set_text("\n".join([text, *self.notes, *self.remarks]))

    def _on_change(self, _, what):
        if what.name in ("model", "provider"):
            self._predict()
        elif what.name in NAMES:
            self._refresh()

    def _poll(self):
        try:
            for header, payload in self.client.poll():
                self._take(header, payload)
        except PlugInError as error:
            self.request, self.ready = None, False
            self.progress.hide()
            self._say(str(error))
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
                self.preview.paint_answer(header, payload)
                self.remarks = header["notes"]
                self._say_found(header["defects"], header["changed"])
            if self.stale:
                self._refresh()

    def _refresh(self):
        """Ask for the view as it is to be shown; while an answer is under way, remember to ask again."""
        self.preview.write_zoom()
        self.stale = self.asked is not None
        if not self.ready:
            self.preview.paint_untouched()
        elif not self.stale:
            self.asked = self.client.send(
                "preview",
                options=options(self.config),
                view=self.preview.view(),
                step=self.preview.step,
                after=self.preview.show == "after",
            )

    def _say_found(self, defects, changed):
        share = changed / (self.target.region[2] * self.target.region[3])
        count = f"{defects:,} defects" if defects != 1 else "1 defect"
        self._say(f"{count}, {share:.2%} of the picture" if defects else "No defects at this setting")
