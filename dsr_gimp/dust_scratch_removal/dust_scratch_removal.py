#!/usr/bin/env python3
# ^ `dsr-gimp install` names another interpreter here where this one cannot load GIMP's bindings.
"""Filters > Enhance > Remove dust & scratches, for GIMP 3: its place in the menu, its arguments, one run.

The work is done by ``python -m dsr_core.editor.worker`` in the environment that installed this plug-in
(``engine.json`` beside this file names it). GIMP's own Python needs no package but gi.
"""

import itertools
import sys

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, GLib, GObject

from alone import Alone
from drawable import Target
from dsr_core.editor.client import Client
from dsr_core.editor.wire import PlugInError
from earlier import latest_output, source_of
from infrared import by_name, check_infrared, fitting
from products import OUTPUTS, apply, make, product_of
from settings import OPTIONS, adds, argument, everything, wanted, worker_python

FILTER = "plug-in-dust-scratch-removal"
MEND = "plug-in-dust-scratch-repair-selected"
LABELS = {FILTER: "Remo_ve dust & scratches…", MEND: "Repair what is sele_cted"}
HELP = {
    FILTER: (
        "Finds dust, hairs and scratches on scanned film and repairs them",
        "A neural network finds and repairs them; every other pixel stays as it is, to the bit.",
    ),
    MEND: (
        "Repairs all that is selected: what the filter for dust and scratches has missed",
        "Repairs all that is selected, whatever it is, and adds it to the repairs that are there.",
    ),
}


def targets_of(image, drawables):
    """Return what is to be repaired, each once: for an earlier result, what that was made from."""
    sources = {source.get_id(): source for source in map(source_of, drawables)}
    if not sources:
        raise PlugInError("Nothing is selected to repair; select a layer.")
    return [Target(image, source) for source in sources.values()]


def preset(config, targets, *, mends):
    """Set what follows from the picture rather than from the last time."""
    if mends:
        config.set_property("infrared", None)
        config.set_property("output", latest_output(targets[0].drawable, OUTPUTS) or "repairs")
    elif config.get_property("infrared") not in fitting(targets):
        config.set_property("infrared", by_name(targets))


def check(targets, config):
    """Refuse what cannot end well, before the network runs; return what the user should know otherwise."""
    if everything(config):
        if Gimp.Selection.is_empty(targets[0].image):
            raise PlugInError(
                "Nothing is selected; draw around what is to be repaired, for instance with the lasso "
                "(Tools > Selection Tools > Free Select)."
            )
        for target in targets:
            if target.drawable.is_channel() and not target.drawable.is_layer_mask():
                raise PlugInError(
                    f"“{target.name}” is a channel: turn it into the selection (Channel to Selection in its "
                    "menu; a quick mask with Shift+Q), and select the layer to repair."
                )
    largest, smallest = (config.get_property(name) for name in ("max-size", "min-size"))
    if 0 < largest < smallest:
        raise PlugInError(
            f"“Largest size” ({largest} px) must be 0, which is no limit, or at least “Smallest size” "
            f"({smallest} px)."
        )
    check_infrared(config.get_property("infrared"), targets)
    output = config.get_property("output")
    return [remark for target in targets if (remark := product_of(output, target).check(target))]


def repair(client, targets, config, dialog):
    """Return targets that have defects, each with its bands of patches, and notes; nothing is changed yet.

    The last target's bands come while they are used.
    """
    results, infrared = [], config.get_property("infrared")
    notes = [f"Infrared is taken from “{infrared.get_name()}”."] if infrared and not dialog else []
    output = config.get_property("output")
    for number, target in enumerate(targets):
        if number:
            notes += look_again(client, targets[number - 1], config)
        Gimp.progress_init("Removing dust and scratches")
        product = product_of(output, target)
        shown = dialog if dialog and number == 0 else None
        request = None if shown else target.predict(client, config)
        product.prepare(target)  # while the network runs

        def show(step, number=number, target=target):
            target.check_alive()
            Gimp.progress_update((number + step["done"] / max(step["total"], 1)) / len(targets))

        notes += shown.finish(show) if shown else target.finish(client, config, request, show)
        bands = target.compose(client, config, product.alpha, notes)
        begin = list(itertools.islice(bands, 1 if target is targets[-1] else None))
        if begin:
            results.append((target, itertools.chain(begin, bands)))
    if not results:
        notes.append("No dust or scratches were found; a higher sensitivity finds more.")
    Gimp.progress_end()
    return results, dict.fromkeys(notes)


