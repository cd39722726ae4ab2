"""The pages of a TIFF: which of them is the scan, what the others are."""

from collections.abc import Iterator
from typing import NamedTuple

import tifffile

from dsr_core.io.picture import UnsuitableError, Wishes

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_SUBFILE_TYPE, _OLD_REDUCED = 255, 2
_ALIKE = 0.04  # how much the sides of a thumbnail may differ in proportion from those of its scan
_LAYERS = 37724  # Photoshop's ImageSourceData
_SIZES = ("imagewidth", "imagelength", "tilewidth", "tilelength", "rowsperstrip", "samplesperpixel")
_MOST_PAGES = 10_000

Page = tifffile.TiffPage


class Pages(NamedTuple):
    """The pages of a file by what becomes of them.

    Parameters
    ----------
    scan
        The largest.
    kept
        Those that go along to the bit: an infrared picture, a mask.
    notes
        What is left out, in sentences.
    """

    scan: Page
    kept: list[Page]
    notes: list[str]


def sort_pages(tiff: tifffile.TiffFile, wishes: Wishes) -> Pages:
    """Find the scan among the pages of a TIFF, and say what becomes of the others.

    Raises
    ------
    UnsuitableError
        Pictures or layers would be lost, and nobody has asked for that.
    """
    pages = list(_all_pages(tiff))
    if not pages:
        raise ValueError("there is no picture in it")
    scan = max(pages, key=_area)
    others = [page for page in pages if page is not scan]
    small = [page for page in others if _is_thumbnail(page, scan)]
    kept = [page for page in others if page not in small and _belongs_to(page, scan)]
    lost = [page for page in others if page not in small and page not in kept]
    notes = []
    if lost and not wishes.picture_only:
        raise UnsuitableError(
            "holds several pages or frames; save each as a file of its own first, or use --picture-only "
            "to restore the largest and leave out the others"
        )
    if lost:
        notes.append(f"Of its {len(pages)} pictures only the largest is in the result.")
    if _LAYERS in scan.tags or any(_LAYERS in page.tags for page in pages):
        if not wishes.picture_only:
            raise UnsuitableError(
                "holds layers, which would still show the dust; flatten it, or use --picture-only "
                "to restore the picture and leave out the layers"
            )
        notes.append("Its layers are left out.")
    if small:
        notes.append("The thumbnail of the scan is left out, for it would still show the dust.")
    return Pages(scan, kept, notes)


def _all_pages(tiff: tifffile.TiffFile) -> Iterator[Page]:
    """Yield every page that holds a picture, those below others included."""
    waiting, seen = list(tiff.pages), set[int]()
    while waiting and len(seen) < _MOST_PAGES:
        page = waiting.pop(0)
        if not isinstance(page, Page) or page.offset in seen:
            continue
        seen.add(page.offset)
        if page.subifds and page.pages is not None:
            waiting += list(page.pages)
        if _area(page) > 0:
            yield page


def _area(page: Page) -> int:
    sizes = [getattr(page, name) for name in _SIZES]
    if not all(isinstance(size, int) for size in sizes):  # a tuple, times a number, would take all memory
        raise ValueError("a size in it is no number")
    return page.imagewidth * page.imagelength


def _is_thumbnail(page: Page, scan: Page) -> bool:
    if page.subfiletype & _MASK:
        return False
    old = page.tags.get(_SUBFILE_TYPE)
    if page.subfiletype & _REDUCED or (old is not None and old.value == _OLD_REDUCED):
        return True
    wide, high = page.imagewidth / scan.imagewidth, page.imagelength / scan.imagelength
    return max(wide, high) <= 0.5 and abs(wide / high - 1) <= _ALIKE  # noqa: PLR2004


def _belongs_to(page: Page, scan: Page) -> bool:
    """Return whether a page is a plane of the same scan: as large, with one sample a pixel, not three."""
    same = (page.imagewidth, page.imagelength) == (scan.imagewidth, scan.imagelength)
    planes = page.samplesperpixel == 1 and scan.samplesperpixel > 1
    return same and (planes or bool(page.subfiletype & _MASK))
