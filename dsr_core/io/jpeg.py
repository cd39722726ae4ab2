"""JPEG in and out, with every segment that still fits."""

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import cv2
import imagecodecs
import numpy as np

from dsr_core import tifftags
from dsr_core.io import blocks
from dsr_core.io.picture import Block, Picture, UnsuitableError, Wishes
from dsr_core.pixels import Image
from dsr_core.tifftags import Tag, Tags

QUALITY = 95  # little enough is lost that a second generation does not show
_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_APPS = range(0xE0, 0xF0)
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_JFIF, _JFXX, _ADOBE, _PHOTOSHOP, _MPF = b"JFIF\0", b"JFXX\0", b"Adobe", b"Photoshop 3.0\0", b"MPF\0"
_GAIN_MAP = (b"hdrgm:", b"hdr-gain-map", b"urn:iso:std:iso:ts:21496")
_PREVIEW = 0x010000  # kinds of pictures in an MPO, from here to 0x01FFFF
_MOST = 65533  # bytes in a segment
_PER_INCH, _PER_CM = 1, 2
_SAMPLING = {
    (2, 2): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    (2, 1): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    (1, 1): cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_AFTER = (b"", b"\x55" * 64, b"\xaa" * 64)


class _Parsed(NamedTuple):
    """A JPEG's segments before its pixels, its frame (marker, payload), and where its picture ends."""

    segments: list[tuple[int, bytes]]
    frame: tuple[int, bytes]
    end: int | None


def read_jpeg(file: BinaryIO, wishes: Wishes) -> Picture:
    """Read a JPEG, also one that lacks nothing but its end marker.

    Raises
    ------
    UnsuitableError
        CMYK, or a file with further pictures.
    ValueError, RuntimeError
        It is damaged.
    """
    data = file.read()
    parsed = _parse(data)
    marker, frame = parsed.frame
    _, height, width, components = struct.unpack(">BHHB", frame[:6])
    wishes.check_size(width, height)
    if components == 4:  # noqa: PLR2004
        raise UnsuitableError("is CMYK; convert it to RGB or grey first")
    if components not in (1, 3):
        raise UnsuitableError(f"holds {components} channels; save it as grey or RGB")
    notes = _further_pictures(parsed.segments, wishes)
    pixels = _decode(data[: parsed.end], complete=parsed.end is not None)
    if parsed.end is None:
        notes.append("It lacks its end marker; all of the picture is there.")
    kept: list[Block] = []
    for kind, payload in parsed.segments:
        if kind in (*_APPS, _COM) and not payload.startswith((_MPF, _ADOBE, _JFXX)):
            kept.append(Block(f"{kind:02x}", _without_thumbnail(payload)))
    if any(
        payload.startswith(_JFXX) or len(_without_thumbnail(payload)) < len(payload)
        for _, payload in parsed.segments
    ):
        notes.append("The thumbnail in it is left out, for it would still show the dust.")
    bad: list[str] = []
    tags = _tags(kept, bad)
    if bad:
        notes.append(f"Damaged, and carried along as it is: {', '.join(dict.fromkeys(bad))}.")
    sampling = divmod(frame[7], 16) if components == 3 else (1, 1)  # noqa: PLR2004
    saving = {"sampling": _SAMPLING.get(sampling, _SAMPLING[1, 1]), "progressive": marker in _PROGRESSIVE}
    return Picture(pixels, "jpeg", tags, tuple(kept), saving, notes=tuple(notes))


def frame_size(data: bytes) -> tuple[int, int]:
    """Return the width and height that the frame in a JPEG claims, zeros where there is none."""
    for kind, _, payload in _markers(data):
        if kind in _FRAMES and len(payload) >= 5:  # noqa: PLR2004
            height, width = struct.unpack_from(">HH", payload, 1)
            return width, height
    return 0, 0


def write_jpeg(pixels: Image, like: Picture) -> bytes:
    """Return pixels as a JPEG with what ``like`` carries."""
    saving: dict[str, Any] = dict(like.saving) if like.format == "jpeg" else {}
    flags = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, saving.get("sampling", _SAMPLING[1, 1])]
    flags += [cv2.IMWRITE_JPEG_PROGRESSIVE, int(saving.get("progressive", False))]
    shown = pixels if pixels.ndim == 2 or pixels.shape[2] == 1 else pixels[:, :, ::-1]  # noqa: PLR2004
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(shown), flags)
    if not done:
        raise ValueError("OpenCV does not say why")
    data = encoded.tobytes()
    parsed = _parse(data)
    carried = list(like.blocks) if like.format == "jpeg" else _from_tags(like.tags)
    if not any(block.data.startswith(_JFIF) for block in carried):
        carried.insert(0, Block("e0", _JFIF + bytes([1, 1, 0, 0, 1, 0, 1, 0, 0])))
    body = b"".join(_packed(kind, payload) for kind, payload in parsed.segments if kind not in _APPS)
    start = 2 + sum(4 + len(payload) for _, payload in parsed.segments)
    front = b"".join(_packed(int(block.name, 16), block.data) for block in carried)
    return b"\xff\xd8" + front + body + data[start:]


def _packed(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(payload) + 2) + payload


def _parse(data: bytes) -> _Parsed:
    """Take a JPEG apart; ``ValueError`` if it has no frame or no pixels."""
    segments: list[tuple[int, bytes]] = []
    frame, end, scans = None, None, False
    for kind, at, payload in _markers(data):
        if kind == _EOI and scans:
            end = at + 2
            break
        if kind in _FRAMES and frame is None and len(payload) >= 9:  # noqa: PLR2004
            frame = kind, payload
        scans |= kind == _SOS
        if not scans:
            segments.append((kind, payload))
    if frame is None or not scans:
        raise ValueError("the picture in it is missing")
    return _Parsed(segments, frame, end)


