"""Pack what a training needs into one archive, for a machine that is lent for minutes.

``python -m training pack --photos FOLDER --validation FOLDER --damage-data FOLDER --output DATA.tar`` shrinks
the photographs and draws the simulator's plates. AVIF at 4:4:4: formats that halve the resolution of the
colour teach a network to take all sharp colour for damage.
"""

import argparse
import io
import os
import tarfile
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from dsr_core.errors import DsrError
from training.damage import FilmDamage, Triplet
from training.damage.drawing import draw_plates, load_drawing
from training.photos import Photos, list_photos

DRAWINGS = {"damage": (("01", "03", "04", "05", "07"), 12, 0), "validation-damage": (("08", "10"), 3, 1)}
"""Real frames, number of other plates, and seed of each drawing."""

KINDS = ("photos", "validation")
"""Folders of photographs in an archive: to train on, and to watch the training by."""

VALIDATION = {"aimed": 0.0, "amount": (0.3, 1.0), "details": 0.2, "hard": 0.0}
"""What sets the fixed batch apart from the conditions of the training."""


class Data(NamedTuple):
    """What lies in an archive, on the training device.

    Attributes
    ----------
    photos
        To train on.
    simulator, validation_simulator
        With plates of different frames.
    validation_photos
        Of which nothing is learned.
    """

    photos: Photos
    simulator: FilmDamage
    validation_photos: Photos
    validation_simulator: FilmDamage

    def validation(self, conditions: dict[str, object], seed: int = 77, size: int = 256) -> Triplet:
        """Make the fixed batch that a training is watched by: a crop of each validation photograph."""
        device = self.photos.atlas.data.device
        rng = torch.Generator(device).manual_seed(seed)
        crops = self.validation_photos.crops(len(self.validation_photos.atlas), size, (0.35, 0.9), rng)
        return self.validation_simulator.with_conditions(**(conditions | VALIDATION))(crops, rng)


def encode(path: Path, side: int, quality: int) -> bytes:
    """Return a photograph as AVIF of at most ``side`` pixels."""
    with Image.open(path) as picture:
        image = picture.convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "AVIF", quality=quality, subsampling="4:4:4", speed=8)
    return data.getvalue()


def pack(
    photos: Path, validation: Path, damage_data: Path | None, output: Path, *, side: int, quality: int
) -> int:
    """Write the archive and return the number of photographs.

    Parameters
    ----------
    photos, validation
        Folders of photographs (see ``training.photos.list_photos``).
    damage_data
        Folder of film damage; None: only procedural damage.
    output
        The ``.tar`` file.
    side, quality
        Longest side in pixels and quality (0 to 100) of the AVIF files.
    """
    packed = 0

    def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

    with (
        tarfile.open(output, "w") as tar,
        ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool,
        tempfile.TemporaryDirectory() as folder,
    ):
        for kind, source in zip(KINDS, (photos, validation), strict=True):
            paths = list_photos(source)
            coded = pool.map(partial(encode, side=side, quality=quality), paths, chunksize=4)
            for path, data in zip(paths, coded, strict=True):
                add(tar, f"{kind}/{path.stem}.avif", data)
            packed += len(paths)
        for kind, (frames, count, seed) in DRAWINGS.items():
            drawing = Path(folder) / f"{kind}.npz"
            draw_plates(damage_data, frames, seed=seed, count=count).save(drawing)
            add(tar, drawing.name, drawing.read_bytes())
    return packed


def unpack(archive: Path, device: torch.device | str) -> Data:
    """Load an archive of :func:`pack` onto a device.

    Raises
    ------
    DsrError
        The archive cannot be read or lacks something.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise DsrError(f"{archive} is no archive of `python -m training pack`: {error}.") from error
        for name in (*KINDS, *(f"{kind}.npz" for kind in DRAWINGS)):
            if not (folder / name).exists():
                raise DsrError(f"{archive} holds no {name}; make it with `python -m training pack`.")
        simulators = [
            FilmDamage.of(load_drawing(folder / f"{kind}.npz", seed=seed), device)
            for kind, (_, _, seed) in DRAWINGS.items()
        ]
        photos, validation = (Photos(list_photos(folder / kind), device) for kind in KINDS)
    return Data(photos, simulators[0], validation, simulators[1])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--validation", type=Path, required=True, help="folder of photographs for validation")
    parser.add_argument("--damage-data", type=Path, help="folder of film damage (default: procedural only)")
    parser.add_argument("--output", type=Path, required=True, help="archive to write, *.tar")
    parser.add_argument("--side", type=int, default=1024, help="longest side of a photograph in pixels")
    parser.add_argument("--quality", type=int, default=48, help="of the AVIF files, 0 to 100")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    count = pack(
        args.photos, args.validation, args.damage_data, args.output, side=args.side, quality=args.quality
    )
    return f"{count} photographs, {args.output.stat().st_size / 1e6:.1f} MB in {args.output}"
