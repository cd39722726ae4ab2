"""What JPEG, PNG and WebP carry, as the TIFF tags that all formats share, and back."""

import struct
from collections.abc import Iterable

from dsr_core import tifftags
from dsr_core.tifftags import Tag, Tags

_PHOTOSHOP_IPTC = 1028
_PHOTOSHOP_THUMBNAILS = (1033, 1036)
_UNDEFINED = tifftags.UNDEFINED
_INCH, _CENTIMETRE = 2, 3
_PER_INCH = {_INCH: 1.0, _CENTIMETRE: 2.54}


def block_tag(data: bytes) -> Tag:
    """Return a tag that holds bytes."""
    return Tag(_UNDEFINED, data)


def resolution_tags(horizontal: int, vertical: int, unit: int, scale: int = 1) -> Tags:
    """Return the tags for a resolution in pixels per ``scale`` units; 2 is inch, 3 centimetre."""
    if not horizontal or not vertical:
        return {}
    return {
        tifftags.X_RESOLUTION: Tag(tifftags.RATIONAL, struct.pack("<II", horizontal, scale)),
        tifftags.Y_RESOLUTION: Tag(tifftags.RATIONAL, struct.pack("<II", vertical, scale)),
        tifftags.RESOLUTION_UNIT: Tag(tifftags.SHORT, struct.pack("<H", unit)),
    }


def resolution_of(tags: Tags) -> tuple[float, float] | None:
    """Return pixels per inch, horizontally and vertically; ``None`` where the tags have no such thing."""
    per_inch = _PER_INCH.get(tifftags.number_of(tags, tifftags.RESOLUTION_UNIT, _INCH))
    result = []
    for number in (tifftags.X_RESOLUTION, tifftags.Y_RESOLUTION):
        tag = tags.get(number)
        if tag is None or tag.kind != tifftags.RATIONAL or len(tag.data) < 8 or not per_inch:  # noqa: PLR2004
            return None
        over, under = struct.unpack("<II", tag.data[:8])
        if not over or not under:
            return None
        result.append(over / under * per_inch)
    return result[0], result[1]


def photoshop_parts(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Return Photoshop's image resources: number, the whole part, and what it holds."""
    parts, at = [], 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        (number,) = struct.unpack_from(">H", data, at + 4)
        name = (data[at + 6] + 2) // 2 * 2
        if at + 10 + name > len(data):
            break
        (length,) = struct.unpack_from(">I", data, at + 6 + name)
        start = at + 10 + name
        end = start + length + length % 2
        parts.append((number, data[at:end], data[start : start + length]))
        at = end
    return parts


def photoshop_without_thumbnail(data: bytes) -> bytes:
    """Return Photoshop's resources without the thumbnails in them; what is not understood stays as it is."""
    parts = photoshop_parts(data)
    if not any(number in _PHOTOSHOP_THUMBNAILS for number, _, _ in parts):
        return data
    return b"".join(part for number, part, _ in parts if number not in _PHOTOSHOP_THUMBNAILS)


def iptc_in(photoshop: bytes) -> bytes:
    """Return the IPTC block among Photoshop's resources, ``b""`` if there is none."""
    return next((data for number, _, data in photoshop_parts(photoshop) if number == _PHOTOSHOP_IPTC), b"")


def photoshop_with(iptc: bytes) -> bytes:
    """Return Photoshop's resources that hold nothing but an IPTC block."""
    head = b"8BIM" + struct.pack(">HHI", _PHOTOSHOP_IPTC, 0, len(iptc))
    return head + iptc + b"\0" * (len(iptc) % 2)


def without_thumbnails(tags: Tags) -> Tags:
    """Return the tags of a file without the thumbnails in them."""
    photoshop = tags.get(tifftags.PHOTOSHOP)
    if photoshop is None:
        return tags
    return tags | {tifftags.PHOTOSHOP: Tag(photoshop.kind, photoshop_without_thumbnail(photoshop.data))}


def names_of(numbers: Iterable[int]) -> str:
    """Return tags for a sentence, by name where they have one that people know."""
    known = {
        297: "PageNumber",
        301: "TransferFunction",
        tifftags.IPTC: "IPTC",
        tifftags.PHOTOSHOP: "Photoshop",
    }
    known |= {318: "WhitePoint", 319: "PrimaryChromaticities"}
    return ", ".join(known.get(number, str(number)) for number in sorted(numbers))
