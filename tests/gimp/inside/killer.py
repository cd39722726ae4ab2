"""Kills a process by name, a while after it, or another, appears."""

import os
import pathlib
import signal
import time


def find(name):
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if name in command and b"killer" not in command:
            return int(entry.name)
    return None


def kill(name, wait, sign=None):
    for _ in range(400):
        if find(sign or name):
            time.sleep(wait)
            os.kill(find(name), signal.SIGKILL)
            return
        time.sleep(0.05)
