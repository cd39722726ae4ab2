"""An image file in: which reader takes it, and what is said if none can."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from dsr_core import tifftags
from dsr_core.coding import Coding, guess
from dsr_core.errors import DsrError, PassedOverError
from dsr_core.io import jpeg, others, png, tiff_reader, webp
from dsr_core.io.blocks import without_thumbnails
from dsr_core.io.kinds import APPLE_DOUBLE, kind_of, other_kind
from dsr_core.io.picture import Picture, UnsuitableError, Wishes
from dsr_core.io.profile import is_linear

_READERS: dict[str, Callable[[BinaryIO, Wishes], Picture]] = {
    "tiff": tiff_reader.read_tiff,
    "png": png.read_png,
    "jpeg": jpeg.read_jpeg,
    "webp": webp.read_webp,
    "pnm": others.read_pnm,
    "bmp": others.read_bmp,
    "jp2": others.read_jp2,
}


def read_picture(
    source: Path | bytes, wishes: Wishes | None = None, *, white: float | None = None
) -> Picture:
    """Read an image file: TIFF, PNG, JPEG, WebP, PNM, BMP or JPEG 2000, whatever its name says.

    Parameters
    ----------
    source
        The file's path, or what is in it.
    wishes
        What may be left out, and how large the picture may be.
    white
        The number that means white, if it is known.

    Raises
    ------
    DsrError
        There is no such file, it is damaged, or it holds what this filter cannot treat without changing its
        meaning.
    """
    if isinstance(source, bytes):
        return _read(BytesIO(source), "The input", wishes or Wishes(), white)
    if source.is_dir():
        raise DsrError(f"{source} is a folder; give one of the files in it.")
    try:
        with source.open("rb") as file:
            return _read(file, str(source), wishes or Wishes(), white)
    except FileNotFoundError as error:
        raise DsrError(f"There is no file {source}; check the name.") from error
    except OSError as error:
        raise DsrError(f"{source} cannot be read ({error.strerror}); check its permissions.") from error


def _read(file: BinaryIO, name: str, wishes: Wishes, white: float | None) -> Picture:
    start = file.read(32)
    if not start:
        raise DsrError(f"{name} is empty; scan or export it again.")
    if start.startswith(APPLE_DOUBLE):
        raise PassedOverError(f"{name} is not a picture but what a Mac stores beside one; it is passed over.")
    reader = _READERS.get(kind_of(start))
    if reader is None:
        what = other_kind(start)
        if what:
            raise DsrError(f"{name} is {what}, which is not read; convert it to TIFF, PNG or JPEG first.")
        raise DsrError(f"{name} is not an image that can be read; give a TIFF, PNG, JPEG or WebP file.")
    file.seek(0)
    try:
        picture = reader(file, wishes)
    except UnsuitableError as error:
        raise DsrError(f"{name} {error}.") from error
    except MemoryError as error:
        raise DsrError(f"{name} is too large for this machine's memory; cut it into parts.") from error
    except OSError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = (
            str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        )
        raise DsrError(f"{name} is damaged ({reason}); scan or export it again.") from error
    return _understood(picture, white)


def _understood(picture: Picture, white: float | None) -> Picture:
    """Return a picture with what its profile says and what the caller knows."""
    tags = without_thumbnails(picture.tags)
    notes, linear, coding = picture.notes, picture.linear, picture.coding
    if tifftags.ICC in tags and not linear:
        linear = is_linear(tags[tifftags.ICC].data)
    if linear:
        notes = (
            *notes,
            "The samples are taken for linear light, as the file says; --no-linear treats them as they are.",
        )
    if coding is None:
        coding, note = guess(picture.pixels)
        notes = (*notes, note) if note else notes
    if white is not None:
        notes = tuple(note for note in notes if "--white" not in note)
        inverted = coding.black > coding.white
        coding = Coding(0.0, white) if inverted else Coding(white, premultiplied=coding.premultiplied)
    return replace(picture, tags=tags, notes=notes, linear=linear, coding=coding)