def _markers(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield each marker of a JPEG: its kind, where it lies, and its payload."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None:  # past what lies between: pixels, filling
        at = found.start()
        kind = data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4], "big") if kind != _EOI else 0
        yield kind, at, data[at + 4 : at + 2 + length]
        at += 2 + length


def _decode(data: bytes, *, complete: bool) -> Image:
    """Return the pixels; without an end marker only if bytes in its place make no difference to them."""
    if complete:
        pixels: Image = imagecodecs.jpeg8_decode(data)
        return pixels
    first, *others = (imagecodecs.jpeg8_decode(data + more + b"\xff\xd9") for more in _AFTER)
    if not all(np.array_equal(first, other) for other in others):
        raise ValueError("its end is missing")
    return np.asarray(first)


def _further_pictures(segments: list[tuple[int, bytes]], wishes: Wishes) -> list[str]:
    """Say what an MPO or a picture with a gain map will lose, or refuse."""
    index = next((payload[4:] for kind, payload in segments if payload.startswith(_MPF)), None)
    if index is None:
        return []
    if any(word in payload for _, payload in segments for word in _GAIN_MAP):
        return ["Its gain map (for HDR screens) is left out."]
    try:
        entries = next(tag.data for number, tag in _mpf_tags(index).items() if number == 0xB002)  # noqa: PLR2004
    except (StopIteration, ValueError):
        return ["Its index of further pictures is damaged and left out."]
    order = "<" if index[:2] == b"II" else ">"
    kinds = [
        struct.unpack_from(order + "I", entries, at)[0] & 0xFFFFFF for at in range(16, len(entries) - 15, 16)
    ]
    if all(kind >> 16 == _PREVIEW >> 16 for kind in kinds):
        return ["The preview in it is left out, for it would still show the dust."] if kinds else []
    if not wishes.picture_only:
        raise UnsuitableError(
            "holds several pages or frames (MPO); save each as a file of its own first, or use "
            "--picture-only to restore the first and leave out the others"
        )
    return [f"Of its {len(kinds) + 1} pictures only the first is in the result."]


def _mpf_tags(index: bytes) -> Tags:
    return tifftags.read_tags(BytesIO(index))


def _without_thumbnail(payload: bytes) -> bytes:
    if payload.startswith(_EXIF):
        return tifftags.without_thumbnail(payload)
    if payload.startswith(_PHOTOSHOP):
        return _PHOTOSHOP + blocks.photoshop_without_thumbnail(payload.removeprefix(_PHOTOSHOP))
    if payload.startswith(_JFIF) and len(payload) > 14 and payload[12] and payload[13]:  # noqa: PLR2004
        return payload[:12] + b"\0\0"
    return payload


def _tags(kept: list[Block], bad: list[str]) -> Tags:
    """Return what segments say, as tags."""
    tags: Tags = {}
    profile = b""
    for name, data, _ in kept:
        if name == "e0" and data.startswith(_JFIF) and len(data) >= 12:  # noqa: PLR2004
            unit, horizontal, vertical = struct.unpack(">BHH", data[7:12])
            if unit in (_PER_INCH, _PER_CM):
                tags = blocks.resolution_tags(horizontal, vertical, unit + 1) | tags
        elif data.startswith(_EXIF):
            tags = tags | tifftags.from_exif(data, bad)
        elif data.startswith(_XMP):
            tags[tifftags.XMP] = blocks.block_tag(data.removeprefix(_XMP))
        elif data.startswith(_ICC):
            profile += data[len(_ICC) + 2 :]
        elif data.startswith(_PHOTOSHOP):
            tags[tifftags.PHOTOSHOP] = blocks.block_tag(data.removeprefix(_PHOTOSHOP))
            iptc = blocks.iptc_in(data.removeprefix(_PHOTOSHOP))
            if iptc:
                tags[tifftags.IPTC] = blocks.block_tag(iptc)
    if profile:
        tags[tifftags.ICC] = blocks.block_tag(profile)
    return tags


def _from_tags(tags: Tags) -> list[Block]:
    """Return segments that say what the tags of another format do."""
    made = []
    resolution = blocks.resolution_of(tags)
    if resolution is not None:
        dots = [min(round(per_inch), 0xFFFF) for per_inch in resolution]
        made.append(Block("e0", _JFIF + struct.pack(">BBBHHBB", 1, 1, _PER_INCH, *dots, 0, 0)))
    exif = tifftags.to_exif(tags)
    if exif:
        made.append(Block("e1", _EXIF + exif))
    if tifftags.XMP in tags:
        made.append(Block("e1", _XMP + tags[tifftags.XMP].data))
    photoshop = tags.get(tifftags.PHOTOSHOP, Tag(tifftags.UNDEFINED)).data
    if not photoshop and tifftags.IPTC in tags:
        photoshop = blocks.photoshop_with(tags[tifftags.IPTC].data)
    if photoshop:
        made.append(Block("ed", _PHOTOSHOP + photoshop))
    profile = tags[tifftags.ICC].data if tifftags.ICC in tags else b""
    room = _MOST - len(_ICC) - 2
    pieces = [profile[at : at + room] for at in range(0, len(profile), room)]
    made += [Block("e2", _ICC + bytes([n, len(pieces)]) + piece) for n, piece in enumerate(pieces, 1)]
    return [block for block in made if len(block.data) <= _MOST]
