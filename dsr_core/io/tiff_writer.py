"""TIFF out: compressed as the input was if that loses nothing, with its tags and further pages."""

from pathlib import Path
from typing import Any

import tifffile

from dsr_core.io.picture import Picture
from dsr_core.pixels import Image, colour
from dsr_core.tifftags import replace_tags

_CLASSIC_BYTES = 3_900_000_000  # offsets have 32 bits; the rest is for tags
_PREDICTABLE = ("lzw", "deflate", "zstd", "lzma")
_PLAIN: dict[str, Any] = {"compression": "deflate", "predictor": True}


def write_tiff(path: Path, pixels: Image, like: Picture) -> None:
    """Write pixels with the tags of ``like``, and its further pages.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    saving = dict(like.saving) if like.format == "tiff" and like.saving else _PLAIN
    pages = [(pixels, saving), *((page.pixels, dict(page.saving)) for page in like.pages)]
    big = saving.get("bigtiff", False) or sum(each.nbytes for each, _ in pages) > _CLASSIC_BYTES
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=saving.get("byteorder", "<")) as tiff:
        for each, how in pages:
            tiff.write(each, **_arguments(each, how))
    with path.open("r+b") as file:
        replace_tags(file, [like.tags, *(page.tags for page in like.pages)])


def _arguments(pixels: Image, saving: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for tifffile's writer."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]  # noqa: PLR2004
    rgb = saving.get("rgb", True) and colour(pixels).shape[2] > 1
    grey = "miniswhite" if saving.get("white_is_zero") else "minisblack"
    further = channels - (3 if rgb else 1)
    known = saving.get("extra", ())
    compression = saving["compression"]
    predictor: bool | int = bool(saving["predictor"]) and compression in _PREDICTABLE
    return {
        "photometric": "rgb" if rgb else grey,
        "planarconfig": "contig" if channels > 1 else None,
        "extrasamples": (known if len(known) == further else (2,) * further) or None,
        "compression": None if compression == "none" else compression,
        "predictor": predictor,
        "tile": saving.get("tile"),
        "metadata": None,
        "software": False,
    }
