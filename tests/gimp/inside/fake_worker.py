"""Workers that misbehave, for the plug-in to complain about; their names say how."""

import json
import struct
import sys
import time

kind = sys.argv[1]


def say(header, payload=b""):
    text = json.dumps(header).encode()
    sys.stdout.buffer.write(struct.pack("<4sIQ", b"DSRF", len(text), len(payload)) + text + payload)
    sys.stdout.buffer.flush()


def hear():
    _, header_length, payload_length = struct.unpack("<4sIQ", sys.stdin.buffer.read(16))
    header = json.loads(sys.stdin.buffer.read(header_length))
    sys.stdin.buffer.read(payload_length)
    return header["id"]


say({"type": "hello", "protocol": 0 if kind == "old" else 3, "version": "0", "models": ["3"]})
if kind == "dying":
    sys.stderr.write("terminate called after throwing an instance of std::bad_alloc\n")
    sys.exit(3)
if kind == "halfway":  # a place of one pixel comes, and the next band does not
    say({"type": "predicted", "id": hear(), "notes": []})
    composed = {"type": "composed", "changed": 1, "places": [[0, 0, 1, 1]], "pixels": 4}
    say({**composed, "id": hear()}, bytes(4 + 1))
    sys.stderr.write("the second band is too much\n")
    sys.exit(3)
time.sleep(60)
