"""What a person can choose about a restoration; the only place that knows limits, choices and help.

The command line, the dock in napari and the dialog in GIMP make their fields from `described`: another option
is another field of `Options`, and the code that applies it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any

from dsr_core.errors import DsrError

PROVIDERS = ("auto", "cuda", "openvino", "directml", "coreml", "migraphx", "cpu")
_MICROMETRES = 25_400  # of an inch
_MOST_PIXELS = 1_000_000  # that a size may be limited to


@dataclass(frozen=True)
class Described:
    """An option as a front end shows it.

    Parameters
    ----------
    help
        What it does, as part of a sentence.
    label
        Its name in a dialog; an underscore stands before the letter that selects it with Alt.
    group
        The part of the dialog it belongs to: ``"find"`` or ``"repair"``.
    low, high
        Limits of a number, both allowed.
    unit
        Of a number, ``""`` or ``"px"``.
    choices
        Of a text: each value with its name in a dialog.
    name, default
        Filled in by `described`; an ``int`` takes whole numbers, a ``float`` any.
    """

    help: str
    label: str
    group: str
    low: float = 0
    high: float = 1
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    default: Any = None


def _option(default: Any, **description: Any) -> Any:
    return field(default=default, metadata=description)


@dataclass(frozen=True)
class Options:
    """How the network's output becomes a mask; its field names are the command line's flags.

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
    lights
        ``"repair"`` or ``"keep"`` round bright specks with soft edges, as lamps, stars and snow have.
    kinds
        ``"all"``, or one kind alone: ``"specks"``, ``"hairs"``, ``"scratches"``, ``"others"``.
    dense
        ``"keep"`` or ``"repair"`` where implausibly much is taken for damage (8 % of a picture, 25 % of a
        tile) or the picture is a regular screen of dots.
    grow
        Pixels that the found damage is widened by, because its edge is blurred by the scanner.
    feather
        Width in pixels of the soft edge, which lies inside the mask.

    Raises
    ------
    DsrError
        A value is out of its range.
    """

    sensitivity: float = _option(
        0.5, group="find", label="S_ensitivity", help="how much is taken for damage: more finds more"
    )
    polarity: str = _option(
        "auto",
        group="find",
        label="Polarit_y",
        help="repair defects brighter or darker than what they cover; auto drops faint ones of a rare kind",
        choices={
            "auto": "Automatic",
            "bright": "Bright only",
            "dark": "Dark only",
            "both": "Bright and dark",
        },
    )
    min_size: int = _option(
        0,
        group="find",
        label="Smallest si_ze",
        help="leave smaller defects alone; 0 is no limit",
        high=_MOST_PIXELS,
        unit="px",
    )
    max_size: int = _option(
        0,
        group="find",
        label="Lar_gest size",
        help="leave larger defects alone; 0 is no limit",
        high=_MOST_PIXELS,
        unit="px",
    )
    lights: str = _option(
        "repair",
        group="find",
        label="L_ights",
        help="keep leaves round bright specks with soft edges alone: lamps, stars, snow",
        choices={"repair": "Repair", "keep": "Keep"},
    )
    kinds: str = _option(
        "all",
        group="find",
        label="_Kinds",
        help="repair defects of one kind alone, told by their shape",
        choices={
            "all": "All",
            "specks": "Specks",
            "hairs": "Hairs and fibres",
            "scratches": "Scratches",
            "others": "Others",
        },
    )
    dense: str = _option(
        "keep",
        group="find",
        label="Dense _places",
        help="keep leaves alone where implausibly much looks damaged: print, paint, fields of stars",
        choices={"keep": "Keep", "repair": "Repair"},
    )
    grow: int = _option(
        1,
        group="repair",
        label="Gro_w",
        help="how far a repair reaches beyond what was found",
        high=100,
        unit="px",
    )
    feather: float = _option(
        1.0, group="repair", label="So_ften", help="width of a repair's soft edge", high=100, unit="px"
    )

    def __post_init__(self) -> None:
        for option in described():
            value = getattr(self, option.name)
            if option.choices:
                if value not in option.choices:
                    known = ", ".join(option.choices)
                    raise DsrError(f"{option.name} must be one of {known}, not {value!r}.")
                continue
            whole = isinstance(option.default, int)
            number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
            if not (number and option.low <= value <= option.high):
                kind = "a whole number" if whole else "a number"
                limits = f"from {option.low} to {option.high}"
                raise DsrError(f"{option.name} must be {kind} {limits}, not {value!r}.")
        if 0 < self.max_size < self.min_size:
            raise DsrError(
                f"max_size ({self.max_size}) must be 0 (no limit) or at least min_size ({self.min_size})."
            )

    def in_micrometres(self, smallest: float, largest: float, per_inch: float) -> "Options":
        """Return the same with limits for a defect's size that are given on the film; 0 is no limit.

        Parameters
        ----------
        smallest, largest
            Micrometres.
        per_inch
            Pixels per inch of film.

        Raises
        ------
        DsrError
            The largest is smaller than the smallest.
        """
        least, most = (
            min(max(round(size * per_inch / _MICROMETRES), 1), _MOST_PIXELS) if size else 0
            for size in (smallest, largest)
        )
        return replace(self, min_size=least, max_size=most)


def in_words(message: str) -> str:
    """Return a message about options with their names as they stand beside the fields of a dialog."""
    for option in described():
        name = option.label.replace("_", "")
        message = re.sub(rf"(?<!^)\b{option.name}\b", name.lower(), message)
        message = re.sub(rf"^{option.name}\b", name, message)
    return message


def in_flags(message: str) -> str:
    """Return a message about options with their names as the command line has them."""
    names = "|".join(option.name for option in described())
    return re.sub(rf"\b({names})\b", lambda found: f"--{found[0].replace('_', '-')}", message)


def described() -> list[Described]:
    """Return every option with its limits, choices and help, in the order in which they are shown."""
    return [
        Described(**option.metadata, name=option.name, default=option.default) for option in fields(Options)
    ]
