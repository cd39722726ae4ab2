"""The protocol between an editor's plug-in and the worker process: frames over stdin and stdout.

This module needs nothing but the standard library: ``dsr-gimp install`` copies it beside the plug-in.

A **frame** is a head of 16 bytes, a JSON object in UTF-8 and a payload of raw bytes, one after the other. The
head is little-endian: the four bytes ``DSRF``, the JSON's length as uint32, the payload's length as uint64.

**Greeting.** The worker begins: ``{"type": "hello", "protocol": 6, "version": "0.1.0", "models": ["3"]}``.
A client that speaks another protocol number says so and stops. ``models`` are those that came along.

**Requests** carry ``type`` and ``id`` (an integer of the client's choice); each is answered, in order, by
frames that carry the same ``id``: any number of ``progress`` and then one of ``margin``, ``predicted``,
``composed``, ``preview``, ``toggled``, ``defects``, ``looked``, ``cancelled`` or ``error`` (``message``: a
sentence for the user, with the remedy).

``margin`` (``model``)
    -> ``margin``: pixels around a region of interest that this model wants to see.
``predict`` (``model, provider, picture, width, height, channels, dtype, linear, clip, infrared``; payload)
    Runs the network, which begins while the picture comes. Payload: height x width x channels samples, row by
    row, in native byte order; then, if ``clip`` is true, height x width bytes that say how far a repair may
    show in a pixel (0 not at all, 255 fully); then, if ``infrared`` is a ``dtype`` (and not "" or missing),
    height x width samples of an infrared scan. ``channels``: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
    ``dtype``: ``u8 u16 u32 half float double``. ``linear``: samples are linear light. ``picture``: a number
    of the client's choice (or none: 0), to which decisions about defects belong. Without ``width`` and
    payload: the same picture again.
    -> ``progress`` (``done``, ``total``, ``note``) ..., ``predicted`` (``model``, ``provider``, ``notes``:
    with the provider "auto" none says why it is the processor).
``fill``
    Repairs all that ``clip`` marks by half or more, also where the network saw no damage: that is filled from
    its surroundings.
    -> ``progress`` ..., ``predicted``.
``compose`` (``options``, ``everything``, ``region`` [x, y, width, height], ``alpha``)
    Applies the options to the network's output; never runs it. ``options`` are the fields of
    `dsr_core.Options`. ``everything`` (or nothing): what ``fill`` repaired, not what the options find.
    ``alpha``: ``kept`` (channels as they came), ``added`` (an opaque alpha channel, where there is none) or
    ``masked`` (an alpha channel that is 0 outside the mask).
    -> ``composed`` (``changed``: pixels in the mask, ``places``: rectangles [x, y, width, height] within the
    region, outside of which nothing has changed, ``pixels``: bytes of the first part, ``notes``: sentences
    for the user on what these options do); payload: the samples of one place after the other, then their
    masks, one byte a pixel, 0 or 255.
``toggle`` (``options``, ``x``, ``y``, ``reach``)
    Takes the defect at a place, or so many pixels from it, out of the repair, whatever the options; or in
    again.
    -> ``toggled`` (``changed``: whether there was one).
``defects`` (``options``)
    -> ``defects`` (``count``); payload: [x, y] of a pixel of each defect, near its middle, as int32 in
    native byte order, the largest first; those that were taken out, too.
``preview`` (``options``, ``everything``, ``view`` [x, y, width, height], ``step``, ``after``)
    -> ``preview`` (``defects``, ``sources``: how many came from what, in words, ``changed``, ``width``,
    ``height``, ``pixels``: bytes of the first part, ``notes``); payload: the view reduced ``step`` times,
    samples as they came or (``after``) restored, then the defects' outlines as 8-bit RGBA of the same size,
    those that were taken out in another colour.
``look`` (``options``)
    Runs the network once more, over a picture of a quarter of the size, for damage that is too wide to be
    repaired; not where a part was selected, for that is a place that somebody chose.
    -> ``progress`` ..., ``looked`` (``notes``).
``cancel`` (``target``: id of a ``predict``, ``fill`` or ``look``)
    Has no answer of its own; the target is answered by ``cancelled``, unless it was finished already.

The worker ends when its input ends, whatever it is doing: a client that dies leaves no process behind.
"""

import json
import mmap
import struct
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO

PROTOCOL = 6
MAGIC = b"DSRF"
_HEAD = struct.Struct("<4sIQ")
_LONGEST_HEADER = 1 << 20
_LARGE = 1 << 23  # bytes from which on large pages are worth asking for

Buffer = bytes | bytearray | memoryview
Header = dict[str, Any]


class PlugInError(Exception):
    """Something the user can put right; the message is the sentence to show."""


def write_frame(stream: BinaryIO, header: Header, parts: Sequence[Buffer] = ()) -> None:
    """Write one frame and flush; its payload comes in parts, so that nothing has to be joined first.

    Raises
    ------
    OSError
        The other end is gone.
    """
    stream.write(head(header, sum(memoryview(part).nbytes for part in parts)))
    stream.writelines(parts)
    stream.flush()


def head(header: Header, size: int) -> bytes:
    """Return a frame up to its payload of ``size`` bytes."""
    text = json.dumps(header).encode()
    return _HEAD.pack(MAGIC, len(text), size) + text


class Payload:
    """The bytes that follow a header: memory for all of them, filled by one thread while others read.

    Parameters
    ----------
    length
        How many will come.
    """

    def __init__(self, length: int) -> None:
        self.data = memoryview(_memory(length))
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


def _memory(length: int) -> bytearray | mmap.mmap:
    """Return writable memory for this many bytes; where it is much and the system can, in large pages."""
    if length < _LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return bytearray(length)
    memory = mmap.mmap(-1, length)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def read_header(stream: BinaryIO) -> tuple[Header, Payload]:
    """Read one frame as far as its payload, which is still to be filled.

    Raises
    ------
    EOFError
        The stream ended, between frames or within one.
    PlugInError
        What came is not a frame.
    """
    magic, header_length, payload_length = _HEAD.unpack(_read(stream, _HEAD.size))
    if magic != MAGIC or header_length > _LONGEST_HEADER:
        raise PlugInError("The other end does not speak this protocol; run `dsr-gimp install` again.")
    try:
        header = json.loads(bytes(_read(stream, header_length)))
    except (ValueError, RecursionError) as error:
        raise PlugInError("A message is damaged; run `dsr-gimp install` again.") from error
    if not isinstance(header, dict):
        raise PlugInError("A message is damaged; run `dsr-gimp install` again.")
    try:
        return header, Payload(payload_length)
    except (ValueError, OverflowError, OSError, MemoryError) as error:  # of a size that no memory holds
        raise PlugInError(
            f"There is no memory for {payload_length} bytes; select a part of the picture."
        ) from error


def read_frame(stream: BinaryIO) -> tuple[Header, memoryview]:
    """Read one frame: its header and its payload; errors as in `read_header`, also within the payload."""
    header, payload = read_header(stream)
    payload.fill(stream)
    return header, payload.data


def _read(stream: BinaryIO, length: int) -> memoryview:
    """Read exactly ``length`` bytes."""
    payload = Payload(length)
    payload.fill(stream)
    return payload.data
