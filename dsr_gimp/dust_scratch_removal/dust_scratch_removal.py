#!/usr/bin/env python3
# ^ `dsr-gimp install` names another interpreter here where this one cannot load GIMP's bindings.
"""Filters > Enhance > Remove dust & scratches, for GIMP 3: its place in the menu, its arguments, one run.

The work is done by ``python -m dsr_core.editor.worker`` in the environment that installed this plug-in
(``engine.json`` beside this file names it). GIMP's own Python needs no package but gi.
"""

import itertools
import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject

from drawable import Target
from dsr_core.editor.client import Client
from dsr_core.editor.wire import PlugInError
from products import OUTPUTS, apply, make, product_of
from settings import OPTIONS, argument, worker_python

PROCEDURE = "plug-in-dust-scratch-removal"


def repair(client, targets, config, dialog):
    """Return targets that have defects, each with its bands of patches, and notes; nothing is changed yet.

    The last target's bands come while they are used.
    """
    results, notes = [], []
    output = config.get_property("output")
    Gimp.progress_init("Removing dust and scratches")
    if not targets:
        raise PlugInError("Nothing is selected to repair; select a layer.")
    for number, target in enumerate(targets):
        product = product_of(output, target)
        ready, request = (dialog.ready, dialog.request) if dialog and number == 0 else (False, None)
        if not ready and request is None:
            request = target.predict(client, config)
        product.prepare(target)  # while the network runs
        if ready:
            notes += dialog.notes
        else:
            answer, _ = client.wait(request, lambda step, n=number: show_progress(step, n, len(targets)))
            notes += answer["notes"]
        bands = target.compose(client, config, product.alpha, notes)
        begin = list(itertools.islice(bands, 1 if target is targets[-1] else None))
        if begin:
            results.append((target, itertools.chain(begin, bands)))
    if not results:
        notes.append("No dust or scratches were found; a higher sensitivity finds more.")
    Gimp.progress_end()
    return results, dict.fromkeys(notes)


def show_progress(step, number, count):
    """Show how far the network is with a target, as a share of all."""
    Gimp.progress_update((number + step["done"] / max(step["total"], 1)) / count)


def run(procedure, run_mode, image, drawables, config, _data):
    """Run the filter: all of it, or nothing."""
    try:
        with Client(worker_python()) as client:  # first of all, because it needs a moment
            targets = [Target(image, drawable) for drawable in drawables]
            dialog = None
            if run_mode == Gimp.RunMode.INTERACTIVE:
                from dialog import Dialog

                dialog = Dialog(procedure, config, client, targets[0])
                if not dialog.run():
                    return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
            output = config.get_property("output")
            remarks = [product_of(output, target).check(target) for target in targets]
            results, notes = repair(client, targets, config, dialog)
            products = make(output, results)
        if products:
            apply(image, output, products)
            Gimp.displays_flush()
        shown = [*dialog.notes, *dialog.remarks] if dialog else []
        for note in (*notes, *filter(None, remarks)):
            if note not in shown:
                Gimp.message(note)
    except PlugInError as error:
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(str(error)))
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


def choice(entries):
    """Return a choice of entries, each its name and its label."""
    made = Gimp.Choice.new()
    for number, (name, label) in enumerate(entries):
        made.add(name, number, label, "")
    return made


def add_option(procedure, option, flags):
    """Give the procedure an argument for an option."""
    unit = f" ({option['unit']})" if option["unit"] else ""
    help_text = option["help"][:1].upper() + option["help"][1:]
    shown = argument(option), option["label"] + unit, help_text
    default, limits = option["default"], (option["low"], option["high"])
    if option["choices"]:
        procedure.add_choice_argument(*shown, choice(option["choices"].items()), default, flags)
    elif isinstance(default, int):
        procedure.add_int_argument(*shown, *limits, default, flags)
    else:
        procedure.add_double_argument(*shown, *limits, default, flags)


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
        for option in OPTIONS:
            add_option(procedure, option, both)
        procedure.add_choice_argument(
            "output",
            "O_utput",
            "What becomes of the repairs",
            choice((name, product.label) for name, product in OUTPUTS.items()),
            next(iter(OUTPUTS)),
            both,
        )
        procedure.add_choice_argument(
            "provider",
            "Runs o_n",
            "Where the network runs",
            choice([("auto", "Automatic"), ("cuda", "Graphics card (CUDA)"), ("cpu", "Processor")]),
            "auto",
            both,
        )
        procedure.add_string_argument(
            "model",
            "_Model",
            "fast, 1, 2 or 3 for a model that comes along, or the path of an ONNX file",
            "3",
            both,
        )
        return procedure


if __name__ == "__main__":
    Gimp.main(Plugin.__gtype__, sys.argv)
