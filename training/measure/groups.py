"""The groups of validation pairs: what sets each apart, and the simulators that they are made by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training.damage import Conditions, FilmDamage
from training.damage.atlas import Atlas
from training.damage.details import detail_plates
from training.damage.plates import mirrored_over, outline_plate, procedural_plate

FRAMES = ("08", "10")
"""Real frames kept for validation."""

SCALES = (0.25, 0.5, 1.0)
"""Size of the damage against a 3600 dpi scan: 900, 1800 and 3600 dpi."""

_PLAIN: dict[str, Any] = {"clean": 0.0, "details": 0.0, "scratches": 0.0, "amount": (0.7, 1.0)}

_POINTS: dict[str, Any] = {
    **_PLAIN,
    "amount": (0.0, 0.0),
    "points": 1.0,
    "point_density": (2e-2, 4e-2),
    "point_growth": (0.0, 0.0),
    "coloured": (0.0, 0.0),
    "film": (0.0, 0.0, 0.3),
    "grain": 0.02,
    "jpeg": 0.0,
    "sharpening": 0.0,
}


@dataclass(frozen=True)
class Group:
    """What a group's pairs have in common.

    Parameters
    ----------
    changes
        To :class:`training.damage.Conditions`, and to what all groups share: damage on every picture, no
        drawn-in details and no scratches.
    scales
        Sizes of the damage against a 3600 dpi scan; there are pairs of each.
    side
        Longest side of the pictures in pixels, of which each then shows a whole photograph; None: as asked.
    heavy
        Lay the plates of damage over their mirror images.
    first
        Of the groups that the figures up to the fourth generation were measured on.
    eyes
        One pair of each photograph whose eyes are known (:mod:`training.measure.eyes`), around them.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    scales: tuple[float, ...] = (0.5,)
    side: int | None = None
    heavy: bool = False
    first: bool = False
    eyes: bool = False

    @property
    def conditions(self) -> dict[str, Any]:
        """All changes to the default conditions, but for the scale."""
        return {**_PLAIN, **self.changes}


def _first(heavy: bool = False, **changes: Any) -> Group:
    return Group(changes, SCALES, heavy=heavy, first=True)


# A pair's seed is its number, so new groups go to the end: those before stay as they are, to the pixel.
GROUPS: dict[str, Group] = {
    "typical": _first(scratches=0.2),
    "slide": _first(dark=(1.0, 0.0, 0.0), film=(0.0, 0.0, 0.3)),
    "negative": _first(dark=(0.0, 1.0, 0.0), film=(0.15, 0.0, 0.3)),
    "print": _first(dark=(0.0, 0.0, 1.0), film=(0.6, 0.0, 0.6)),
    "scratches": _first(scratches=1.0, amount=(0.05, 0.2)),
    "heavy": _first(heavy=True, scratches=0.3),
    "clean": _first(clean=1.0),
    # pictures of 256 pixels as the older literature has them, with dust one hard pixel wide
    "web": Group({"hard_edges": 1.0, "jpeg": 0.5}, (0.2,), side=256, first=True),
    # dense dust of one pixel and of any opacity
    "dark points": Group({**_POINTS, "dark": (1.0, 0.0, 0.0)}, side=256),
    "bright points": Group({**_POINTS, "dark": (0.0, 1.0, 0.0)}, side=256),
    "streaks": Group({"streaks": 1.0, "amount": (0.05, 0.2)}),
    "mounts": Group({"framed": 1.0}),
    "lettering": Group({"details": 1.0, "detail_kinds": ("lettering", "print")}),
    "border lines": Group({"edged": 1.0}),
    "wires": Group({"details": 1.0, "detail_kinds": ("wires", "rigging", "struts")}),
    "narrow range": Group({"narrow": 1.0}),
    # specks on one plate are coloured, and soft where it lay deeper
    "three-plate colour": Group(
        {"misaligned": 1.0, "coloured": (0.0, 1.0), "defocus": 0.5, "film": (0.0, 0.0, 0.5)}
    ),
    "grainy negative": Group({"dark": (0.0, 1.0, 0.0), "film": (0.15, 0.0, 0.3), "grain": 0.25}),
    "eyes": Group(eyes=True),
}
"""All groups by name, in the order of their pairs."""


def simulators(damage_data: Path | None, seed: int) -> tuple[FilmDamage, FilmDamage]:
    """Return a simulator on the validation frames, and one on four of them laid over each other.

    Parameters
    ----------
    damage_data
        Folder of outlines; None: procedural damage only.
    seed
        Fixes every plate.
    """
    rng = np.random.default_rng(seed)
    if damage_data is None:
        plates = [procedural_plate(2048, 1.0, rng) for _ in FRAMES]
    else:
        plates = [outline_plate(damage_data / "frames" / f"frame-{frame}.json", rng) for frame in FRAMES]
    laid = [mirrored_over(plate, rng) for plate in plates]
    details = Atlas(detail_plates(rng), levels=3)
    return (
        FilmDamage(Atlas(plates, levels=3, nearest_channels=(1,)), details, Conditions()),
        FilmDamage(Atlas(laid, levels=3, nearest_channels=(1,)), details, Conditions()),
    )
