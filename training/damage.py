"""Film-damage simulator: clean photographs in, triplets of damaged, clean and mask out.

Geometry comes from plates (``training.plates``); this module turns it into damage as film and scanner show
it: polarity, opacity, tint, blur, grain below the dust and none inside it, sharpening and JPEG. Everything is
drawn from one ``torch.Generator`` on one device, in batches: a seed fixes every pixel; no loader is needed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.atlas import Atlas, view
from training.details import detail_plates
from training.draw import Draw
from training.film import blur, grain, jpeg, sharpen, smooth_noise
from training.plates import damage_plates, defect_spots
from training.scene import add_details, develop, is_mono, mirror_border


class Triplet(NamedTuple):
    """What the simulator returns.

    Attributes
    ----------
    damaged, clean
        ``(N, 3, H, W)`` float32 RGB in [0, 1]; equal where nothing was altered.
    alteration
        ``(N, 1, H, W)``: largest difference of a channel that the damage made.
    mask
        ``(N, 1, H, W)`` bool: altered by more than grain and texture hide.
    """

    damaged: Tensor
    clean: Tensor
    alteration: Tensor
    mask: Tensor


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
    film
        Probabilities of black and white, of an uninverted negative, and of a colour cast.
    misaligned
        Probability of plates that end within the picture, and of colour planes that do not meet.
    mirrored
        Probability of a border beyond which the scan is mirrored, on the side where its plates end.
    sharpening, jpeg, hard_edges, defocus
        Probabilities of a sharpened scan, of JPEG, of unsmoothed one-pixel damage, and of defocused damage.
    """

    scale: tuple[float, float] = (0.2, 1.5)
    photo_scale: tuple[float, float] = (0.3, 1.5)
    hard: float = 0.0
    amount: tuple[float, float] = (0.1, 1.0)
    aimed: float = 0.0
    clean: float = 0.1
    dark: tuple[float, float, float] = (0.38, 0.38, 0.24)
    coloured: tuple[float, float] = (0.2, 0.15)
    scratches: float = 0.2
    grain: float = 0.08
    details: float = 0.25
    film: tuple[float, float, float] = (0.15, 0.08, 0.3)
    misaligned: float = 0.03
    mirrored: float = 0.0
    sharpening: float = 0.3
    jpeg: float = 0.25
    hard_edges: float = 0.15
    defocus: float = 0.12


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

SPOTS = 4096  # places on defects drawn once for each plate
VISIBLE = 0.03  # an alteration below this (8 of 255) is nobody's defect


