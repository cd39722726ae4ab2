"""Film-damage simulator: clean photographs in, triplets of damaged, clean and mask out.

Geometry comes from plates (``training.damage.plates``); this module turns it into damage as film and scanner
show it: polarity, opacity, tint, blur, grain below the dust and none inside it, sharpening and JPEG. All is
drawn from one ``torch.Generator`` on one device, in batches: a seed fixes every pixel; no loader is needed.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.damage.atlas import Atlas, view
from training.damage.conditions import Conditions
from training.damage.draw import Draw, constant, some
from training.damage.drawing import Drawing, draw_plates
from training.damage.film import blur, grain, halve_chroma, jpeg, sharpen, smooth_noise
from training.damage.marks import fade, lay_points, lay_scratches, lay_stains, lay_streaks
from training.damage.plates import HAIRS, THIN
from training.damage.scene import (
    add_details,
    border_line,
    develop,
    is_mono,
    lay_boxes,
    misalign,
    mount,
    narrow_range,
    repeat_border,
)
from training.damage.visible import VISIBLE, activity, visible


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


class FilmDamage:
    """Simulator on one device.

    Parameters
    ----------
    plates
        Damage plates of ``training.damage.plates``: coverage and the defect's number (four levels).
    details
        Plates of what must survive, one channel: whole sets in the order of
        ``training.damage.details.DETAILS``.
    conditions
        What is drawn how often.
    spots
        ``(plates, K, 3)`` of ``training.damage.plates.defect_spots``; needed where ``conditions.aimed``.
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
            Folder of outlines and cut-outs (see ``training.damage.plates.damage_plates``); None: only
            procedural damage.
        frames
            Numbers of the frames to use, such as ``("01", "03")``.
        seed
            Fixes every plate.
        device
            Where the plates and so the batches live.
        conditions
            What is drawn how often.
        """
        return cls.of(draw_plates(damage_data, frames, seed=seed), device, conditions)

    @classmethod
    def of(
        cls, drawing: Drawing, device: torch.device | str = "cpu", conditions: Conditions | None = None
    ) -> "FilmDamage":
        """Return a simulator that cuts its samples from a drawing."""
        plates = Atlas(drawing.plates, levels=4, nearest_channels=(1,))
        details = Atlas(drawing.details, levels=3)
        return cls(
            plates.to(device), details.to(device), conditions, torch.from_numpy(drawing.spots).to(device)
        )

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
        clean, side, separated = self._scene(photos, draw)

        depth = c.grain * draw.uniform() ** 2
        depth = torch.where(draw.chance(0.2), 0, depth)
        noise = grain(clean, depth, draw.uniform(0, 1.3), draw.uniform() * draw.chance(0.7), rng)
        mono = is_mono(clean)
        noise = torch.where(mono, noise.mean(1, keepdim=True).expand_as(noise), noise)
        hidden = VISIBLE + 0.8 * depth[:, None, None, None] + 0.3 * activity(clean)
        clean = (clean + noise).clamp(0, 1)

        damaged = self._damage(clean, mono, separated, draw)
        scene = torch.cat([clean, damaged, hidden], 1)
        scene = some(scene, c.soft, draw, lambda x, d, _: blur(x, d.log_uniform(0.7, 2.5)))
        clean, damaged, hidden = scene.split((3, 3, 1), 1)
        amount, sigma = draw.uniform(0.3, 1.5) * draw.chance(c.sharpening), draw.uniform(0.6, 1.6)
        both = sharpen(torch.cat([clean, damaged]), amount.repeat(2), sigma.repeat(2)).clamp(0, 1)
        clean, damaged = both.chunk(2)
        alteration = (damaged - clean).abs().amax(1, keepdim=True)
        mask = visible(alteration / hidden)
        clean, damaged = self._store(torch.stack([clean, damaged], 1), draw)
        truth = Triplet(damaged, clean, alteration, mask)
        reach = draw.log_uniform(1, min(photos.shape[2:]) / 4).long()
        bordered = draw.chosen(c.bordered)
        if len(bordered):
            for part in truth:
                part[bordered] = repeat_border(part[bordered], side[bordered], reach[bordered])
        return truth

    def _scene(self, photos: Tensor, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is on the film, the side ``(N,)`` where a picture's plates end, and who has three."""
        c = self.conditions
        clean = some(photos.clone(), c.boxes, draw, lambda x, d, _: lay_boxes(x, d))
        detailed = draw.chosen(c.details)
        if len(detailed):
            clean[detailed] = add_details(clean[detailed], self.details, draw.of(detailed), c.detail_kinds)
        side = draw.integers(4)
        clean = develop(clean, c.film, c.misaligned, side, draw)
        separated = draw.chosen(c.separations) if c.separations else side[:0]
        if len(separated):
            clean[separated] = misalign(clean[separated], side[separated], draw.of(separated))
        clean = some(clean, c.framed, draw, lambda x, d, _: mount(x, d))
        return some(clean, c.edged, draw, lambda x, d, _: border_line(x, d)), side, separated

    def _damage(self, clean: Tensor, mono: Tensor, separated: Tensor, draw: Draw) -> Tensor:
        """Lay dust, points, stains, scratches and streaks on pictures, and leave some of them clean."""
        c = self.conditions
        damaged = self._lay_dust(clean, mono, draw)
        if len(separated):
            planes = self._lay_on_planes(clean[separated], draw.of(separated))
            damaged[separated] = torch.where(mono[separated], damaged[separated], planes)
        points = c.dark, c.point_density, c.point_growth
        damaged = some(damaged, c.points, draw, lambda x, d, k: lay_points(x, mono[k], d, *points))
        damaged = some(damaged, c.stains, draw, lambda x, d, k: lay_stains(x, mono[k], d))
        scratched = draw.chosen(c.scratches)
        if len(scratched):
            damaged[scratched] = lay_scratches(damaged[scratched], mono[scratched], draw.of(scratched))
        damaged = some(damaged, c.streaks, draw, lambda x, d, k: lay_streaks(x, mono[k], d))
        damaged = some(damaged, c.faint, draw, lambda x, d, k: fade(x, clean[k], d)).clamp(0, 1)
        return torch.where(draw.chance(c.clean)[:, None, None, None], clean, damaged)

    def _store(self, both: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Do to clean and damaged pictures, ``(N, 2, 3, H, W)``, what files do to both alike."""
        c = self.conditions
        both = some(both, c.narrow, draw, lambda x, d, _: narrow_range(x, d))
        both = some(both, c.chroma, draw, lambda x, _, __: halve_chroma(x.flatten(0, 1)).view_as(x))
        clean, damaged = both[:, 0].contiguous(), both[:, 1].contiguous()
        compressed = draw.chosen(c.jpeg)
        if len(compressed):
            quality = draw.uniform(50, 97)[compressed]
            begins = draw.begins(c.cropped, 8)
            pictures = torch.cat([clean[compressed], damaged[compressed]]).roll(begins, (2, 3))
            squeezed = jpeg(pictures, quality.repeat(2)).roll([-place for place in begins], (2, 3))
            clean[compressed], damaged[compressed] = squeezed.chunk(2)
        return clean, damaged

    def _lay_dust(self, clean: Tensor, mono: Tensor, draw: Draw) -> Tensor:
        """Cut a piece of a plate for each picture and lay its defects on it."""
        c = self.conditions
        n, _, h, w = clean.shape
        index = draw.integers(len(self.plates))
        scale = draw.log_uniform(*c.scale)
        if c.hairs:  # the last plates; thin ones: a thick one with a loop looks like a letter
            hairy = draw.chance(c.hairs)
            index = torch.where(hairy, len(self.plates) - 1 - draw.integers(len(HAIRS)), index)
            scale = torch.where(hairy, scale.clamp(max=THIN), scale)
        centre = torch.stack([draw.uniform(), draw.uniform()], -1) * self.plates.sizes[index, 0]
        kept = draw.table() < draw.uniform(*c.amount)[:, None]
        if c.aimed and self.spots is not None:
            spot = self.spots[index, draw.integers(self.spots.shape[1])]
            size = constant((float(h), float(w)), centre.device)
            beside = draw.uniform2(-0.45, 0.45) * size / scale[:, None]
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

    def _lay_on_planes(self, clean: Tensor, draw: Draw) -> Tensor:
        """Lay other dust on each colour plane, grey and as soft as the copy of a plate."""
        grey = torch.ones_like(clean[:, :1, :1, :1], dtype=torch.bool)
        dusty = [self._lay_dust(clean, grey, draw)[:, plane] - clean[:, plane] for plane in range(3)]
        softened = blur(torch.stack(dusty, 1), draw.log_uniform(0.4, 2.5))
        return clean + softened * draw.uniform(0.3, 1.0)[:, None, None, None]

    def _properties(self, kept: Tensor, mono: Tensor, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Draw strength and colour, ``(N, 256, 3)``, and the absolute/relative switch ``(N, 256, 1)``."""
        c = self.conditions
        opacity = (draw.uniform(0.4, 1.05)[:, None] + 0.5 * (draw.table() - 0.4)).clamp(0.2, 1)
        strength = (kept * opacity)[..., None].expand(-1, -1, 3)

        kind = torch.multinomial(constant(c.dark, mono.device), draw.n, replacement=True, generator=draw.rng)[
            :, None
        ]
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
