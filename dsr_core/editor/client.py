"""The plug-in's side of the connection to a worker process.

This module needs nothing but the standard library: ``dsr-gimp install`` copies it beside the plug-in.
"""

import collections
import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from dsr_core.editor.wire import PROTOCOL, Buffer, Header, PlugInError, head, read_frame

# Variables that GIMP sets for its own Python and libraries; they would break another Python.
_EDITORS_OWN = ("PYTHON", "GI_TYPELIB", "LD_LIBRARY", "GTK_", "GDK_PIXBUF", "BABL_", "GEGL_", "GIO_")


class WorkerEndedError(PlugInError):
    """The worker process has ended; ``reason`` is its last line on stderr or its exit status."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The filter's worker process ended unexpectedly ({reason}); run `dsr-gimp doctor`, "
            "and if it was memory, select a part of the picture."
        )
        self.reason = reason


class Client:
    """A worker process; requests go out with `send`, answers come in through `wait` or `poll`.

    Parameters
    ----------
    python
        The interpreter of the environment that dsr_core is installed in.
    patience
        Seconds without a frame from the worker after which it is given up; ``None`` waits for ever.

    Raises
    ------
    PlugInError
        The process cannot be started.
    """

    def __init__(self, python: str, patience: float | None = None) -> None:
        self._python, self._patience = python, patience
        env = {name: value for name, value in os.environ.items() if not name.startswith(_EDITORS_OWN)}
        env["OPENBLAS_NUM_THREADS"] = "1"  # numpy would start threads for matrix products, which nothing uses
        more: dict[str, Any] = {"creationflags": 0x08000000} if sys.platform == "win32" else {}  # no console
        try:
            self.process = subprocess.Popen(
                [python, "-E", "-P", "-m", "dsr_core.editor.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pipesize=1 << 20,  # the most that Linux allows everybody; elsewhere without effect
                env=env,
                cwd=Path(__file__).parent,
                **more,
            )
        except OSError as error:
            raise PlugInError(
                f"The filter's Python, {python}, cannot be started ({error.strerror}); "
                "install dust-scratch-removal and run `dsr-gimp install` again."
            ) from error
        self._last_id = 0
        self._models: list[str] | None = None
        self._stderr: collections.deque[str] = collections.deque(maxlen=40)  # lines
        self._outgoing: queue.SimpleQueue[Buffer | None] = queue.SimpleQueue()
        self._incoming: queue.SimpleQueue[tuple[Header, memoryview] | None] = queue.SimpleQueue()
        # A thread for each pipe: with one for all, both processes could wait for each other for ever.
        for task in (self._write, self._listen):
            threading.Thread(target=task, daemon=True).start()
        self._complaints = threading.Thread(target=self._collect_complaints, daemon=True)
        self._complaints.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and wait for its end."""
        self._outgoing.put(None)
        self.process.kill()
        self.process.wait()

    @property
    def models(self) -> list[str]:
        """The shipped models that are installed, worst first; waits for the greeting when it is first read.

        Raises
        ------
        PlugInError
            The worker speaks another protocol.
        """
        return self._greet()

    def send(self, kind: str, size: int = 0, parts: Iterable[Buffer] = (), **fields: Any) -> int:
        """Queue a request and return its id; its payload of ``size`` bytes is written as its parts come."""
        self._last_id += 1
        self._outgoing.put(head({"type": kind, "id": self._last_id, **fields}, size))
        for part in parts:
            self._outgoing.put(part)
        return self._last_id

    def wait(
        self, request: int, on_progress: Callable[[Header], None] = lambda _: None
    ) -> tuple[Header, memoryview]:
        """Return header and payload of the answer to a request; ``on_progress`` gets each ``progress``.

        Raises
        ------
        PlugInError
            The answer is an ``error``.
        WorkerEndedError
            There will be no answer.
        """
        self._greet()
        while True:
            header, payload = self._next()
            if header["id"] != request:
                continue
            if header["type"] == "error":
                raise PlugInError(header["message"])
            if header["type"] != "progress":
                return header, payload
            on_progress(header)

    def poll(self) -> list[tuple[Header, memoryview]]:
        """Return the frames that have arrived since the last call."""
        frames = []
        while not self._incoming.empty():
            frames.append(self._next())
        return frames

    def _greet(self) -> list[str]:
        """Take the worker's greeting, its first frame, if that has not been done; return its models."""
        if self._models is None:
            hello, _ = self._next()
            if hello.get("protocol") != PROTOCOL:
                raise PlugInError(
                    "The filter in GIMP and the installed dust-scratch-removal do not fit together; "
                    "run `dsr-gimp install` again."
                )
            self._models = hello["models"]
        return self._models

    def _next(self) -> tuple[Header, memoryview]:
        try:
            frame = self._incoming.get(timeout=self._patience)
        except queue.Empty:
            raise PlugInError(
                f"The filter's worker process has not answered for {self._patience:.0f} seconds."
            ) from None
        if frame is not None:
            return frame
        self._incoming.put(None)  # for the next call
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.close()
        self._complaints.join(2)  # the last lines may still be in the pipe
        said = "".join(self._stderr)
        if "No module named" in said:
            raise PlugInError(
                f"dust-scratch-removal is not in {self._python} any more; install it and run "
                "`dsr-gimp install` again."
            )
        raise WorkerEndedError(said.strip().rpartition("\n")[2] or f"exit status {self.process.returncode}")

    # Each thread closes its pipe, when there is nothing more to come.
    def _write(self) -> None:
        stream: Any = self.process.stdin
        with contextlib.suppress(OSError), stream:  # the process has ended; `_listen` notices
            while (part := self._outgoing.get()) is not None:
                view = memoryview(part)
                while view:
                    view = view[stream.write(view) :]

    def _listen(self) -> None:
        stream: Any = self.process.stdout
        with stream:
            try:
                while True:
                    self._incoming.put(read_frame(stream))
            except (EOFError, OSError, PlugInError):
                self._incoming.put(None)

    def _collect_complaints(self) -> None:
        stream: Any = self.process.stderr
        with stream:
            for line in stream:
                self._stderr.append(line.decode(errors="replace"))
