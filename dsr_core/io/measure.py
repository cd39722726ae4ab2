"""How large a picture is, without decoding it."""

from pathlib import Path

from dsr_core.errors import DsrError
from dsr_core.io.picture import UnsuitableError, Wishes
from dsr_core.io.reader import read_picture


class _Measured(UnsuitableError):  # noqa: N818 -- no fault of the file's
    """The size of a picture, told instead of decoding it."""


class _Measure(Wishes):
    """What every reader asks before it takes memory for a picture."""

    def check_size(self, width: int, height: int) -> None:
        raise _Measured(width * height)


def pixels_in(source: Path, wishes: Wishes) -> int:
    """Return how many pixels a file says that its picture has, 0 if it cannot be read."""
    try:
        read_picture(source, _Measure(*wishes))
    except DsrError as error:
        if isinstance(error.__cause__, _Measured):
            size: int = error.__cause__.args[0]
            return size
    return 0
