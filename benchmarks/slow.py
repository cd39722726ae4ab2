"""``dsr-core`` on slow storage: ``SLOW=50 python -m benchmarks.slow restore ...`` reads and writes 50 MB/s.

Each file waits, when it is read and when it is written, as long as a drive of this speed would take for it;
the processes that restore begin with this module, too, and wait as well.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from dsr_core import job
from dsr_core.cli import main

_RATE = float(os.environ["SLOW"]) * 1e6
_read, _write = job.read_picture, job.write_picture


def _slow_read(source: Any, *arguments: Any, **names: Any) -> Any:
    time.sleep(Path(source).stat().st_size / _RATE)
    return _read(source, *arguments, **names)


def _slow_write(path: Path, *arguments: Any, **names: Any) -> None:
    _write(path, *arguments, **names)
    time.sleep(path.stat().st_size / _RATE)


job.read_picture, job.write_picture = _slow_read, _slow_write  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(main())
