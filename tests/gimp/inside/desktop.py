"""Runs beside GIMP on a virtual screen: works the filter with keys and mouse, and reports."""

import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

OUT = pathlib.Path("/job/out")
report = {}
numbers = itertools.count()


def until(condition, what, seconds=60):
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


def click(on, x, y, button=1):
    """Click a place in a window, counted from its left and its upper edge or, negative, from the others."""
    place = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", on) if "=" in line)
    x += int(place["WIDTH"]) if x < 0 else 0
    y += int(place["HEIGHT"]) if y < 0 else 0
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
    dialog = until(lambda: window("^Remove dust & scratches$"), "the dialog")
    tool("windowactivate", "--sync", dialog)
    time.sleep(4)  # the network runs
    return main, dialog


def work():
    until((OUT / "ready").exists, "GIMP")
    time.sleep(2)
    main, dialog = open_dialog()
    shot("dialog-first", dialog)
    report["workers"] = len(processes(b"dsr_core.editor.worker"))
    press("alt+e", "Page_Up", "Page_Up")  # the slider of the sensitivity, to 0.7
    shot("dialog", dialog)
    click(dialog, 300, 250, button=4)  # the wheel
    time.sleep(0.5)
    tool("mousedown", 1, "mousemove_relative", 90, 60, "mousemove_relative", 60, 30, "mouseup", 1)
    shot("dialog-zoomed", dialog)
    press("alt+a")
    shot("dialog-after", dialog)
    press("Return")
    until(lambda: len(ask("names()")) == 2, "the layer")
    report["layers"] = ask("names()")
    ask("keep('mask')")
    shot("result", main)
    until(lambda: not processes(b"dsr_core.editor.worker"), "the worker's end")

    tool("windowactivate", "--sync", main)
    press("ctrl+z")
    report["undone"] = ask("names()")
    report["repeated"] = ask("repeat()")
    ask("keep('mask-repeated')")

    report["before_cancel"] = ask("state()")
    _, dialog = open_dialog()
    stop_the_worker()
    press("alt+e", "Page_Up")  # asks for a preview that does not come
    click(dialog, -162, -41)  # Cancel
    until(lambda: not window("^Remove dust & scratches$"), "the dialog's end")
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


screen = f":{sys.argv[1]}"
os.environ["DISPLAY"] = screen
log = (OUT / "desktop.log").open("wb")
running = [subprocess.Popen(["Xvfb", screen, "-screen", "0", "1500x950x24"], stderr=log)]
until(pathlib.Path(f"/tmp/.X11-unix/X{sys.argv[1]}").exists, "the screen")
running.append(subprocess.Popen(["openbox"], stderr=log))
batch = ["--batch-interpreter=python-fu-eval", "-b", "exec(open('/job/inside/agent.py').read())"]
running.append(subprocess.Popen(["gimp", "--no-splash", *batch], stdout=log, stderr=log))
try:
    work()
finally:
    (OUT / "report.json").write_text(json.dumps(report))
    for process in reversed(running):
        process.kill()
