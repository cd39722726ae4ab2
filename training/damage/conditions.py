"""How a batch of frames is damaged: what is drawn, how often and within which ranges."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Conditions:
    """How a batch of frames is damaged: probabilities, and ``(low, high)`` ranges drawn from per frame.

    Parameters
    ----------
    scale
        Size of the damage against a 3600 dpi scan (log-uniform).
    photo_scale
        Size of the photograph against its file (log-uniform).
    hard
        Probability that a frame is cut around a place that an earlier model took for damage.
    amount
        Share of a plate's defects that are kept.
    hairs
        Probability that a frame's plate is one of hairs alone, which otherwise are as likely as any other.
    aimed
        Probability that a frame is cut around a defect, which then is kept: a small crop cut anywhere holds
        little dust and hardly ever a large speck.
    clean
        Probability of a frame with no damage at all.
    dark
        Probabilities that a frame's damage is dark, bright, or both.
    coloured
        Probability of tinted damage, and of damage that differs per colour channel.
    scratches
        Probability of long transport scratches.
    grain
        Largest depth of the grain (drawn from 0, squared: most frames have little).
    details
        Probability of drawn-in detail that must survive.
    detail_kinds
        Which kinds, by the names of the functions of ``training.damage.details.DETAILS`` without their
        underscore, such as ``"wires"``; none: all.
    film
        Probabilities of black and white, of an uninverted negative, and of a colour cast.
    misaligned
        Probability of plates that end within the picture, and of colour planes that do not meet.
    separations
        Probability of three-plate colour: planes that do not meet, each with dust of its own.
    bordered
        Probability of a border beyond which the last row is repeated, as the filter shows borders to the
        network, on the side where a misaligned picture's plates end.
    sharpening, jpeg, hard_edges, defocus
        Probabilities of a sharpened scan, of JPEG, of unsmoothed one-pixel damage, and of defocused damage.
    cropped
        Probability that a batch's pictures were cropped after they were JPEG: their blocks begin anywhere.
    soft
        Probability of a scan finer than film, lens and focus are: picture, grain and damage are blurred.
    chroma
        Probability of colour at half the resolution (JPEG 4:2:0), damage and all.
    points
        Probability of dust of one or two pixels.
    point_density
        Share of a picture's pixels on which such dust lies (log-uniform).
    point_growth
        Share of the pixels around each that it covers, too.
    stains
        Probability of soft crumbled stains, most of them in one dye, such as mould.
    streaks
        Probability of straight thin streaks along the film, as cameras and squeegees rub them in.
    faint
        Probability that all damage of a frame has an eighth to a half of its strength.
    boxes
        Probability of packaging: plain faces with lit edges, on which details print. No damage.
    edged
        Probability of a line or strip along a border. No damage.
    framed
        Probability of a mount or a film gate around the picture. No damage.
    narrow
        Probability of a picture that fills only part of its range, or of each channel's: underexposed, faded,
        a negative before it is inverted.
    """

    scale: tuple[float, float] = (0.2, 1.5)
    photo_scale: tuple[float, float] = (0.3, 1.5)
    hard: float = 0.0
    amount: tuple[float, float] = (0.1, 1.0)
    hairs: float = 0.0
    aimed: float = 0.0
    clean: float = 0.1
    dark: tuple[float, float, float] = (0.38, 0.38, 0.24)
    coloured: tuple[float, float] = (0.2, 0.15)
    scratches: float = 0.2
    grain: float = 0.08
    details: float = 0.25
    detail_kinds: tuple[str, ...] = ()
    film: tuple[float, float, float] = (0.15, 0.08, 0.3)
    misaligned: float = 0.03
    separations: float = 0.0
    bordered: float = 0.0
    sharpening: float = 0.3
    jpeg: float = 0.25
    hard_edges: float = 0.15
    defocus: float = 0.12
    cropped: float = 0.0
    soft: float = 0.0
    chroma: float = 0.0
    points: float = 0.0
    point_density: tuple[float, float] = (1e-4, 2e-2)
    point_growth: tuple[float, float] = (0.0, 0.5)
    stains: float = 0.0
    streaks: float = 0.0
    faint: float = 0.0
    boxes: float = 0.0
    edged: float = 0.0
    framed: float = 0.0
    narrow: float = 0.0


_DUSTY = {"amount": (0.5, 0.9), "clean": 0.0, "scratches": 0.0}

KINDS: dict[str, dict[str, Any]] = {
    "slide": {**_DUSTY, "dark": (1.0, 0.0, 0.0), "film": (0.1, 0.0, 0.3)},
    "negative": {**_DUSTY, "dark": (0.0, 1.0, 0.0), "film": (0.2, 0.0, 0.3)},
    "print": {**_DUSTY, "dark": (0.0, 0.0, 1.0), "film": (0.4, 0.0, 0.3)},
    "scratches": {"amount": (0.1, 0.3), "clean": 0.0, "scratches": 1.0},
    "light": {"amount": (0.1, 0.3), "clean": 0.0, "scratches": 0.05},
    "typical": {"amount": (0.6, 1.0), "clean": 0.0, "scratches": 0.1},
    "heavy": {"amount": (1.0, 1.0), "clean": 0.0, "scratches": 0.4, "coloured": (0.3, 0.2)},
    "clean": {"clean": 1.0, "scratches": 0.0},
}
"""Kinds of scans, as changes to :class:`Conditions`, for validation and for people to look at."""
