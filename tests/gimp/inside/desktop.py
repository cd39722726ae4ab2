"""Runs beside GIMP on a virtual screen: works the filter with keys and mouse, and reports."""

import json
import os
import pathlib
import signal
import time

import hands
from hands import (
    FIT,
    MIDDLE,
    NEXT,
    OUT,
    ask,
    click,
    insist,
    press,
    processes,
    report,
    seconds_of,
    shot,
    size,
    tool,
    until,
    window,
)

MISS = json.loads(pathlib.Path("/job/in/miss.json").read_text())
PATIENCE = 8  # seconds that the network gets, on a busy machine, too
INFRARED, CANCEL = (-200, 386), (-162, -41)


def open_dialog():
    main, dialog = hands.open_dialog()
    time.sleep(PATIENCE)  # the network runs
    return main, dialog


def stopped_worker():
    """Stop the worker if it is there, and return its process; what it is at does not end then."""
    workers = processes(b"dsr_core.editor.worker")
    if workers:
        os.kill(int(workers[0]), signal.SIGSTOP)
    return int(workers[0]) if workers else None


def repeat(main):
    """Run the filter once more, without its dialog, and stop its worker as soon as it is there."""
    return insist(["ctrl+f"], stopped_worker, "the worker", main)


def set_number(key, number, leave="Tab"):
    """Type a number into the field that Alt and this key select."""
    press(f"alt+{key}", "ctrl+a")
    tool("type", str(number))
    press(leave)


def worked_in_the_dialog(dialog):
    """Zoom, move, look for a defect and take it out, enter nonsense, ask for help, change the size."""
    shot("dialog-first", dialog)
    report["workers"] = len(processes(b"dsr_core.editor.worker"))
    report["size"] = size(dialog)
    with seconds_of("clean"):
        press("alt+e", "Page_Up", "Page_Up")  # the slider of the sensitivity, to 0.7
    shot("dialog", dialog)
    click(dialog, 270, 250, button=4)  # the wheel
    time.sleep(0.5)
    tool("mousedown", 1, "mousemove_relative", 90, 60, "mousemove_relative", 60, 30, "mouseup", 1)
    shot("dialog-zoomed", dialog)
    click(dialog, *FIT)
    shot("dialog-fit", dialog)
    for _ in range(3):  # to 200 %: farther out, the edge of the picture keeps the defect off the middle
        click(dialog, *MIDDLE, button=4)
    with seconds_of("veto"):
        click(dialog, *NEXT)  # to the largest defect
        time.sleep(1)
    shot("dialog-next", dialog)
    with seconds_of("veto"):
        click(dialog, *MIDDLE)
        shot("dialog-clicked", dialog)
    press("alt+a")
    shot("dialog-after", dialog)
    set_number("z", 50)  # the smallest size
    set_number("g", 3, leave="Return")  # the largest; Return would be OK, too
    shot("dialog-problem", dialog)
    report["refused"] = bool(window(hands.DIALOG))
    set_number("z", 0)
    set_number("g", 0)
    click(dialog, 67, -41)  # Help
    report["help"] = until((OUT / "help").exists, "the page of help") and (OUT / "help").read_text()
    tool("windowsize", "--sync", dialog, 1300, 800)
    shot("dialog-large", dialog)


def worked_on_the_picture(main):
    """Say OK, mend a miss, undo, repeat."""
    with seconds_of("clean"):
        press("alt+o")
        until(lambda: len(ask("names()")) == 2, "the layer")
    report["layers"] = ask("names()")
    ask("keep('mask')")
    shot("result", main)
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")

    ask(f"image.select_polygon(2, {MISS})")  # with the lasso
    before = ask("ids()")
    tool("windowactivate", "--sync", main)
    shot("selected", main)
    with seconds_of("mend"):
        press("alt+r", "h", "c")  # Filters > Enhance > Repair what is selected
        until(lambda: ask("ids()") != before, "the repair")
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    ask("keep('mask-mended')")
    report["mended"] = ask("names()")
    ask("Gimp.Selection.none(image)")
    shot("mended", main)
    press("ctrl+z", "ctrl+z")  # the selection, and the repair
    until(lambda: ask("ids()") == before, "what was there before the repair")
    ask("keep('mask-unmended')")
    press("ctrl+z", "ctrl+z")  # the other selection, and the layer
    until(lambda: ask("ids()") == before[1:], "the scan alone")
    report["undone"] = ask("names()")
    report["repeated"] = ask("repeat()")
    ask("keep('mask-repeated')")
    shot("repeated", main)


def worked_with_infrared():
    """See what infrared adds, and what is found without it."""
    ask("add_infrared()")
    _, dialog = open_dialog()
    shot("dialog-infrared", dialog)
    click(dialog, *INFRARED, button=4)  # the wheel: none
    time.sleep(PATIENCE)
    shot("dialog-no-infrared", dialog)
    click(dialog, *CANCEL)
    until(lambda: not window(hands.DIALOG), "the dialog's end")
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    ask("image.remove_channel(image.get_channels()[0])")


def interrupted(main):
    """Look at another layer, run twice at once, cancel, delete what is worked on, close the picture."""
    ask("add_another()")
    layers = ask("ids()")
    report["before_cancel"] = ask("state()")
    _, dialog = open_dialog()
    shot("dialog-one", dialog)
    click(dialog, 112, 41, button=5)  # the wheel chooses the other layer
    time.sleep(PATIENCE)
    shot("dialog-other", dialog)
    until(stopped_worker, "the worker")
    report["second_run"] = ask("repeat()")
    press("alt+e", "Page_Up")  # asks for a preview that does not come
    click(dialog, *CANCEL)
    until(lambda: not window(hands.DIALOG), "the dialog's end")
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    report["cancelled_in_dialog"] = ask("state()")

    ask("image.set_selected_layers([scan])")
    worker = repeat(main)
    time.sleep(3)  # the progress bar appears
    canvas = ask("image.get_width()") * 2 // 3  # GIMP shows a picture too large for the screen at two thirds
    click(main, 187 + canvas, -19)  # Cancel, below the canvas's right end
    until(lambda: not processes(b"dust_scratch_removal.py"), "the plug-in's end")
    os.kill(worker, signal.SIGCONT)
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    report["cancelled_in_progress_bar"] = ask("state()")

    open_dialog()
    ask("image.remove_layer(scan)")
    until(lambda: not window(hands.DIALOG), "the dialog's end")
    until(lambda: not processes(b"dust_scratch_removal.py"), "the plug-in's end")
    report["after_deletion"] = ask("names()")
    insist(["ctrl+z"], lambda: ask("ids()") == layers, "the scan", main)
    ask("image.set_selected_layers([scan])")
    worker = repeat(main)
    time.sleep(3)  # it has read the picture; GIMP ends a plug-in that reads what is gone
    ask("display.delete()")
    os.kill(worker, signal.SIGCONT)
    until(lambda: not processes(b"dust_scratch_removal.py"), "the plug-in's end")


def work():
    until((OUT / "ready").exists, "GIMP")
    time.sleep(2)
    with seconds_of("clean"):
        main, dialog = open_dialog()
    worked_in_the_dialog(dialog)
    worked_on_the_picture(main)
    worked_with_infrared()
    interrupted(main)


hands.show(work)