class FilmDamage:
    """Simulator on one device.

    Parameters
    ----------
    plates
        Damage plates of ``training.plates``: coverage and the defect's number (``Atlas`` with three levels).
    details
        Plates of what must survive, one channel: whole sets in the order of ``training.details.DETAILS``.
    conditions
        What is drawn how often.
    spots
        ``(plates, K, 3)`` of ``training.plates.defect_spots``; needed where ``conditions.aimed``.
    """

    def __init__(
        self,
        plates: Atlas,
        details: Atlas,
        conditions: Conditions | None = None,
        spots: Tensor | None = None,
    ) -> None:
        self.plates = plates
        self.details = details
        self.conditions = conditions or Conditions()
        self.spots = spots

    @classmethod
    def build(
        cls,
        damage_data: Path | None,
        frames: Sequence[str],
        *,
        seed: int,
        device: torch.device | str = "cpu",
        conditions: Conditions | None = None,
    ) -> "FilmDamage":
        """Draw the plates and return a simulator.

        Parameters
        ----------
        damage_data
            Folder of outlines and cut-outs (see ``training.plates.damage_plates``); None: only procedural
            damage.
        frames
            Numbers of the frames to use, such as ``("01", "03")``.
        seed
            Fixes every plate.
        device
            Where the plates and so the batches live.
        conditions
            What is drawn how often.
        """
        rng = np.random.default_rng(seed)
        drawn = damage_plates(damage_data, rng, frames=frames)
        plates = Atlas(drawn, levels=3, nearest_channels=(1,))
        details = Atlas([plate for _ in range(3) for plate in detail_plates(rng)], levels=3)
        spots = torch.from_numpy(np.stack([defect_spots(plate, rng, SPOTS) for plate in drawn]))
        return cls(plates.to(device), details.to(device), conditions, spots.to(device))

    def with_conditions(self, **changes: object) -> "FilmDamage":
        """Return a simulator with the same plates under other conditions."""
        conditions = replace(self.conditions, **changes)  # type: ignore[arg-type]
        return FilmDamage(self.plates, self.details, conditions, self.spots)

    @torch.no_grad()
    def __call__(self, photos: Tensor, rng: torch.Generator) -> Triplet:
        """Damage a batch.

        Parameters
        ----------
        photos
            ``(N, 3, H, W)`` float32 RGB in [0, 1] on the simulator's device; H and W multiples of 8.
        rng
            Generator on the same device.
        """
        draw = Draw(len(photos), rng)
        c = self.conditions
        clean = photos.clone()
        detailed = draw.chance(c.details)
        if detailed.any():
            clean[detailed] = add_details(clean[detailed], self.details, draw.of(detailed))
        side = draw.integers(4)
        clean = develop(clean, c.film, c.misaligned, side, draw)

        depth = c.grain * draw.uniform() ** 2
        depth[draw.chance(0.2)] = 0
        noise = grain(clean, depth, draw.uniform(0, 1.3), draw.uniform() * draw.chance(0.7), rng)
        mono = is_mono(clean)
        noise = torch.where(mono, noise.mean(1, keepdim=True).expand_as(noise), noise)
        hidden = VISIBLE + 0.8 * depth[:, None, None, None] + 0.3 * _activity(clean)
        clean = (clean + noise).clamp(0, 1)

        damaged = self._lay_dust(clean, mono, draw)
        scratched = draw.chance(c.scratches)
        if scratched.any():
            damaged[scratched] = self._lay_scratches(damaged[scratched], mono[scratched], draw.of(scratched))
        damaged = damaged.clamp(0, 1)
        untouched = draw.chance(c.clean)[:, None, None, None]
        damaged = torch.where(untouched, clean, damaged)

        amount = draw.uniform(0.3, 1.5) * draw.chance(c.sharpening)
        sigma = draw.uniform(0.6, 1.6)
        both = sharpen(torch.cat([clean, damaged]), amount.repeat(2), sigma.repeat(2)).clamp(0, 1)
        clean, damaged = both.chunk(2)
        alteration = (damaged - clean).abs().amax(1, keepdim=True)
        mask = _visible(alteration / hidden)

        compressed = draw.chance(c.jpeg)
        if compressed.any():
            quality = draw.uniform(50, 97)[compressed]
            both = jpeg(torch.cat([clean[compressed], damaged[compressed]]), quality.repeat(2))
            clean[compressed], damaged[compressed] = both.chunk(2)
        truth = Triplet(damaged, clean, alteration, mask)
        reach = draw.log_uniform(1, min(photos.shape[2:]) / 4).long()
        for frame in draw.chance(c.mirrored).nonzero().flatten().tolist():
            for part in truth:
                part[frame] = mirror_border(part[frame], int(side[frame]), int(reach[frame]))
        return truth

    def _lay_dust(self, clean: Tensor, mono: Tensor, draw: Draw) -> Tensor:
        """Cut a piece of a plate for each picture and lay its defects on it."""
        c = self.conditions
        n, _, h, w = clean.shape
        index = draw.integers(len(self.plates))
        scale = draw.log_uniform(*c.scale)
        centre = torch.stack([draw.uniform(), draw.uniform()], -1) * self.plates.sizes[index, 0]
        kept = draw.table() < draw.uniform(*c.amount)[:, None]
        if c.aimed and self.spots is not None:
            spot = self.spots[index, draw.integers(self.spots.shape[1])]
            beside = (draw.uniform2(-0.45, 0.45) * centre.new_tensor([h, w])) / scale[:, None]
            aimed = draw.chance(c.aimed)[:, None]
            centre = torch.where(aimed, spot[:, :2] + beside, centre)
            kept |= aimed & F.one_hot(spot[:, 2], 256).bool()
        y, x = view(h, w, centre, scale, draw.uniform(0, 2 * math.pi), draw.sign())
        wander = smooth_noise(n, 2, h, w, 9, draw.rng) * draw.uniform(0, 1.5)[:, None, None, None]
        y, x = y + wander[:, 0], x + wander[:, 1]
        level = self.plates.level(scale)
        coverage = self.plates.sample(index, level, y, x)[:, :1]
        number = self.plates.sample(index, level, y, x, nearest=True)[:, 1].long()

        hard = draw.chance(c.hard_edges)
        optics = draw.uniform(0.3, 1.2) * scale.clamp(0.6, 1.3)
        optics = torch.where(draw.chance(c.defocus), draw.uniform(1.2, 3.0), optics)
        # thin damage fades when blurred; the exposure does not bring it back, but dense dirt stays dense
        soft = blur(coverage, optics)
        soft = (soft * draw.uniform(1.0, 1.6)[:, None, None, None]).clamp(max=1)
        coverage = torch.where(hard[:, None, None, None], (coverage > 0.3).float(), soft)
        cloud = smooth_noise(n, 1, h, w, 5, draw.rng) * draw.uniform(0, 0.35)[:, None, None, None]
        coverage = (coverage * (1 - cloud.clamp(min=0))).clamp(0, 1)

        strength, colour, absolute = self._properties(kept, mono, draw)
        rows = torch.arange(n, device=clean.device)[:, None, None]
        table = torch.cat([strength, colour, absolute], -1)[rows, number].movedim(-1, 1)
        strength, colour, absolute = table[:, :3], table[:, 3:6], table[:, 6:]
        # opaque dirt replaces the light; a thin trace shifts it, whatever it is
        replaced = torch.lerp(torch.full_like(clean, 0.5), clean, absolute)
        return clean + coverage * strength * (colour - replaced)

    def _properties(self, kept: Tensor, mono: Tensor, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Draw strength and colour, ``(N, 256, 3)``, and the absolute/relative switch ``(N, 256, 1)``."""
        c = self.conditions
        opacity = (draw.uniform(0.4, 1.05)[:, None] + 0.5 * (draw.table() - 0.4)).clamp(0.2, 1)
        strength = (kept * opacity)[..., None].expand(-1, -1, 3)

        kind = torch.multinomial(
            torch.tensor(c.dark, device=mono.device), draw.n, replacement=True, generator=draw.rng
        )[:, None]
        bright = (kind == 1) | ((kind == 2) & (draw.table() < 0.5))
        tone = torch.where(bright, 1 - 0.35 * draw.table() ** 2, 0.3 * draw.table() ** 2)
        tinted, split = c.coloured
        tint = torch.rand(draw.n, 256, 3, generator=draw.rng, device=mono.device)
        # per frame all neutral, all tinted, or a mixture in which a few specks are coloured
        few = torch.where(draw.chance(tinted), 1.0, 0.12 * draw.uniform())[:, None]
        amount = (draw.table() < few) * draw.table() ** 0.5
        # a tint keeps the speck's tone: bright specks lose a channel, dark specks gain one
        hue = tint - tint.amin(-1, keepdim=True)
        hue = hue / hue.amax(-1, keepdim=True).clamp(min=1e-3)
        colour = torch.lerp(tone[..., None].expand_as(hue), hue, amount[..., None] * 0.9)
        lone = F.one_hot(torch.randint(3, (draw.n, 256), generator=draw.rng, device=mono.device), 3).float()
        lone = torch.where((draw.table() < 0.25)[..., None], 1 - lone, lone)
        per_channel = draw.chance(split)[:, None, None] & (draw.table() < 0.85)[..., None]
        strength = torch.where(per_channel, strength * lone, strength)

        single = mono[:, 0, 0, :]  # (N, 1)
        colour = torch.where(single[..., None], tone[..., None], colour)
        strength = torch.where(single[..., None], (kept * opacity)[..., None], strength)
        absolute = (draw.table() < draw.uniform(0.5, 1.0)[:, None]).float()[..., None]
        return strength, colour, absolute

    def _lay_scratches(self, image: Tensor, mono: Tensor, draw: Draw, most: int = 4) -> Tensor:
        """Draw long scratches along the film's travel: broken, drifting, neutral, coloured or refracting."""
        n, _, h, w = image.shape
        upright = draw.chance(0.5)[:, None, None, None]
        # oblong: upright only
        turned = torch.where(upright, image, image.transpose(2, 3)) if h == w else image
        device, rng = image.device, draw.rng

        def table(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(n, most, 1, generator=rng, device=device)

        along = torch.arange(turned.shape[2], device=device, dtype=torch.float32)
        across = torch.arange(turned.shape[3], device=device, dtype=torch.float32)
        drift = smooth_noise(n, most, len(along), 2, 60, rng)[..., 0]
        lean = table(-0.02, 0.02) * along
        position = table(0, len(across)) + lean + drift * table(0, 2.0)
        sigma = table(0.35, 1.0) * torch.where(table(0, 1) < 0.2, table(1, 3), torch.ones_like(lean[..., :1]))
        gaps = smooth_noise(n, most, len(along), 2, 40, rng)
        gaps = gaps + 0.5 * smooth_noise(n, most, len(along), 2, 6, rng)
        presence = (gaps[..., 0] * 2 + table(-1.0, 4.0)).clamp(0, 1)
        depth = table(0.06, 0.6) * (table(0, 1) < 0.5)
        offset = (across - position[..., None]) / sigma[..., None]  # (N, K, along, across)
        single = torch.exp(-0.5 * offset**2)
        pair = -offset * torch.exp(0.5 - 0.5 * offset**2)
        refracting = (table(0, 1) < 0.3)[..., None]
        sign = torch.where(table(0, 1) < 0.5, -1.0, 1.0)[..., None]
        profile = torch.where(refracting, pair, single) * sign * (depth * presence)[..., None]
        dyes = torch.rand(n, most, 3, generator=rng, device=device)
        neutral = (table(0, 1) < 0.6) | mono[:, 0, :, :]
        dyes = torch.where(neutral, torch.ones_like(dyes), (dyes * 2 - 0.6).clamp(-0.3, 1))
        turned = turned + torch.einsum("nkhw,nkc->nchw", profile, dyes)
        return torch.where(upright, turned, turned.transpose(2, 3)) if h == w else turned


def _visible(excess: Tensor) -> Tensor:
    """Return what a viewer takes for damage, ``(N, 1, H, W)`` bool, from alteration over what hides it.

    A trace that nowhere near exceeds 1.5 is left to the grain, and the line of pixels between a speck and the
    ring that sharpening draws around it, where the alteration changes sign, is closed.
    """
    near = F.max_pool2d(excess, 5, 1, 2)
    mask = ((excess > 1) & (near > 1.5)).float()
    widened = F.max_pool2d(mask, 3, 1, 1)
    return -F.max_pool2d(-widened, 3, 1, 1) > 0.5


def _activity(image: Tensor, side: int = 9) -> Tensor:
    """Measure the brightness's deviation around each pixel, ``(N, 1, H, W)``: it hides small alterations."""
    grey = image.mean(1, keepdim=True)
    mean, square = (F.avg_pool2d(x, side, 1, side // 2, count_include_pad=False) for x in (grey, grey**2))
    return (square - mean**2).clamp(min=0).sqrt()
