"""Workers that misbehave, for the plug-in to complain about; their names say how."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path.cwd().parents[1]))  # the plug-in's folder: workers start below it
from dsr_core.editor.wire import PROTOCOL, read_frame, write_frame

kind = sys.argv[1]


def say(header, payload=b""):
    write_frame(sys.stdout.buffer, header, [payload])


def hear():
    return read_frame(sys.stdin.buffer)[0]["id"]


say({"type": "hello", "protocol": PROTOCOL - (kind == "old"), "version": "0", "models": ["3"]})
if kind == "dying":
    sys.stderr.write("terminate called after throwing an instance of std::bad_alloc\n")
    sys.exit(3)
if kind == "halfway":  # a place of one pixel comes, and the next band does not
    say({"type": "predicted", "id": hear(), "notes": []})
    composed = {"type": "composed", "changed": 1, "places": [[0, 0, 1, 1]], "pixels": 4, "notes": []}
    say({**composed, "id": hear()}, bytes(4 + 1))
    sys.stderr.write("the second band is too much\n")
    sys.exit(3)
time.sleep(60)
