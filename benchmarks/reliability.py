"""Try to break the product, and write down what happened: ``python -m benchmarks.reliability``.

Everything is made up, with fixed seeds. ``--json`` keeps the findings, so that the parts can be run one by
one and the page be written from all of them. Linux only.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import faults

LEGEND = """\
# What was tried to break it

Written by `python -m benchmarks.reliability --json FILE --markdown docs/reliability.md`; do not edit. Tests
hold the same, and more, at each change: `test_core_promises.py`, `test_core_writing.py`,
`test_core_files.py` and `test_core_sentences.py` in `tests/core`.
"""
FUZZ = """\
## Damaged files and messages, {minutes:g} minutes

Small good files of every kind that is read, with bytes flipped, cut out and put in; what is still read is
written again. `python -m benchmarks.fuzz SECONDS SEED` runs one of these runs.
"""
KILLED = """\
## Killed

SIGKILL at random moments between start and end, then one more run that is left in peace.
"""
FAULTS = """\
## Other programs and machines

What `dsr-core restore` says, unless another command is named.
"""
_ONE = 60  # seconds of a run of its own: one that dies takes nothing with it


def fuzz(seconds: float, earlier: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run the fuzzers for so long in all, one process after another; yield what is known after each."""
    counted, ended = Counter(earlier.get("counted", {})), list(earlier.get("ended", []))
    for seed in range(round(earlier.get("minutes", 0)), round(seconds / _ONE)):
        command = [sys.executable, "-m", "benchmarks.fuzz", str(_ONE), str(seed)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10 * _ONE)
        except subprocess.TimeoutExpired:
            ended.append(f"seed {seed} hung")
        else:
            if ran.returncode:
                last = (ran.stderr.split("\n")[:-1] or ["nothing"])[-1]
                ended.append(f"seed {seed}: exit code {ran.returncode}, and last it said: {last}")
            else:
                counted.update(json.loads(ran.stdout))
        yield {"minutes": (seed + 1) * _ONE / 60, "counted": counted, "ended": ended}


PARTS: dict[str, Callable[[argparse.Namespace, dict[str, Any]], Iterable[dict[str, Any]]]] = {
    "fuzz": lambda chosen, earlier: fuzz(chosen.seconds, earlier),
    "restore": lambda chosen, _: faults.kill_restore(chosen.kills),
    "fit": lambda chosen, _: faults.kill_fit(chosen.kills),
    "situations": lambda *_: [faults.situations()],
    "page": lambda *_: [],
}


def page(found: dict[str, Any]) -> str:
    """Return the page for what was found."""
    parts = [LEGEND]
    if "fuzz" in found:
        counted, ended = found["fuzz"]["counted"], found["fuzz"]["ended"]
        other = {"runs that ended otherwise: a traceback, a crash, a hang": len(ended)}
        parts += [FUZZ.format(**found["fuzz"]), _table("what", "how often", {**counted, **other})]
        parts += [f"- {text}\n" for text in ended]
    commands = {"restore": "`dsr-core restore`, with mask and overlay", "fit": "`python -m training fit`"}
    killed = {command: found[part] for part, command in commands.items() if part in found}
    parts += [KILLED] if killed else []
    for command, counts in killed.items():
        parts += [f"### {command}\n", _table("what", "how often", counts)]
    if "situations" in found:
        parts += [FAULTS, _table("what", "what happened", found["situations"])]
    return "\n".join(parts).rstrip() + "\n"


def _table(first: str, second: str, rows: dict[str, Any]) -> str:
    numbers = all(isinstance(value, int) for value in rows.values())
    lines = [f"| {first} | {second} |", f"|---|---{':' * numbers}|"]
    lines += [f"| {what} | {f'{value:,}' if numbers else value} |" for what, value in rows.items()]
    return "\n".join(lines) + "\n"


def _known(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def main() -> None:
    """Run the parts that are asked for and write the page of all that are known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all; page writes it again")
    parser.add_argument(
        "--seconds", type=float, default=3600, help="for damaged files, earlier runs included"
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--json", type=Path, required=True, help="keeps what was found by earlier runs, too")
    parser.add_argument("--markdown", type=Path, required=True)
    chosen = parser.parse_args()
    for name in chosen.parts or PARTS:
        for result in PARTS[name](chosen, _known(chosen.json).get(name, {})):
            chosen.json.write_text(json.dumps({**_known(chosen.json), name: result}, indent=1))
    chosen.markdown.write_text(page(_known(chosen.json)), encoding="utf-8")


if __name__ == "__main__":
    main()