def look_again(client, target, config):
    """Return what is to be told about damage of the latest target that is too wide to be repaired."""
    Gimp.progress_init(f"Looking for damage in “{target.name}” that is too wide to be repaired")
    request = client.send("look", **wanted(config))
    try:
        return client.wait(request, lambda _: Gimp.progress_pulse())[0]["notes"]
    except PlugInError:  # the repairs are made, and no reason to lose them
        return []
    finally:
        Gimp.progress_end()


def run(procedure, run_mode, image, drawables, config, _data):
    """Run the filter: all of it, or nothing."""
    Gegl.init(None)  # buffers of the plug-in's own complain without it
    try:
        with Alone(image), Client(worker_python()) as client:  # the worker first, because it needs a moment
            targets = targets_of(image, drawables)
            dialog = None
            if run_mode != Gimp.RunMode.NONINTERACTIVE:
                preset(config, targets, mends=procedure.get_name() == MEND)
            if run_mode == Gimp.RunMode.INTERACTIVE and procedure.get_name() == FILTER:
                from dialog import Dialog

                if Gimp.Selection.is_empty(image):
                    config.set_property("what", "found")  # whatever it was the last time
                dialog = Dialog(procedure, config, client, targets, check)
                if not dialog.run():
                    return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
                targets.sort(key=lambda target: target is not dialog.target)  # its network has run
            output = config.get_property("output")
            remarks = check(targets, config)
            results, notes = repair(client, targets, config, dialog)
            products = make(output, results, add=adds(config))
            if products:
                for product in products:
                    product.target.check_alive()
                apply(image, output, products)
                Gimp.displays_flush()
            notes |= dict.fromkeys(look_again(client, targets[-1], config))
        shown = [*dialog.notes, *dialog.remarks] if dialog else []
        for note in (*notes, *remarks):
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


def add_arguments(procedure, *, mend):
    """Give a procedure its arguments; to mend is to repair all that is selected and to keep the rest."""
    both = GObject.ParamFlags.READWRITE
    procedure.add_choice_argument(
        "what",
        "_Take",
        "What is to be repaired",
        choice([("found", "What the network finds"), ("selected", "All that is selected")]),
        "selected" if mend else "found",
        both,
    )
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
        "earlier",
        "Pre_vious repairs",
        "What becomes of the result of an earlier run, which may have been edited",
        choice([("replace", "Replace them"), ("add", "Keep them and add to them")]),
        "add" if mend else "replace",
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
    procedure.add_drawable_argument(
        "infrared",
        "Infrared",
        "A layer or channel that is an infrared scan of the same film: dirt is dark in it",
        True,
        both,
    )
    procedure.add_string_argument(
        "model",
        "_Model",
        "fast, 1, 2 or 3 for a model that comes along, or the path of an ONNX file",
        "3",
        both,
    )


class Plugin(Gimp.PlugIn):
    """What GIMP asks for: the procedure's name, its place in the menu and its arguments."""

    def do_set_i18n(self, _name):
        return False

    def do_query_procedures(self):
        return [FILTER, MEND]

    def do_create_procedure(self, name):
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(
            Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES
        )
        procedure.set_menu_label(LABELS[name])
        procedure.add_menu_path("<Image>/Filters/Enhance")
        procedure.set_documentation(*HELP[name], name)
        procedure.set_attribution(
            "The dust-scratch-removal authors", "The dust-scratch-removal authors", "2026"
        )
        add_arguments(procedure, mend=name == MEND)
        return procedure


if __name__ == "__main__":
    Gimp.main(Plugin.__gtype__, sys.argv)
