"""How a benchmark's command ends."""

import sys
from collections.abc import Callable

from dsr_core.errors import DsrError


def ended(work: Callable[[], object]) -> int:
    """Do the work and return the exit status: 1, with a sentence on stderr, for what a person can mend."""
    try:
        work()
    except DsrError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
