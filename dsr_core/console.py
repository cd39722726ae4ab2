"""What the command line says; a stream that cannot be written to does not stop the work."""

import contextlib
import os
import sys
from typing import Any


class Console:
    """Standard output and standard error, which may be closed, full or missing.

    Attributes
    ----------
    unsaid
        Whether something could not be said: a closed pipe, a full disk, no stream at all.
    """

    def __init__(self) -> None:
        self.unsaid = False
        for stream in (sys.stdout, sys.stderr):  # a code page may lack characters of a file's name
            with contextlib.suppress(AttributeError, ValueError):
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    def say(self, text: str) -> None:
        """Write a line to standard output."""
        self._write(sys.stdout, f"{text}\n")

    def note(self, text: str) -> None:
        """Write a line to standard error."""
        self._write(sys.stderr, f"dsr-core: {text}\n")

    def _write(self, stream: Any, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except AttributeError:  # there is no such stream
            self.unsaid = True
        except (OSError, ValueError):
            self.unsaid = True
            with contextlib.suppress(OSError, ValueError):  # or Python would try again when it ends
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
