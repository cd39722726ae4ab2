"""Runs beside GIMP on a virtual screen: works the filter with keys and mouse, and reports."""

import itertools
import json
import os
import pathlib
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
    report["workers"] = len(processes(b"dsr_core.worker"))
    press("alt+e", "Page_Up", "Page_Up")  # the slider of the sensitivity, to 0.7
    shot("dialog", dialog)
    place = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", dialog) if "=" in line)
    tool("mousemove", int(place["X"]) + 300, int(place["Y"]) + 250, "click", 4)
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
    until(lambda: not processes(b"dsr_core.worker"), "the worker's end")

    tool("windowactivate", "--sync", main)
    press("ctrl+z")
    report["undone"] = ask("names()")
    report["repeated"] = ask("repeat()")
    ask("keep('mask-repeated')")

    report["before_cancel"] = ask("names()")
    open_dialog()
    press("Escape")
    until(lambda: not window("^Remove dust & scratches$"), "the dialog's end")
    until(lambda: not processes(b"dsr_core.worker"), "the worker's end")
    report["cancelled"] = ask("names()")


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
