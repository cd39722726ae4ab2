"""Runs beside GIMP on a virtual screen: the first scan of docs/gimp.md, step by step, and reports."""

import math
import time

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf
from hands import (
    DIALOG,
    FIT,
    MIDDLE,
    OUT,
    PREVIOUS,
    ask,
    click,
    open_dialog,
    press,
    processes,
    report,
    seconds_of,
    shot,
    show,
    tool,
    until,
    window,
)

SPECK = (345, 717)
"""The pale speck on the rim of the round badge that the network does not find, x and y."""
CORNER, ZOOM = (214, 96), 2 / 3  # where GIMP shows a picture of this size, and how large
NEARER = 3  # steps of the wheel, to 200 %
LASSO = 24  # pixels of the screen that it is drawn away from the speck, at 200 %
OUTLINE = (255, 30, 80)
TAKE = (-200, 62)  # the list of what is taken
NOWHERE = (690, 540)  # a place in the dialog that has nothing


def outlined(dialog):
    """Return whether the preview shows outlines."""
    shot("waiting", dialog)
    picture = GdkPixbuf.Pixbuf.new_from_file(str(OUT / "waiting.png"))
    samples, step = picture.get_pixels(), picture.get_n_channels()
    colours = zip(samples[::step], samples[1::step], samples[2::step], strict=False)
    return sum(colour == OUTLINE for colour in colours) > 50


def clean():
    """Steps 2, 3 and 5: the menu, and a look at what was found; *OK* comes later."""
    main, dialog = open_dialog()
    until(lambda: outlined(dialog), "the outlines")
    click(dialog, *FIT)
    click(dialog, *MIDDLE, button=4)  # the wheel, to 50 %
    tool("mousemove", "--window", dialog, *NOWHERE)
    shot("dialog", dialog)
    return main, dialog


def veto(dialog):
    """Step 4: the arrow to the left goes to the smallest finds, a click takes the second of them out.

    The smallest lies at the edge of the picture, which keeps it off the middle.
    """
    for _ in range(3):  # to 400 %: farther out, the edge of the picture keeps the find off the middle
        click(dialog, *MIDDLE, button=4)
    for _ in range(2):
        click(dialog, *PREVIOUS)
        time.sleep(1)
    click(dialog, *MIDDLE)
    time.sleep(1)
    shot("veto", dialog)


def mend(main):
    """Step 6: the lasso around what was missed, and the menu."""
    place = [corner + round(ZOOM * at) for corner, at in zip(CORNER, SPECK, strict=True)]
    tool("windowactivate", "--sync", main)
    tool("mousemove", "--window", main, *place)
    tool("keydown", "ctrl")
    for _ in range(NEARER):
        tool("click", 4)  # the wheel
        time.sleep(0.6)
    tool("keyup", "ctrl")
    press("f")  # Tools > Selection Tools > Free Select
    around = [
        (round(place[0] + LASSO * math.cos(turn / 4)), round(place[1] + LASSO * math.sin(turn / 4)))
        for turn in range(26)
    ]
    tool("mousemove", "--window", main, *around[0], "mousedown", 1)
    for point in around[1:]:
        tool("mousemove", "--window", main, *point)
        time.sleep(0.05)
    tool("mouseup", 1)
    tool("mousemove", "--window", main, *(at + 150 for at in place))
    shot("selected", main)
    before = ask("ids()")
    ask("keep('selection', image.get_selection())")
    press("alt+r", "h", "c")  # Filters > Enhance > Repair what is selected
    until(lambda: ask("ids()") != before, "the repair")


def take(main):
    """Mend the same by way of the dialog: *Take: All that is selected*."""
    mended = ask("ids()")
    tool("windowactivate", "--sync", main)
    press("ctrl+z")
    until(lambda: ask("ids()") != mended, "what was there before")
    unmended = ask("ids()")
    _, dialog = open_dialog()
    shot("again", dialog)
    click(dialog, *TAKE, button=5)  # the wheel
    until(lambda: outlined(dialog), "the outline of what is selected")
    shot("taken", dialog)
    press("alt+o")
    until(lambda: ask("ids()") != unmended, "the repair")
    until(lambda: not window(DIALOG), "the dialog's end")


def work():
    until((OUT / "ready").exists, "GIMP")
    time.sleep(2)
    report["before"] = ask("state()")
    with seconds_of("clean"):
        main, dialog = clean()
    with seconds_of("veto"):
        veto(dialog)
    with seconds_of("clean"):
        press("alt+o")
        until(lambda: len(ask("names()")) == 2, "the layer")
    until(lambda: not window(DIALOG), "the dialog's end")
    report["layers"] = ask("names()")
    ask("keep('mask')")
    shot("result", main)
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    with seconds_of("mend"):
        mend(main)
    ask("keep('mask-mended')")
    report["mended"] = ask("names()")
    report["tones"] = ask(f"[tone(number, {SPECK}) for number in range(2)]")
    report["by_menu"] = ask("state()")
    report["after"] = report["by_menu"][-1:]
    ask("Gimp.Selection.none(image)")
    shot("mended", main)
    press("ctrl+z")
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    take(main)
    report["by_dialog"] = ask("state()")


show(work)
