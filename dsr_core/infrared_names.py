"""By which names an infrared scan is known; standard library alone, because GIMP's plug-in shares it."""

import re

AUTO, OFF = "auto", "off"
"""To look for it by its name, and to leave it aside."""
ENDINGS = ("_ir", "-ir", ".ir", "_infrared", "-infrared")
"""Of a file's name, before its kind: ``scan_ir.tif`` is the infrared scan of ``scan.tif``."""
_NAMES = ("ir", "infrared")
_KIND = re.compile(r"\.(tiff?|png|jpe?g|dng|xcf)$")


def seems_infrared(name: str, *scans: str) -> bool:
    """Tell whether a layer is by its name the infrared scan of one of these layers or files."""
    plain, *others = (_KIND.sub("", each.casefold()) for each in (name, *scans))
    endings = (*ENDINGS, *(f" {each}" for each in _NAMES))
    return plain in _NAMES or any(plain == other + ending for other in others for ending in endings)
