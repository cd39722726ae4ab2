"""Kills a process by name, a while after it appears."""

import os
import pathlib
import signal
import time


def kill(name, wait):
    for _ in range(400):
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if name in command and b"killer" not in command:
                time.sleep(wait)
                os.kill(int(entry.name), signal.SIGKILL)
                return
        time.sleep(0.05)
