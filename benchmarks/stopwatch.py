"""``dsr-core`` with a stopwatch on its steps: ``python -m benchmarks.stopwatch REPORT ARGUMENT...``.

The functions that the command goes through are wrapped before it starts and restored afterwards.
REPORT becomes JSON: seconds by step, and the peak of resident memory in megabytes.
"""

import functools
import json
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from threading import current_thread, main_thread
from time import perf_counter
from typing import Any
from unittest.mock import patch

import dsr_core.filter
from dsr_core import cli, engine, job, pixels

STEPS: dict[str, list[tuple[Any, str]]] = {
    "read": [(job, "read_picture")],
    "network": [(engine.Engine, "__call__")],
    "repair": [
        (pixels, "check"),
        (Future, "result"),
        (dsr_core.filter, "add_grain"),
        (dsr_core.filter, "take_off"),
        (dsr_core.filter, "search"),
        (dsr_core.filter, "compose"),
    ],
    "write": [(job, "write_all")],
}
"""What is timed, in the main thread; a call from within another counts as part of that."""


class Stopwatch:
    """Adds up the seconds of each step."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._running = False

    def timed(self, function: Callable[..., Any], step: str) -> Callable[..., Any]:
        """Return the function with its time added to a step, unless it is called within one."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if self._running or current_thread() is not main_thread():
                return function(*args, **kwargs)
            start, self._running = perf_counter(), True
            try:
                return function(*args, **kwargs)
            finally:
                self._running = False
                self.seconds[step] += perf_counter() - start

        return run


def peak_megabytes() -> float:
    """Return the peak of this process; on Linux, getrusage would count the parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def main(arguments: list[str]) -> int:
    """Run the command and write the report."""
    watch = Stopwatch()
    with ExitStack() as wrapped:
        for step, functions in STEPS.items():
            for owner, name in functions:
                timed = watch.timed(getattr(owner, name), step)
                wrapped.enter_context(patch.object(owner, name, timed))
        code = cli.main(arguments[1:])
    Path(arguments[0]).write_text(json.dumps({"seconds": watch.seconds, "peak": peak_megabytes()}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
