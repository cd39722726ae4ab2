"""TIFF tags as plain data: what libvips does not carry from one TIFF to the next, EXIF above all.

EXIF in JPEG, PNG and WebP is a small TIFF of its own, so that these functions carry it between formats.
Reference: TIFF 6.0 (Adobe 1992), BigTIFF (Aware Systems 2007), Exif 2.32 (CIPA DC-008).
"""

import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

COMPRESSION = 259
_EXTRA_SAMPLES = 338  # what a further channel means; libvips writes "alpha" for all
_SUB_IFDS = {34665, 34853, 40965}  # EXIF, GPS, interoperability
_ITEM_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}
_ITEM_SIZE |= {16: 8, 17: 8, 18: 8}  # BigTIFF's own
_PER_VALUE = {5: 2, 10: 2}  # a rational is two numbers
_CLASSIC, _BIG = 42, 43
_LONG, _LONG8 = 4, 16
_MOST_BYTES = 64 << 20  # a single value larger than this is a damaged file

# Tags that describe how the samples are stored; they belong to whoever wrote the samples.
_STORAGE = frozenset({254, 255, 273, 284, 297, 301, 317, 320, 330, 332, 334, 339, 340, 341, 347})
_STORAGE |= {*range(256, 260), *range(262, 267), *range(277, 282), *range(288, 294), *range(322, 326)}
_STORAGE |= {*range(512, 522), *range(529, 533), 33421, 33422, 34016, 37724, 50838, 50839}
# Of a TIFF's first directory, what Exif 2.32 knows as well.
_EXIF_IFD0 = frozenset([270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 33432, 34665, 34853])


@dataclass(frozen=True)
class Tag:
    """One entry: its TIFF type, and its bytes in little-endian order or the directory it points to."""

    kind: int
    data: bytes = b""
    below: "Tags" = field(default_factory=dict)


Tags = dict[int, Tag]


@dataclass(frozen=True)
class _Layout:
    """Byte order and widths of a file: classic TIFF counts in 32 bits, BigTIFF in 64."""

    order: str
    big: bool

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def room(self) -> int:
        return 8 if self.big else 4


def read_tags(file: BinaryIO) -> Tags:
    """Return the tags of a TIFF's first directory, and those of the directories that EXIF hangs below it.

    Raises
    ------
    ValueError
        This is not a TIFF, or it is damaged.
    """
    try:
        layout, first = _read_header(file)
        return _read_directory(file, layout, first, depth=0)
    except struct.error as error:
        raise ValueError("truncated TIFF directory") from error


def add_tags(file: BinaryIO, tags: Tags) -> None:
    """Add to a TIFF's first directory the tags that it lacks, except those of the samples' storage.

    The file must be open for reading and writing; a new directory is appended and the header pointed to it.
    """
    layout, first = _read_header(file)
    entries = _raw_entries(file, layout, first)
    missing = {
        number: tag
        for number, tag in tags.items()
        if (number in entries) == (number == _EXTRA_SAMPLES) and number not in _STORAGE
    }
    if not missing:
        return
    end = file.seek(0, 2)
    file.write(b"\0" * (end % 2))
    for number, tag in missing.items():
        entries[number] = _write_value(file, layout, tag)
    start = _write_directory(file, layout, entries)
    file.seek(8 if layout.big else 4)
    file.write(struct.pack(layout.offset, start))


def to_exif(tags: Tags) -> bytes:
    """Return the tags that EXIF knows as a block for JPEG, PNG or WebP, ``b""`` if there are none."""
    chosen = {number: tag for number, tag in tags.items() if number in _EXIF_IFD0}
    if not chosen:
        return b""
    layout = _Layout("<", big=False)
    file = BytesIO()
    file.write(struct.pack("<2sHI", b"II", _CLASSIC, 0))
    entries = {number: _write_value(file, layout, tag) for number, tag in chosen.items()}
    start = _write_directory(file, layout, entries)
    file.seek(4)
    file.write(struct.pack("<I", start))
    return b"Exif\0\0" + file.getvalue()


def from_exif(block: bytes) -> Tags:
    """Return the tags of an EXIF block, the inverse of `to_exif`; a thumbnail is left out."""
    return read_tags(BytesIO(block.removeprefix(b"Exif\0\0")))


