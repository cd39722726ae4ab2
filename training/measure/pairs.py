"""Make and read validation pairs: ``python -m training pairs --output DIR --photos FOLDER``.

They are made once, seeded, from photographs and film frames that no training saw. Every pair is a folder with
``damaged.png``, ``clean.png`` and ``mask.png`` (8 bit; 255 where the damage altered the picture), those of
faces also ``eyes.png``; ``pairs.json`` lists them.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from dsr_core.errors import DsrError
from training.measure.eyes import irises_in, marked
from training.measure.groups import GROUPS, simulators
from training.measure.metrics import Image, Mask
from training.photos import list_photos, read_photo

_SHRUNK = 0.75  # of a photograph's size


@dataclass(frozen=True)
class Pair:
    """One validation pair.

    Parameters
    ----------
    name
        Of its folder.
    group, scale
        Kind of damage, and its size against a 3600 dpi scan.
    photo
        File name of the photograph.
    """

    name: str
    group: str
    scale: float
    photo: str


@dataclass(frozen=True)
class Loaded:
    """A validation pair in memory.

    Where it comes from, its images ``(H, W, 3)`` uint8, the true mask and that of eyes, if they are known.
    """

    name: str
    group: str
    scale: float
    damaged: Image
    clean: Image
    true: Mask
    eyes: Mask | None = None


def make_pairs(
    output: Path,
    photos: Sequence[Path],
    damage_data: Path | None,
    *,
    per_group: int = 4,
    size: int = 768,
    seed: int = 2026,
) -> list[Pair]:
    """Write the pairs and their list.

    Parameters
    ----------
    output
        New or empty folder.
    photos
        Clean photographs, used in turn.
    damage_data
        Folder of outlines; None: procedural damage only.
    per_group
        Pairs for each group and scale.
    size
        Longest side in pixels (a multiple of 8) of all but the 256-pixel pictures.
    seed
        Fixes every pixel.

    Raises
    ------
    DsrError
        The folder holds something already.
    """
    if output.exists() and any(output.iterdir()):
        raise DsrError(f"'{output}' is not empty; name a new folder.")
    normal, heavy = simulators(damage_data, seed)
    faces = [path for path in photos if irises_in(path)]
    plan: list[tuple[str, float, Path | None]] = []
    for name, group in GROUPS.items():
        for scale in group.scales:
            plan += [(name, scale, path) for path in (faces if group.eyes else [None] * per_group)]
    pairs: list[Pair] = []
    for number, (name, scale, face) in enumerate(plan):
        group, path = GROUPS[name], face or photos[number % len(photos)]
        simulator = (heavy if group.heavy else normal).with_conditions(
            **group.conditions, scale=(scale, scale)
        )
        rng = torch.Generator().manual_seed(seed + number)
        draw = np.random.default_rng(seed + number)
        photo, eyes = (
            cropped_face(path, size, draw)
            if face
            else (cropped_photo(path, group.side or size, draw, whole=group.side is not None), None)
        )
        pair = Pair(f"{number:03d}-{name.replace(' ', '-')}-{scale:g}", name, scale, path.name)
        _write(output / pair.name, simulator(photo, rng), eyes)
        pairs.append(pair)
    (output / "pairs.json").write_text(json.dumps([asdict(pair) for pair in pairs], indent=1) + "\n")
    return pairs


def cropped_photo(path: Path, side: int, rng: np.random.Generator, *, whole: bool) -> torch.Tensor:
    """Return a crop ``(1, 3, H, W)`` in [0, 1] of a photograph shrunk, so that JPEG's traces average out.

    ``whole`` shrinks it until ``side`` holds its short side; otherwise to three quarters.
    """
    image = read_photo(path)
    image = _shrunk(image, side / min(image.shape[:2]) if whole else _SHRUNK)
    height, width = (min(side, length) // 8 * 8 for length in image.shape[:2])
    top, left = (
        int(rng.integers(have - want + 1)) for have, want in zip(image.shape, (height, width), strict=False)
    )
    return _as_tensor(image[top : top + height, left : left + width])


def cropped_face(path: Path, side: int, rng: np.random.Generator) -> tuple[torch.Tensor, Mask]:
    """Return such a crop around the eyes of a face, as far as it holds them, and the mask of its irises."""
    image = read_photo(path)
    eyes = _shrunk(marked(irises_in(path), image.shape).astype(np.uint8) * 255, _SHRUNK) > 0
    image = _shrunk(image, _SHRUNK)
    place = []
    for axis in (0, 1):
        have, at = image.shape[axis], np.flatnonzero(eyes.any(axis=1 - axis))
        want = min(side, have) // 8 * 8
        first, last = max(0, at[-1] + 1 - want), min(at[0], have - want)
        start = int(rng.integers(min(first, last), max(first, last) + 1))
        place.append(slice(start, start + want))
    return _as_tensor(image[*place]), eyes[*place]


def _shrunk(image: Image, factor: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _as_tensor(crop: Image) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(crop)).movedim(-1, 0)[None].float() / 255


def _write(folder: Path, triplet: tuple[torch.Tensor, ...], eyes: Mask | None) -> None:
    damaged, clean, _, mask = triplet
    folder.mkdir(parents=True)
    for name, image in (("damaged", damaged), ("clean", clean)):
        rgb = (image[0].movedim(0, -1) * 255).round().byte().numpy()
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(folder / "mask.png"), mask[0, 0].numpy().astype(np.uint8) * 255)
    if eyes is not None:
        cv2.imwrite(str(folder / "eyes.png"), eyes.astype(np.uint8) * 255)


def list_pairs(folder: Path) -> list[Pair]:
    """Read the list that :func:`make_pairs` wrote.

    Raises
    ------
    DsrError
        There is none.
    """
    table = folder / "pairs.json"
    if not table.is_file():
        raise DsrError(f"There is no '{table}'; make the pairs with `python -m training pairs`.")
    return [Pair(**entry) for entry in json.loads(table.read_text())]


def load_pairs(folder: Path) -> Iterator[Loaded]:
    """Read the pairs, one after the other.

    Raises
    ------
    DsrError
        There are none, or one is not readable.
    """
    for pair in list_pairs(folder):
        place = folder / pair.name
        mask = cv2.imread(str(place / "mask.png"), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise DsrError(f"'{place / 'mask.png'}' is not a readable mask; make the pairs again.")
        damaged, clean = (read_photo(place / f"{name}.png") for name in ("damaged", "clean"))
        eyes = None
        if (place / "eyes.png").exists():
            eyes = read_photo(place / "eyes.png")[:, :, 0] > 0
        yield Loaded(pair.name, pair.group, pair.scale, damaged, clean, mask > 0, eyes)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--output", type=Path, required=True, help="new folder")
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--damage-data", type=Path, help="folder with frames/ (default: procedural damage)")
    parser.add_argument(
        "--per-group", type=int, default=4, help="pairs for each group and scale (default: 4)"
    )
    parser.add_argument("--size", type=int, default=768, help="longest side in pixels (default: 768)")
    parser.add_argument("--seed", type=int, default=2026)


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    pairs = make_pairs(
        args.output,
        list_photos(args.photos),
        args.damage_data,
        per_group=args.per_group,
        size=args.size,
        seed=args.seed,
    )
    return f"{len(pairs)} pairs in {args.output}"
