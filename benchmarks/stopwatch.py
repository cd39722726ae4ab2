"""``dsr-core`` with a stopwatch on its steps: ``python -m benchmarks.stopwatch REPORT ARGUMENT...``.

The filter knows nothing of it: the functions that the command goes through are wrapped before it starts.
REPORT becomes JSON: seconds by step, and the peak of resident memory in megabytes.
"""

import functools
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import dsr_core.filter
from dsr_core import cli, engine, job, pixels, tiles

STEPS: dict[str, list[tuple[Any, str]]] = {
    "read": [(job, "read_picture")],
    "network": [(engine.Engine, "__call__")],
    "repair": [
        (tiles.Tile, "cut"),
        (pixels, "to_network"),
        (pixels, "from_network"),
        (dsr_core.filter, "compose"),
    ],
    "write": [(job, "write_all")],
}
"""What is timed; none of these calls another."""


def timed(function: Callable[..., Any], step: str, seconds: Counter[str]) -> Callable[..., Any]:
    """Return the function with its time added to a step."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[step] += perf_counter() - start

    return run


def peak_megabytes() -> float:
    """Return the peak of this process; on Linux, getrusage would count the parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def main(arguments: list[str]) -> int:
    """Run the command and write the report."""
    seconds: Counter[str] = Counter()
    for step, functions in STEPS.items():
        for owner, name in functions:
            setattr(owner, name, timed(getattr(owner, name), step, seconds))
    code = cli.main(arguments[1:])
    Path(arguments[0]).write_text(json.dumps({"seconds": seconds, "peak": peak_megabytes()}))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
