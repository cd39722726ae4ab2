"""The language between an editor's plug-in and the worker process: frames over stdin and stdout.

A **frame** is a head of 16 bytes, a JSON object in UTF-8 and a payload of raw bytes, one after the other. The
head is little-endian: the four bytes ``DSRF``, the JSON's length as uint32, the payload's length as uint64.

**Greeting.** The worker begins: ``{"type": "hello", "protocol": 3, "version": "0.1.0", "models": ["3"]}``.
A client that speaks another protocol number says so and stops. ``models`` are those that came along.

**Requests** carry ``type`` and ``id`` (an integer of the client's choice); each is answered, in order, by
frames that carry the same ``id``: any number of ``progress`` and then one of ``margin``, ``predicted``,
``composed``, ``preview``, ``cancelled`` or ``error`` (``message``: a sentence for the user, with the remedy).

``margin`` (``model``)
    -> ``margin``: pixels around a region of interest that this model wants to see.
``predict`` (``model, provider, width, height, channels, dtype, linear, clip``; payload)
    Runs the network, which begins while the picture comes. Payload: height x width x channels samples, row by
    row, in native byte order; then, if ``clip`` is true, height x width bytes that say how far a repair may
    show in a pixel (0 not at all, 255 fully). ``channels``: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
    ``dtype``: ``u8 u16 u32 half float double``. ``linear``: samples are linear light. Without ``width`` and
    payload: the same picture again.
    -> ``progress`` (``done``, ``total``, ``note``) ..., ``predicted`` (``model``, ``provider``, ``notes``).
``compose`` (``options``, ``region`` [x, y, width, height], ``alpha``)
    Applies the options to what the network said; never runs it. ``options`` are the fields of
    `dsr_core.Options`. ``alpha``: ``kept`` (channels as they came), ``added`` (an opaque alpha channel, where
    there is none) or ``masked`` (an alpha channel that is 0 outside the mask).
    -> ``composed`` (``changed``: pixels in the mask, ``places``: rectangles [x, y, width, height] within the
    region, outside of which nothing has changed, ``pixels``: bytes of the first part); payload: the samples
    of one place after the other, then their masks, one byte a pixel, 0 or 255.
``preview`` (``options``, ``view`` [x, y, width, height], ``step``, ``after``)
    -> ``preview`` (``defects``, ``changed``, ``width``, ``height``, ``pixels``: bytes of the first part);
    payload: the view reduced ``step`` times, samples as they came or (``after``) restored, then the defects'
    outlines as 8-bit RGBA of the same size.
``cancel`` (``target``: id of a ``predict``)
    Has no answer of its own; the target is answered by ``cancelled``, unless it was finished already.

The worker leaves at the end of its input, whatever it is doing: a client that dies leaves no process behind.
"""

import json
import struct
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, BinaryIO

import numpy as np

from dsr_core.errors import DsrError

PROTOCOL = 3
MAGIC = b"DSRF"
_HEAD = struct.Struct("<4sIQ")
_LONGEST_HEADER = 1 << 20

Buffer = bytes | bytearray | memoryview


def project_version() -> str:
    """Return the installed version of the project, ``"unknown"`` when it runs without being installed."""
    try:
        return version("dust-scratch-removal")
    except PackageNotFoundError:
        return "unknown"


def write_frame(stream: BinaryIO, header: dict[str, Any], parts: Sequence[Buffer] = ()) -> None:
    """Write one frame, its payload in parts so that nothing has to be joined first, and flush.

    Raises
    ------
    OSError
        The other end is gone.
    """
    text = json.dumps(header).encode()
    stream.write(_HEAD.pack(MAGIC, len(text), sum(memoryview(part).nbytes for part in parts)))
    stream.write(text)
    stream.writelines(parts)
    stream.flush()


class Payload:
    """The bytes that follow a header: room for all of them, filled by one thread while others read.

    Parameters
    ----------
    length
        How many will come.
    """

    def __init__(self, length: int) -> None:
        self.data = np.empty(length, np.uint8).data  # not zeroed and, where it is much, in large pages
        self._here = 0
        self._more = threading.Condition()

    def fill(self, stream: BinaryIO) -> None:
        """Read all of it.

        Raises
        ------
        EOFError
            The stream ended before.
        """
        while self._here < len(self.data):
            count = stream.readinto(self.data[self._here :])  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            with self._more:
                self._here += count
                self._more.notify_all()

    def wait(self, length: int) -> None:
        """Wait until the first ``length`` bytes are there, or all."""
        with self._more:
            self._more.wait_for(lambda: self._here >= min(length, len(self.data)))


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], memoryview]:
    """Read one frame: its header and its payload; errors as in `read_header`, also within the payload."""
    header, payload = read_header(stream)
    payload.fill(stream)
    return header, payload.data


def read_header(stream: BinaryIO) -> tuple[dict[str, Any], Payload]:
    """Read one frame as far as its payload, which is still to be filled.

    Raises
    ------
    EOFError
        The stream ended, between frames or within one.
    DsrError
        What came is not a frame.
    """
    magic, header_length, payload_length = _HEAD.unpack(_read(stream, _HEAD.size))
    if magic != MAGIC or header_length > _LONGEST_HEADER:
        raise DsrError("The other end does not speak this protocol; run `dsr-gimp install` again.")
    try:
        header = json.loads(bytes(_read(stream, header_length)))
    except (ValueError, RecursionError) as error:
        raise DsrError("A message is damaged; run `dsr-gimp install` again.") from error
    if not isinstance(header, dict):
        raise DsrError("A message is damaged; run `dsr-gimp install` again.")
    try:
        return header, Payload(payload_length)
    except (
        ValueError,
        MemoryError,
    ) as error:  # numpy's word for more than can be addressed, and for too much
        raise DsrError(
            f"There is no memory for {payload_length} bytes; select a part of the picture."
        ) from error


def _read(stream: BinaryIO, length: int) -> memoryview:
    """Read exactly ``length`` bytes."""
    payload = Payload(length)
    payload.fill(stream)
    return payload.data
