"""One run at a time for each picture: a lock that the system lets go of, however the plug-in ends."""

import contextlib
import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

from dsr_core.editor.wire import PlugInError

if sys.platform == "win32":
    import msvcrt

    def _take(file):
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(file):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Alone:
    """A context in which no other run works on a picture.

    Raises
    ------
    PlugInError
        One does.
    """

    def __init__(self, image):
        name = f"dust-scratch-removal-{Gimp.getpid()}-{image.get_id()}.lock"
        self.path = Path(tempfile.gettempdir()) / name

    def __enter__(self):
        self.file = self.path.open("w")
        try:
            _take(self.file)
        except OSError as error:
            self.file.close()
            raise PlugInError(
                "The filter is at work on this picture already; wait for it to end, or cancel it."
            ) from error
        return self

    def __exit__(self, *_):
        self.file.close()
        with contextlib.suppress(OSError):  # another run may have opened it meanwhile, to be refused
            self.path.unlink()
