"""Root may read everything, unless it does without."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION = 0x20080522  # of Linux's capabilities, with 64 bits of them
_READ_ANYTHING = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextmanager
def of_anybody() -> Iterator[None]:
    """Give up, for a while and in this thread, the right to read files whose mode forbids it."""
    if os.geteuid() != 0 or sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    held = sets[0]  # the effective ones; those that are permitted can be taken back
    sets[0] = held & ~_READ_ANYTHING
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = held
        assert libc.capset(header, sets) == 0
