"""How large something is on the film, by the resolution that a file states."""

from pathlib import Path

from dsr_core.errors import DsrError
from dsr_core.io.blocks import resolution_of
from dsr_core.io.picture import Picture
from dsr_core.options import Options


def limited_on_film(
    options: Options, smallest: float, largest: float, picture: Picture, source: Path
) -> tuple[Options, str]:
    """Return options with limits for a defect's size in micrometres of film, and a sentence.

    Parameters
    ----------
    options, smallest, largest
        As for `Options.in_micrometres`.
    picture, source
        The scan and its file.

    Raises
    ------
    DsrError
        The file does not state its resolution.
    """
    resolution = resolution_of(picture.tags)
    if resolution is None:
        raise DsrError(
            f"{source} does not say its resolution, which --size-um needs; use --min-size and --max-size."
        )
    per_inch = sum(resolution) / 2
    limited = options.in_micrometres(smallest, largest, per_inch)
    pixels = f"--min-size {limited.min_size} --max-size {limited.max_size}"
    return limited, f"At {per_inch:.0f} pixels per inch, --size-um is {pixels}."
