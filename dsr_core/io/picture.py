"""What a file holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dsr_core.coding import Coding
from dsr_core.io.kinds import FORMATS
from dsr_core.pixels import Image
from dsr_core.tifftags import Tags


class Block(NamedTuple):
    """A part of a file that goes along as it is: a PNG chunk, a JPEG segment, a WebP chunk."""

    name: str
    data: bytes
    late: bool = False
    """Whether it lies behind the pixels."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What a file holds.

    Parameters
    ----------
    pixels
        ``(H, W[, C])`` as stored, alpha included.
    format
        ``"tiff"``, ``"png"``, ``"jpeg"``, ``"webp"``, or one that is only read: ``"bmp"``, ``"pnm"``,
        ``"jp2"``.
    tags
        TIFF and EXIF tags, profile, XMP, IPTC and resolution among them, whatever the format is.
    blocks
        What else the file carries; it goes into a file of the same format as it came.
    saving
        How the file is compressed, in the words of that format's writer.
    coding
        Which numbers mean black and white; ``None`` for the usual ones.
    linear
        Whether the file says that its samples are linear light.
    pages
        Further pages that go along to the bit, such as an infrared picture.
    notes
        Sentences for the user: what was assumed, what will be left out.
    """

    pixels: Image
    format: str
    tags: Tags = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    saving: Mapping[str, Any] = field(default_factory=dict)
    coding: Coding | None = None
    linear: bool = False
    pages: tuple["Picture", ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def form_to_write(self) -> str:
        """The format of a result where nobody has named one: the same, or TIFF where that is only read."""
        return self.format if self.format in FORMATS.values() else "tiff"


class UnsuitableError(Exception):
    """A good file that this filter cannot treat; the message says what is the matter, and what helps."""


class Wishes(NamedTuple):
    """What the caller has said about reading.

    Parameters
    ----------
    picture_only
        Layers and further pictures may be left out.
    most_pixels
        A picture that claims more is refused before memory is taken for it.
    bilevel
        Pictures of 1 bit a pixel are read, too, as 8 bits: masks may be such.
    """

    picture_only: bool = False
    most_pixels: int = 1_000_000_000
    bilevel: bool = False

    def check_size(self, width: int, height: int) -> None:
        """Refuse a picture that claims to be larger than expected, or that has no pixels."""
        if width < 1 or height < 1:
            raise ValueError(f"it claims to be {width} x {height} pixels")
        if width * height > self.most_pixels:
            raise UnsuitableError(
                f"claims {width} x {height} pixels, more than {self.most_pixels / 1e6:g} million; "
                "if that is true, raise --most-megapixels"
            )
