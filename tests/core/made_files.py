"""Files as scanners and old programs write them, byte by byte, so that rare tags and faults can be put in."""

import struct
import zlib

import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
_FORM = {BYTE: "B", SHORT: "H", LONG: "I"}


def page(pixels, *tags, photometric=None, below=()):
    """Return a page for `tiff`; ``tags`` are (number, type, values), ``below`` are pages for tag 330."""
    grey = pixels.ndim == 2
    photometric = photometric if photometric is not None else (1 if grey else 2)
    return pixels, tags, photometric, below


def tiff(*pages, order="<"):
    """Return an uncompressed TIFF of these pages, without any tag that was not asked for."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))
    pointer = 4
    for each in pages:
        start, next_pointer = _directory(out, each, order)
        struct.pack_into(order + "I", out, pointer, start)
        pointer = next_pointer
    return bytes(out)


def _directory(out, content, order):
    pixels, tags, photometric, below = content
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    at = len(out)
    out += data + b"\0" * (len(data) % 2)
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    entries = {
        256: (LONG, [pixels.shape[1]]),
        257: (LONG, [pixels.shape[0]]),
        258: (SHORT, [8 * pixels.dtype.itemsize] * channels),
        259: (SHORT, [1]),
        262: (SHORT, [photometric]),
        273: (LONG, [at]),
        277: (SHORT, [channels]),
        278: (LONG, [pixels.shape[0]]),
        279: (LONG, [len(data)]),
        339: (SHORT, [kind] * channels),
    }
    if below:
        entries[330] = (LONG, [_directory(out, each, order)[0] for each in below])
    entries |= {number: (kind, values) for number, kind, values in tags}
    fields = b""
    for number, (kind, values) in sorted(entries.items()):
        if isinstance(values, bytes):
            value, count = values, len(values)
        elif kind == RATIONAL:
            value, count = struct.pack(order + "I" * len(values), *values), len(values) // 2
        else:
            value, count = struct.pack(order + _FORM[kind] * len(values), *values), len(values)
        if len(value) > 4:
            value, place = b"", value
            value = struct.pack(order + "I", len(out))
            out += place + b"\0" * (len(place) % 2)
        fields += struct.pack(order + "HHI", number, kind, count) + value.ljust(4, b"\0")
    start = len(out)
    out += struct.pack(order + "H", len(entries)) + fields + bytes(4)
    return start, len(out) - 4


def with_bad_tag(data, number, kind, count, value):
    """Return a little-endian TIFF of one page with one more entry, put in as it is."""
    (start,) = struct.unpack_from("<I", data, 4)
    (length,) = struct.unpack_from("<H", data, start)
    entries = [data[start + 2 + 12 * n : start + 14 + 12 * n] for n in range(length)]
    entries.append(struct.pack("<HHII", number, kind, count, value))
    entries.sort(key=lambda entry: struct.unpack("<H", entry[:2]))
    end = len(data)
    body = struct.pack("<H", length + 1) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", end) + data[8:] + body


def chunk(name, data):
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(pixels, *chunks):
    """Return an 8-bit grey or RGB PNG with these chunks (name, data) before its pixels."""
    height, width = pixels.shape[:2]
    kind = 0 if pixels.ndim == 2 else 2
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    middle = b"".join(chunk(name, data) for name, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def chunks_of(data):
    """Return the chunks of a PNG but for head, pixels and end: name -> data."""
    found, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found[data[at + 4 : at + 8]] = data[at + 8 : at + 8 + length]
        at += 12 + length
    return {name: content for name, content in found.items() if name not in (b"IHDR", b"IDAT", b"IEND")}


def segment(kind, payload):
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, kind, len(payload) + 2) + payload


def exif_with_thumbnail(thumbnail):
    """Return an EXIF segment's payload with an orientation and a thumbnail."""
    first = struct.pack("<HHHIII", 1, 0x112, SHORT, 1, 1, 26)
    entries = [(0x103, SHORT, 6), (0x201, LONG, 26 + 42), (0x202, LONG, len(thumbnail))]
    second = (
        struct.pack("<H", 3) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries) + bytes(4)
    )
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + thumbnail


def mpf(kinds):
    """Return the payload of an MPO's index that lists pictures of these kinds."""
    entries = b"".join(struct.pack("<IIIHH", kind, 0, 0, 0, 0) for kind in kinds)
    directory = struct.pack("<H", 1) + struct.pack("<HHII", 0xB002, UNDEFINED, len(entries), 26) + bytes(4)
    return b"MPF\0II*\0" + struct.pack("<I", 8) + directory + entries
