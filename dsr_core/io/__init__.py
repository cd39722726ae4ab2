"""Image files in and out, with everything that they carry beside their pixels.

The EXIF orientation is kept, not applied: the stored rows stay where they are, the tag goes along, and masks
get it too, so that every viewer shows picture and mask the same way up.
"""

from dsr_core.io.kinds import FORMATS
from dsr_core.io.picture import Picture, Wishes
from dsr_core.io.reader import read_picture
from dsr_core.io.writer import check_mask_target, check_target, losses, write_mask, write_picture, write_plain

__all__ = [
    "FORMATS",
    "Picture",
    "Wishes",
    "check_mask_target",
    "check_target",
    "losses",
    "read_picture",
    "write_mask",
    "write_picture",
    "write_plain",
]
