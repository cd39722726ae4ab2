"""What a person can choose about a restoration."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from dsr_core.errors import DsrError

POLARITIES = ("auto", "bright", "dark", "both")
PROVIDERS = ("auto", "cuda", "cpu")
_LIMITS: dict[str, tuple[int, int]] = {
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
        ``"bright"`` or ``"dark"`` repairs only defects brighter or darker than what they cover, ``"both"``
        all of them; ``"auto"`` keeps clear defects and drops faint ones that are of the other kind than
        nearly all others.
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
            value: Any = getattr(self, name)
            whole = isinstance(getattr(type(self), name), int)
            number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if not (number and low <= value <= high):
                kind = "a whole number" if whole else "a number"
                raise DsrError(f"{name} must be {kind} from {low} to {high}, not {value!r}.")
        if self.polarity not in POLARITIES:
            raise DsrError(f"polarity must be one of {', '.join(POLARITIES)}, not {self.polarity!r}.")
        if 0 < self.max_size < self.min_size:
            raise DsrError(
                f"max_size ({self.max_size}) must be 0 (no limit) or at least min_size ({self.min_size})."
            )
