"""Pictures that fill a part of their range: what is found in them, as they are and shown drawn out.

``python -m training ranges MODEL --photos PHOTOS --damage-data DAMAGE --markdown docs/narrow-ranges.md``
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from dsr_core import Options, predict, run
from dsr_core.detect import find_defects
from dsr_core.models import find_model
from dsr_core.stretch import PLAIN, Stretch, measure
from training.damage import KINDS, FilmDamage
from training.measure.metrics import dilate
from training.photos import list_photos, read_photo

Picture = NDArray[np.float32]

_BASE, _THIN = np.array([0.86, 0.52, 0.34], np.float32), np.array([0.30, 0.16, 0.10], np.float32)
_KNEE = 0.04045  # where the sRGB curve's straight part ends (IEC 61966-2-1)
_SIDE, _SCALE = 416, 0.6  # of the crops, and of the photographs that they are cut from
_NEAR = 2  # pixels
_EMPTY = ((0.1, 0.5, 0.9), (0.004, 0.01, 0.02))  # tones of empty frames, and depths of their grain
_VALIDATION_FRAMES = ("08", "10")


def negative(picture: Picture) -> Picture:
    """Return a picture as the camera sees its colour negative, a stop under."""
    return np.asarray(0.5 * (_THIN + (_BASE - _THIN) * (1 - picture)), np.float32)


def linear_negative(picture: Picture) -> Picture:
    """Return the same as a raw converter writes it, in linear light."""
    seen = negative(picture) * 2
    return np.asarray(
        0.5 * np.where(seen <= _KNEE, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4), np.float32
    )


def gone_red(picture: Picture) -> Picture:
    """Return a picture as a slide whose cyan dye has faded."""
    gain, base = np.array([0.45, 0.22, 0.2], np.float32), np.array([0.5, 0.12, 0.1], np.float32)
    return base + gain * picture


RANGES: dict[str, Callable[[Picture], Picture]] = {
    "as it was": lambda picture: picture,
    "a quarter of the range": lambda picture: picture * np.float32(0.25),
    "a third of the contrast": lambda picture: np.float32(0.4) + picture * np.float32(0.33),
    "a negative, not inverted": negative,
    "the same in linear light": linear_negative,
    "a slide gone red": gone_red,
}


def crops(photos: list[Path]) -> torch.Tensor:
    """Return the upper left of each photograph, at less than its size: ``(N, 3, H, W)`` in [0, 1]."""
    cut = []
    for path in photos:
        small = cv2.resize(read_photo(path), None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_AREA)
        cut.append(torch.from_numpy(small[:_SIDE, :_SIDE].copy()).permute(2, 0, 1).float() / 255)
    return torch.stack(cut)


def as_16_bit(picture: Picture) -> NDArray[np.uint16]:
    """Return what a file of the picture holds."""
    return np.asarray(np.rint(picture.clip(0, 1) * 65535), np.uint16)


def found(image: NDArray[np.uint16], model: Path, stretch: Stretch) -> NDArray[np.bool_]:
    """Return what the filter finds at its default sensitivity, however dense, before it grows."""
    return find_defects(run(predict(image, model=model, stretch=stretch)), Options(grow=0, dense="repair"))


def counts(mask: NDArray[np.bool_], true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return found and all true pixels, right and all marked ones; two pixels aside is right, too."""
    pairs = ((true & dilate(mask, _NEAR), true), (mask & dilate(true, _NEAR), mask))
    return np.array([each.sum() for pair in pairs for each in pair], np.float64)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("model", help="as `dsr-core --model` takes it")
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--damage-data", type=Path, help="folder of film damage (default: procedural only)")
    parser.add_argument("--count", type=int, default=12, help="photographs; default: %(default)s")
    parser.add_argument("--markdown", type=Path, required=True, help="the page")


def command(args: argparse.Namespace) -> str:
    """Measure and write the page."""
    info = find_model(args.model)
    simulator = FilmDamage.build(args.damage_data, _VALIDATION_FRAMES, seed=1).with_conditions(
        **KINDS["typical"] | {"scale": (0.3, 0.6), "grain": 0.03, "jpeg": 0.0, "film": (0.0, 0.0, 0.0)}
    )
    truth = simulator(crops(list_photos(args.photos)[: args.count]), torch.Generator().manual_seed(3))
    sums = {(name, drawn): np.zeros(4) for name in RANGES for drawn in (False, True)}
    pairs = list(zip(truth.damaged, truth.mask[:, 0].numpy(), strict=True))
    for damaged, true in tqdm(pairs, unit="picture", disable=None):
        picture = damaged.permute(1, 2, 0).numpy().clip(0, 1)
        for name, narrowed in RANGES.items():
            image = as_16_bit(narrowed(picture))
            for drawn in (False, True):
                stretch = measure(image) if drawn else PLAIN
                sums[name, drawn] += counts(found(image, info.path, stretch), true)
    args.markdown.write_text(page(info.path.name, info.sha256, len(pairs), sums, empty(info.path)))
    return f"{args.markdown} is written"


def empty(model: Path) -> float:
    """Return the largest share that is marked of a frame of grain alone, drawn out."""
    rng = np.random.default_rng(0)
    shares = []
    for tone in _EMPTY[0]:
        for depth in _EMPTY[1]:
            noise = rng.normal(0, depth, (512, 512, 3)).astype(np.float32)
            image = as_16_bit(np.float32(tone) + np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7), np.float32))
            shares.append(found(image, model, measure(image)).mean())
    return float(max(shares))


def page(
    name: str, sha256: str, pictures: int, sums: dict[tuple[str, bool], NDArray[np.float64]], marked: float
) -> str:
    """Return the page."""
    rows = []
    for range_ in RANGES:
        cells = []
        for drawn in (False, True):
            hit, true, right, all_marked = sums[range_, drawn]
            cells += [f"{hit / max(true, 1):.0%}", f"{right / max(all_marked, 1):.0%}"]
        rows.append(f"| {range_} | {' | '.join(cells)} |")
    head = _HEAD.format(name=name, sha256=sha256[:12], pictures=pictures)
    return "\n".join([head, *rows, _TAIL.format(marked=marked)])


_HEAD = """# Narrow ranges

Underexposed scans, negatives before their inversion and faded slides fill a part of their range only. Where
the widest channel of a picture of more than 8 bits fills less than half, the network is shown the picture
drawn out, channel by channel, to its own 0.1 and 99.8 per cent (`dsr_core/stretch.py`); what it repairs is
put back. Samples outside the mask stay bit-identical, as always. Grain is widened by at most 16. Pictures of
8 bits are shown as they are: drawn out, their steps and what JPEG left are taken for damage.

Written by `python -m training ranges 3 --photos VALIDATION --damage-data DAMAGE --markdown
docs/narrow-ranges.md`: {pictures} pictures with simulated damage, each narrowed in five ways; `{name}`,
sha256 `{sha256}`, at the default sensitivity. *Found*: share of the damaged pixels with a mark within two
pixels; *right*: share of the marked pixels with damage within two. The network was trained with narrow
ranges, too (one picture in eight), and *as it is* shows what that brings alone.

| range | as it is: found | right | drawn out: found | right |
|---|---:|---:|---:|---:|"""

_TAIL = """
Of frames that hold nothing but grain, drawn out like the others, at most {marked:.3%} is marked.
"""