def number_of(tags: Tags, number: int, default: int) -> int:
    """Return the first value of a SHORT or LONG tag."""
    tag = tags.get(number)
    return int.from_bytes(tag.data[: _ITEM_SIZE[tag.kind]], "little") if tag else default


def _read_header(file: BinaryIO) -> tuple[_Layout, int]:
    file.seek(0)
    mark = file.read(2)
    if mark not in (b"II", b"MM"):
        raise ValueError("no TIFF header")
    order = "<" if mark == b"II" else ">"
    (version,) = struct.unpack(order + "H", file.read(2))
    if version not in (_CLASSIC, _BIG):
        raise ValueError("no TIFF header")
    layout = _Layout(order, big=version == _BIG)
    if layout.big:
        file.read(4)
    return layout, struct.unpack(layout.offset, file.read(layout.room))[0]


def _raw_entries(file: BinaryIO, layout: _Layout, start: int) -> dict[int, bytes]:
    """Return each entry of a directory without its number: type, count and value or offset, as stored."""
    file.seek(start)
    (length,) = struct.unpack(layout.count, file.read(struct.calcsize(layout.count)))
    size = 4 + 2 * layout.room
    block = file.read(length * size)
    if len(block) < length * size:
        raise ValueError("truncated TIFF directory")
    starts = range(0, len(block), size)
    return {struct.unpack_from(layout.order + "H", block, at)[0]: block[at + 2 : at + size] for at in starts}


def _read_directory(file: BinaryIO, layout: _Layout, start: int, depth: int) -> Tags:
    tags: Tags = {}
    for number, entry in _raw_entries(file, layout, start).items():
        (kind,) = struct.unpack_from(layout.order + "H", entry)
        (count,) = struct.unpack_from(layout.offset, entry, 2)
        value = entry[2 + layout.room :]
        if kind not in _ITEM_SIZE or number in _STORAGE - {COMPRESSION}:
            continue
        item = _ITEM_SIZE[kind]
        length = item * _PER_VALUE.get(kind, 1) * count
        if length > _MOST_BYTES:
            raise ValueError("impossible TIFF directory")
        if length > layout.room:
            file.seek(struct.unpack(layout.offset, value)[0])
            value = file.read(length)
            if len(value) < length:
                raise ValueError("truncated TIFF directory")
        data = _swapped(value[:length], item) if layout.order == ">" else value[:length]
        if number in _SUB_IFDS:
            if depth < len(_SUB_IFDS):  # a damaged file may point in circles
                below = _read_directory(file, layout, int.from_bytes(data, "little"), depth + 1)
                tags[number] = Tag(kind, below=below)
        else:
            tags[number] = Tag(kind, data)
    return tags


def _write_value(file: BinaryIO, layout: _Layout, tag: Tag) -> bytes:
    """Append what does not fit into the entry, and return the entry without its number."""
    if tag.below:
        entries = {number: _write_value(file, layout, child) for number, child in tag.below.items()}
        kind = _LONG8 if layout.big else _LONG
        start = _write_directory(file, layout, entries)
        return struct.pack(layout.order + "H" + 2 * layout.offset[1], kind, 1, start)
    item = _ITEM_SIZE[tag.kind]
    data = _swapped(tag.data, item) if layout.order == ">" else tag.data
    count = len(data) // (item * _PER_VALUE.get(tag.kind, 1))
    head = struct.pack(layout.order + "H" + layout.offset[1], tag.kind, count)
    if len(data) <= layout.room:
        return head + data.ljust(layout.room, b"\0")
    start = file.seek(0, 2)
    file.write(data + b"\0" * (len(data) % 2))
    return head + struct.pack(layout.offset, start)


def _write_directory(file: BinaryIO, layout: _Layout, entries: dict[int, bytes]) -> int:
    """Append a directory without a successor and return where it starts."""
    start = file.seek(0, 2)
    file.write(struct.pack(layout.count, len(entries)))
    number = layout.order + "H"
    file.write(b"".join(struct.pack(number, key) + entries[key] for key in sorted(entries)))
    file.write(struct.pack(layout.offset, 0))
    return start


def _swapped(data: bytes, item: int) -> bytes:
    """Return ``data`` with the bytes of each item in reverse order."""
    return b"".join(data[at : at + item][::-1] for at in range(0, len(data), item)) if item > 1 else data
