"""How much of a virtual machine's time others took; imported in GIMP's Python and outside."""

import os
from pathlib import Path


def stolen():
    """Return the seconds that other virtual machines have taken from this one's processors."""
    return int(Path("/proc/stat").read_text().split()[8]) / os.sysconf("SC_CLK_TCK")
