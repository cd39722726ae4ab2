"""Runs beside GIMP on a virtual screen: works the filter with keys and mouse, and reports."""

import contextlib
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

OUT = pathlib.Path("/job/out")
MISS, PATIENCE = json.loads(pathlib.Path("/job/in/desktop.json").read_text())
DIALOG = "^Remove dust & scratches$"
# places in the dialog, from its edges: two buttons, the middle of the preview
NEXT, FIT, MIDDLE = (314, 520), (497, 520), (269, 272)
INFRARED, CANCEL = (-200, 386), (-162, -41)
report = {"seconds": {}}
numbers = itertools.count()


def until(condition, what, seconds=900):
    """Wait for something, and say what did not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            shot("late")
            raise TimeoutError(f"{what} did not come within {seconds} s")
        time.sleep(0.2)
    return found


def tool(*arguments):
    return subprocess.run(
        ["xdotool", *map(str, arguments)], text=True, capture_output=True, check=False
    ).stdout.split()


def window(name):
    found = tool("search", "--onlyvisible", "--name", name)
    return found and found[-1]


def press(*keys):
    for key in keys:
        tool("key", "--clearmodifiers", key)
        time.sleep(0.6)


def shot(name, of=None):
    time.sleep(1)
    subprocess.run(["maim", *(["-i", of] if of else []), OUT / f"{name}.png"], check=True)


def ask(question):
    number = next(numbers)
    (OUT / "ask").write_text(question)
    (OUT / "ask").rename(OUT / f"ask.{number}")
    answer = OUT / f"answer.{number}"
    until(answer.exists, question)
    return json.loads(answer.read_text())


def processes(name):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found += [entry.name] if name in (entry / "cmdline").read_bytes() else []
        except OSError:
            continue
    return found


def size(on):
    place = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", on) if "=" in line)
    return int(place["WIDTH"]), int(place["HEIGHT"])


def click(on, x, y, button=1):
    """Click a place in a window, counted from its left and its upper edge or, negative, from the others."""
    width, height = size(on)
    x += width if x < 0 else 0
    y += height if y < 0 else 0
    tool("mousemove", "--window", on, x, y, "click", button)


def stop_the_worker():
    """Stop the worker as soon as it is there: what it is at does not end, however quick the machine is."""
    worker = int(until(lambda: processes(b"dsr_core.editor.worker"), "the worker")[0])
    os.kill(worker, signal.SIGSTOP)
    return worker


def open_dialog():
    main = until(lambda: window("^\\*?\\[(Untitled|scan).*GIMP$"), "GIMP's window")
    tool("windowactivate", "--sync", main)
    time.sleep(0.5)
    press("alt+r", "h", "v")  # Filters > Enhance > Remove dust & scratches
    dialog = until(lambda: window(DIALOG), "the dialog")
    tool("windowactivate", "--sync", dialog)
    time.sleep(PATIENCE)  # the network runs
    return main, dialog


@contextlib.contextmanager
def seconds_of(what):
    """Add to what something took."""
    started = time.monotonic()
    yield
    report["seconds"][what] = report["seconds"].get(what, 0) + round(time.monotonic() - started, 1)


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
    report["refused"] = bool(window(DIALOG))
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
    until(lambda: not window(DIALOG), "the dialog's end")
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
    stop_the_worker()
    report["second_run"] = ask("repeat()")
    press("alt+e", "Page_Up")  # asks for a preview that does not come
    click(dialog, *CANCEL)
    until(lambda: not window(DIALOG), "the dialog's end")
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    report["cancelled_in_dialog"] = ask("state()")

    ask("image.set_selected_layers([scan])")
    tool("windowactivate", "--sync", main)
    tool("key", "--clearmodifiers", "ctrl+f")  # the filter once more, without its dialog
    worker = stop_the_worker()
    time.sleep(3)  # the progress bar appears
    canvas = ask("image.get_width()") * 2 // 3  # GIMP shows a picture too large for the screen at two thirds
    click(main, 187 + canvas, -19)  # Cancel, below the canvas's right end
    until(lambda: not processes(b"dust_scratch_removal.py"), "the plug-in's end")
    os.kill(worker, signal.SIGCONT)
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")
    report["cancelled_in_progress_bar"] = ask("state()")

    open_dialog()
    ask("image.remove_layer(scan)")
    until(lambda: not window(DIALOG), "the dialog's end")
    until(lambda: not processes(b"dust_scratch_removal.py"), "the plug-in's end")
    report["after_deletion"] = ask("names()")
    tool("windowactivate", "--sync", main)
    press("ctrl+z")
    until(lambda: ask("ids()") == layers, "the scan")
    ask("image.set_selected_layers([scan])")
    tool("key", "--clearmodifiers", "ctrl+f")
    worker = stop_the_worker()
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


screen = f":{sys.argv[1]}"
os.environ["DISPLAY"] = screen
log = (OUT / "desktop.log").open("wb")
applications = pathlib.Path.home() / ".local" / "share" / "applications"
applications.mkdir(parents=True)
shown = "[Desktop Entry]\nType=Application\nName=Browser\nMimeType=text/html;\nExec=/job/inside/browser %u\n"
(applications / "browser.desktop").write_text(shown)
(applications / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n")
running = [subprocess.Popen(["Xvfb", screen, "-screen", "0", "1500x950x24"], stderr=log)]
until(pathlib.Path(f"/tmp/.X11-unix/X{sys.argv[1]}").exists, "the screen")
running.append(subprocess.Popen(["openbox"], stderr=log))
batch = ["--batch-interpreter=python-fu-eval", "-b", "exec(open('/job/inside/agent.py').read())"]
running.append(
    subprocess.Popen(["gimp", "--no-splash", "--console-messages", *batch], stdout=log, stderr=log)
)
try:
    work()
finally:
    (OUT / "report.json").write_text(json.dumps(report))
    for process in reversed(running):
        process.kill()
