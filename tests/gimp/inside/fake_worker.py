"""Workers that misbehave, for the plug-in to complain about: ``old``, ``dying`` or ``sleeping``."""

import json
import struct
import sys
import time

kind = sys.argv[1]


def say(header):
    text = json.dumps(header).encode()
    sys.stdout.buffer.write(struct.pack("<4sIQ", b"DSRF", len(text), 0) + text)
    sys.stdout.buffer.flush()


say({"type": "hello", "protocol": 0 if kind == "old" else 3, "version": "0", "models": ["3"]})
if kind == "dying":
    sys.stderr.write("terminate called after throwing an instance of std::bad_alloc\n")
    sys.exit(3)
time.sleep(60)
