"""The dialog's column of settings: a row for each argument, made by GIMP, but for the list of models."""

from pathlib import Path

import gi

for _name in ("GimpUi", "Gtk"):
    gi.require_version(_name, "3.0")
from gi.repository import GObject, Gtk

from settings import OPTIONS, argument

NAMES = tuple(argument(option) for option in OPTIONS)
_LISTS = tuple(argument(option) for option in OPTIONS if option["choices"])
_SPACE = 10


class Fields:
    """The settings of a dialog.

    Parameters
    ----------
    window
        GIMP's dialog for a procedure.
    config
        What is set.
    models
        Those that come along.
    infrareds
        Layers and channels that can be the infrared scan.
    """

    def __init__(self, window, config, models, infrareds):
        self.window, self.config, self.models = window, config, models
        self.finding = []  # rows that mean nothing where all that is selected is repaired
        for option in OPTIONS:
            if isinstance(option["default"], float) and option["high"] - option["low"] <= 1:
                window.get_scale_entry(argument(option), 1.0)
        for name in ("what", *_LISTS, "output", "earlier", "provider"):
            window.get_widget(name, Gtk.ComboBox.__gtype__)  # GIMP 3.2 makes radio buttons of three
        groups = {
            group: [argument(option) for option in OPTIONS if option["group"] == group]
            for group in ("find", "repair")
        }
        edge = window.fill_box("edge", groups["repair"])  # side by side, or the window would be too high
        edge.set_orientation(Gtk.Orientation.HORIZONTAL)
        edge.set_spacing(12)
        place = window.fill_box("place", ["provider"])
        place.set_orientation(Gtk.Orientation.HORIZONTAL)
        place.set_spacing(12)
        parts = {
            "Find": window.fill_box("find", ["what", *groups["find"], "place"]),
            "Repair": window.fill_box("repair", ["edge", "output", "earlier"]),
        }
        self.finding = [self._row(name) for name in groups["find"]]
        self.earlier = self._row("earlier")
        place.pack_start(self._model_row(), True, True, 0)
        infrared = self._infrared_row(infrareds)
        parts["Find"].pack_start(infrared, False, False, 0)
        aligned = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
        for name in ("what", *groups["find"], groups["repair"][0], "output", "earlier", "provider"):
            aligned.add_widget(self._row(name).get_label())
        aligned.add_widget(infrared.get_children()[0])
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=_SPACE)
        for title, box in parts.items():
            heading = Gtk.Label(xalign=0, use_markup=True, label=f"<b>{title}</b>")
            part = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
            box.set_margin_start(12)
            part.pack_start(heading, False, False, 0)
            part.pack_start(box, False, False, 0)
            column.pack_start(part, False, False, 0)
        self.widget = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, min_content_height=300)
        self.widget.set_overlay_scrolling(False)  # where it is too high: one sees that there is more
        self.widget.set_size_request(410, -1)
        self.widget.set_hexpand(False)  # what a window grows by is the picture's
        self.widget.add(column)

    def follow(self, *, everything, earlier):
        """Show what matters: whether all that is selected is repaired, and there is an earlier result."""
        for row in self.finding:
            row.set_sensitive(not everything)
        self.earlier.set_visible(earlier)

    def _row(self, name):
        return self.window.get_widget(name, GObject.TYPE_NONE)

    def _model_row(self):
        combo = Gtk.ComboBoxText(tooltip_text="Which network looks for defects; “fast” suits large pictures")
        current = self.config.get_property("model")
        for name in dict.fromkeys([*reversed(self.models), current]):
            combo.append(name, f"Model {name}" if name in self.models else Path(name).name)
        combo.set_active_id(current)
        combo.connect("changed", lambda box: self.config.set_property("model", box.get_active_id()))
        self.config.connect(
            "notify::model", lambda config, _: combo.set_active_id(config.get_property("model"))
        )
        return _labelled("_Model", combo)

    def _infrared_row(self, drawables):
        combo = Gtk.ComboBoxText(
            tooltip_text="A layer or channel that is the infrared scan: dirt is dark in it"
        )
        known = {"": None, **{str(drawable.get_id()): drawable for drawable in drawables}}
        for number, drawable in known.items():
            combo.append(number, drawable.get_name() if drawable else "None")

        def show(*_):
            chosen = self.config.get_property("infrared")
            combo.set_active_id(str(chosen.get_id()) if chosen else "")

        show()
        combo.connect("changed", lambda box: self.config.set_property("infrared", known[box.get_active_id()]))
        self.config.connect("notify::infrared", show)
        combo.set_sensitive(bool(drawables))
        return _labelled("Infrared", combo)


def _labelled(text, field):
    row = Gtk.Box(spacing=6)
    label = Gtk.Label.new_with_mnemonic(text)
    label.set_xalign(0)
    label.set_mnemonic_widget(field)
    row.pack_start(label, False, False, 0)
    row.pack_start(field, True, True, 0)
    return row
