"""TIFF tags as plain data: what image libraries do not carry from one TIFF to the next, EXIF above all.

EXIF in JPEG, PNG and WebP is a small TIFF of its own, so that these functions carry it between formats.
Reference: TIFF 6.0 (Adobe 1992), BigTIFF (Aware Systems 2007), Exif 2.32 (CIPA DC-008).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

COMPRESSION = 259
EXTRA_SAMPLES = 338  # what a further channel means
SUB_IFDS = 330
ICC, XMP, IPTC, PHOTOSHOP = 34675, 700, 33723, 34377
EXIF_IFD, GPS_IFD = 34665, 34853
ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_BELOW = {EXIF_IFD, GPS_IFD, 40965}  # EXIF, GPS, interoperability
_ITEM_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}
_ITEM_SIZE |= {16: 8, 17: 8, 18: 8}  # BigTIFF's own
_PER_VALUE = {5: 2, 10: 2}  # a rational is two numbers
_CLASSIC, _BIG = 42, 43
_LONG8 = 16
_MOST_BYTES = 64 << 20  # a single value larger than this is a damaged file

# Tags that describe how the samples are stored; they belong to the writer of the samples.
STORAGE = frozenset({266, 273, 284, 317, 320, SUB_IFDS, 332, 334, EXTRA_SAMPLES, 339, 347})
STORAGE |= {*range(256, 260), 262, 277, 278, 279, *range(288, 290), 292, 293, *range(322, 326)}
STORAGE |= {*range(512, 522), *range(529, 533), 33421, 33422, 34016, 37724}
# Of a TIFF's first directory, what Exif 2.32 knows as well.
EXIF_IFD0 = frozenset([270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 33432, EXIF_IFD, GPS_IFD])


@dataclass(frozen=True)
class Tag:
    """One entry: its TIFF type, and its bytes in little-endian order or the directory it points to."""

    kind: int
    data: bytes = b""
    below: "Tags" = field(default_factory=dict)

    def numbers(self) -> tuple[int, ...]:
        """Return the values of whole numbers; a rational is two."""
        item = _ITEM_SIZE[self.kind]
        return tuple(
            int.from_bytes(self.data[at : at + item], "little") for at in range(0, len(self.data), item)
        )


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

    @property
    def entry(self) -> int:
        return 4 + 2 * self.room


def read_tags(file: BinaryIO, start: int | None = None, bad: list[str] | None = None) -> Tags:
    """Return the tags of a TIFF's directory, and those of the directories that EXIF hangs below it.

    Parameters
    ----------
    file
        The whole TIFF.
    start
        Where the directory lies; the first one if it is not given.
    bad
        Gets a few words for each tag that could not be read and is left out.

    Raises
    ------
    ValueError
        This is not a TIFF, or the directory itself is damaged.
    """
    try:
        layout, first = _read_header(file)
        entries = _raw_entries(file, layout, first if start is None else start)
    except (struct.error, OverflowError, OSError) as error:
        raise ValueError("truncated TIFF directory") from error
    return _parse(file, layout, entries, [] if bad is None else bad, depth=0)


def replace_tags(file: BinaryIO, pages: Sequence[Tags]) -> None:
    """Give each of a TIFF's directories the tags of a picture, beside those of its samples' storage.

    The file must be open for reading and writing; new directories are appended and the old ones left unused.
    """
    layout, at = _read_header(file)
    pointer = 8 if layout.big else 4
    for tags in pages:
        stored = _raw_entries(file, layout, at)
        entries = {number: entry for number, entry in stored.items() if number in STORAGE}
        (following,) = struct.unpack(layout.offset, file.read(layout.room))
        end = file.seek(0, 2)
        file.write(b"\0" * (end % 2))
        for number, tag in tags.items():
            if number not in STORAGE or (number == EXTRA_SAMPLES and number in stored):
                entries[number] = _write_value(file, layout, tag)
        start = _write_directory(file, layout, entries, following)
        file.seek(pointer)
        file.write(struct.pack(layout.offset, start))
        pointer, at = start + struct.calcsize(layout.count) + len(entries) * layout.entry, following


def to_exif(tags: Tags) -> bytes:
    """Return the tags that EXIF knows as a TIFF block, ``b""`` if there are none."""
    chosen = {number: tag for number, tag in tags.items() if number in EXIF_IFD0}
    if not chosen:
        return b""
    layout = _Layout("<", big=False)
    file = BytesIO()
    file.write(struct.pack("<2sHI", b"II", _CLASSIC, 0))
    entries = {number: _write_value(file, layout, tag) for number, tag in chosen.items()}
    start = _write_directory(file, layout, entries)
    file.seek(4)
    file.write(struct.pack("<I", start))
    return file.getvalue()


def from_exif(block: bytes, bad: list[str]) -> Tags:
    """Return the tags of an EXIF block, the inverse of `to_exif`; ``bad`` gets what cannot be read."""
    try:
        tags = read_tags(BytesIO(block.removeprefix(b"Exif\0\0")), bad=bad)
    except ValueError as error:
        bad.append(f"the EXIF block ({error})")
        return {}
    return {number: tag for number, tag in tags.items() if number in EXIF_IFD0}


def without_thumbnail(block: bytes) -> bytes:
    """Return an EXIF block without its second directory and the thumbnail in it; all else stays in place."""
    head = len(block) - len(block.removeprefix(b"Exif\0\0"))
    file = BytesIO(block[head:])
    try:
        layout, first = _read_header(file)
        length = len(_raw_entries(file, layout, first))
        pointer = first + struct.calcsize(layout.count) + length * layout.entry
        (second,) = struct.unpack(layout.offset, file.read(layout.room))
        entries = _raw_entries(file, layout, second) if second else {}
    except (ValueError, struct.error, OverflowError):
        return block
    if not second:
        return block
    result = bytearray(block)
    pointer += head
    result[pointer : pointer + layout.room] = bytes(layout.room)
    if 513 in entries and 514 in entries:  # noqa: PLR2004 -- where the thumbnail lies and how long it is
        start, size = (struct.unpack(layout.offset, entries[n][-layout.room :])[0] for n in (513, 514))
        start += head
        end = min(start + size, len(result))
        if start + size >= len(result) and start > pointer:
            del result[start:]
        elif start > pointer:
            result[start:end] = bytes(end - start)
    return bytes(result)


def number_of(tags: Tags, number: int, default: int) -> int:
    """Return the first value of a SHORT or LONG tag."""
    values = tags[number].numbers() if number in tags else ()
    return values[0] if values else default


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
    if length > 1 << 16:
        raise ValueError("impossible TIFF directory")
    size = layout.entry
    block = file.read(length * size)
    if len(block) < length * size:
        raise ValueError("truncated TIFF directory")
    starts = range(0, len(block), size)
    return {struct.unpack_from(layout.order + "H", block, at)[0]: block[at + 2 : at + size] for at in starts}


def _parse(file: BinaryIO, layout: _Layout, entries: dict[int, bytes], bad: list[str], depth: int) -> Tags:
    tags: Tags = {}
    for number, entry in entries.items():
        try:
            kind, data = _value(file, layout, entry)
            if number in _BELOW:
                if depth < len(_BELOW):  # a damaged file may point in circles
                    raw = _raw_entries(file, layout, int.from_bytes(data, "little"))
                    below = _parse(file, layout, raw, bad, depth + 1)
                    if below:
                        tags[number] = Tag(kind, below=below)
            else:
                tags[number] = Tag(kind, data)
        except (ValueError, OverflowError, OSError, struct.error):
            if number not in STORAGE:  # the reader of the samples complains about these
                bad.append(f"tag {number}")
    return tags


def _value(file: BinaryIO, layout: _Layout, entry: bytes) -> tuple[int, bytes]:
    """Return the type of an entry and its value's bytes, little-endian."""
    (kind,) = struct.unpack_from(layout.order + "H", entry)
    (count,) = struct.unpack_from(layout.offset, entry, 2)
    value = entry[2 + layout.room :]
    if kind not in _ITEM_SIZE:
        raise ValueError("unknown type of tag")
    item = _ITEM_SIZE[kind]
    length = item * _PER_VALUE.get(kind, 1) * count
    if length > _MOST_BYTES:
        raise ValueError("impossible TIFF directory")
    if length > layout.room:
        file.seek(struct.unpack(layout.offset, value)[0])
        value = file.read(length)
        if len(value) < length:
            raise ValueError("truncated TIFF directory")
    return kind, _swapped(value[:length], item) if layout.order == ">" else value[:length]


def _write_value(file: BinaryIO, layout: _Layout, tag: Tag) -> bytes:
    """Append what does not fit into the entry, and return the entry without its number."""
    if tag.below:
        entries = {number: _write_value(file, layout, child) for number, child in tag.below.items()}
        kind = _LONG8 if layout.big else LONG
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


def _write_directory(file: BinaryIO, layout: _Layout, entries: dict[int, bytes], following: int = 0) -> int:
    """Append a directory and return where it starts."""
    start = file.seek(0, 2)
    file.write(struct.pack(layout.count, len(entries)))
    number = layout.order + "H"
    file.write(b"".join(struct.pack(number, key) + entries[key] for key in sorted(entries)))
    file.write(struct.pack(layout.offset, following))
    return start


def _swapped(data: bytes, item: int) -> bytes:
    """Return ``data`` with the bytes of each item in reverse order."""
    return b"".join(data[at : at + item][::-1] for at in range(0, len(data), item)) if item > 1 else data
