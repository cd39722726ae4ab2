"""Keys and mouse of a virtual screen on which a GIMP runs, and what can be seen of it."""

import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

OUT = pathlib.Path("/job/out")
DIALOG = "^Remove dust & scratches$"
# places in the dialog, from its edges: three buttons, the middle of the preview
PREVIOUS, NEXT, FIT, MIDDLE = (272, -204), (314, -204), (497, -204), (269, 268)
BROWSER = """[Desktop Entry]
Type=Application
Name=Browser
MimeType=text/html;
Exec=/job/inside/browser %u
"""
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


def insist(keys, condition, what, main):
    """Press keys in GIMP's window until something comes of it: a busy GIMP loses them now and then.

    What comes is seen at once: on a fast machine the filter has done its work within a second.
    """

    def tried():
        tool("windowactivate", "--sync", main)
        time.sleep(0.5)
        press("Escape", *keys[:-1])
        tool("key", "--clearmodifiers", keys[-1])
        deadline = time.monotonic() + 20
        while not (found := condition()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    return until(tried, what)


def open_dialog():
    main = until(lambda: window("^\\*?\\[(Untitled|scan).*GIMP$"), "GIMP's window")
    # Filters > Enhance > Remove dust & scratches
    dialog = insist(["alt+r", "h", "v"], lambda: window(DIALOG), "the dialog", main)
    tool("windowactivate", "--sync", dialog)
    return main, dialog


@contextlib.contextmanager
def seconds_of(what):
    """Add to what something took."""
    started = time.monotonic()
    yield
    report["seconds"][what] = report["seconds"].get(what, 0) + round(time.monotonic() - started, 1)


def show(work):
    """Do some work on a screen whose number is the first argument; then write the report."""
    screen = f":{sys.argv[1]}"
    os.environ["DISPLAY"] = screen
    log = (OUT / "desktop.log").open("wb")
    applications = pathlib.Path.home() / ".local" / "share" / "applications"
    applications.mkdir(parents=True)
    (applications / "browser.desktop").write_text(BROWSER)
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
