"""What a person can choose about a restoration."""

import math
from dataclasses import dataclass
from numbers import Integral, Real

from dsr_core.errors import DsrError

POLARITIES = ("auto", "bright", "dark", "both")
_LIMITS: dict[str, tuple[float, float]] = {
    "sensitivity": (0, 1),
    "min_size": (0, 1_000_000),
    "max_size": (0, 1_000_000),
    "grow": (0, 100),
    "feather": (0, 100),
}


@dataclass(frozen=True)
class Options:
    """How the network's findings become a mask; its field names are the command line's flags.

    Parameters
    ----------
    sensitivity
        0 to 1; a higher value takes more for damage.
    polarity
        ``"bright"`` or ``"dark"`` repairs only defects brighter or darker than what they cover, ``"both"`` all of
        them; ``"auto"`` keeps clear defects and drops faint ones that are of the other kind than nearly all others.
    min_size, max_size
        Limits for the longer side of a defect's bounding box, in pixels; 0 is no limit.
    grow
        Pixels that the found damage is widened by, because its edge is blurred by the scanner.
    feather
        Width in pixels of the soft edge, which lies inside the mask.

    Raises
    ------
    DsrError
        A value is out of its range.
    """

    sensitivity: float = 0.5
    polarity: str = "auto"
    min_size: int = 0
    max_size: int = 0
    grow: int = 1
    feather: float = 1.0

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            whole = isinstance(getattr(type(self), name), int)
            if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
                kind = "a whole number" if whole else "a number"
                raise DsrError(f"{name} must be {kind} from {low:g} to {high:g}, not {value!r}.")
            if not (math.isfinite(value) and low <= value <= high):
                raise DsrError(f"{name} must lie between {low:g} and {high:g}, not at {value}.")
        if self.polarity not in POLARITIES:
            raise DsrError(f"polarity must be one of {', '.join(POLARITIES)}, not {self.polarity!r}.")
        if 0 < self.max_size < self.min_size:
            raise DsrError(
                f"max_size ({self.max_size}) must not be smaller than min_size ({self.min_size}); 0 is no limit."
            )
