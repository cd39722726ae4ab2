"""Damage photographs for people to look at: ``python -m training simulate PHOTO... --output-dir DIR``.

For each photograph it writes ``NAME.damaged.png``, ``NAME.clean.png`` and ``NAME.mask.png``; with
``--sheet``, one contact sheet instead.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dsr_core.errors import DsrError
from training.damage import KINDS, FilmDamage, Triplet
from training.photos import read_photo


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Turn ``(H, W, 3)`` uint8 into ``(1, 3, H', W')`` float in [0, 1], cut to multiples of 8."""
    height, width = (side // 8 * 8 for side in image.shape[:2])
    return torch.from_numpy(image[:height, :width]).permute(2, 0, 1)[None].float() / 255


def to_image(tensor: Tensor, dtype: type[np.uint8 | np.uint16] = np.uint8) -> NDArray[np.uint8 | np.uint16]:
    """Turn ``(1, C, H, W)`` in [0, 1] into an ``(H, W, C)`` array of integers, rounded."""
    array = tensor[0].permute(1, 2, 0).float().cpu().numpy()
    return np.round(array * np.iinfo(dtype).max).astype(dtype)


def write(path: Path, image: NDArray[np.uint8 | np.uint16]) -> None:
    """Write RGB or grey as PNG."""
    if image.shape[2] == 3:
        image = image[..., ::-1]
    if not cv2.imwrite(str(path), image):
        raise DsrError(f"{path} cannot be written.")


def damage_photo(simulator: FilmDamage, kind: str, photo: NDArray[np.uint8], seed: int) -> Triplet:
    """Damage one photograph as a scan of a kind (a key of ``KINDS``); the seed fixes every pixel."""
    return simulator.with_conditions(**KINDS[kind])(to_tensor(photo), torch.Generator().manual_seed(seed))


def contact_sheet(
    simulator: FilmDamage, photos: Sequence[Path], *, count: int, size: int, seed: int
) -> NDArray[np.uint8]:
    """Tile ``count`` damaged crops of ``size`` pixels, eight a row, the kinds taking turns."""
    rng = np.random.default_rng(seed)
    tiles = []
    for i in range(count):
        photo = read_photo(photos[i % len(photos)])
        while min(photo.shape[:2]) < size:
            photo = cv2.resize(photo, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
        y, x = (int(rng.integers(0, side - size + 1)) for side in photo.shape[:2])
        kind = list(KINDS)[i % len(KINDS)]
        triplet = damage_photo(simulator, kind, photo[y : y + size, x : x + size], seed + i)
        tiles.append(to_image(triplet.damaged))
    rows = [np.hstack(tiles[i : i + 8]) for i in range(0, count, 8)]
    return np.vstack(rows).astype(np.uint8)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--kind", choices=list(KINDS), default="typical")
    parser.add_argument(
        "--damage-data", type=Path, help="folder of outlines and cut-outs (default: procedural damage)"
    )
    parser.add_argument(
        "--frames", nargs="*", default=["01", "03", "04", "05", "07"], help="numbers of the frames used"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--sheet", type=int, metavar="N", help="write only a contact sheet of N crops, of all kinds"
    )


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    simulator = FilmDamage.build(args.damage_data, args.frames, seed=args.seed)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    if args.sheet:
        target = args.output_dir / "contact-sheet.png"
        write(target, contact_sheet(simulator, args.photos, count=args.sheet, size=192, seed=args.seed))
        return str(target)
    written = []
    for i, path in enumerate(args.photos):
        triplet = damage_photo(simulator, args.kind, read_photo(path), args.seed + i)
        for name in ("damaged", "clean", "mask"):
            written.append(args.output_dir / f"{path.stem}.{name}.png")
            write(written[-1], to_image(getattr(triplet, name)))
    return "\n".join(map(str, written))
