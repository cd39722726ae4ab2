"""Hard negative mining: where a model takes part of a clean photograph for damage.

``python -m training mine --photos DIR --model fast --output FILE.csv`` runs an earlier model over the
photographs at half their size. Training then cuts a share of its crops around these places
(``hard_negatives`` of a configuration, ``hard`` of the conditions), where there is most to learn.
"""

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

import dsr_core
from dsr_core.errors import DsrError
from dsr_core.nn.unet import UNet
from training.photos import Photos, list_photos, read_photo
from training.precision import autocast

SUSPECTED = 64  # of 255: half of what it takes to be repaired, so that near misses are learned from, too

BUSY = 0.02
"""Of the range: how far a pixel of busy ground differs from the mean of the five by five around it."""

PLAIN = 0.25
"""Share of busy pixels around a place, below which it is plain."""


def false_alarms(photo: NDArray[np.uint8], model: str | Path) -> NDArray[np.float64]:
    """Find what a model takes for damage in a clean photograph seen at half its size.

    Parameters
    ----------
    photo
        ``(H, W, 3)`` uint8 RGB.
    model
        As in :func:`dsr_core.predict`.

    Returns
    -------
    NDArray
        ``(K, 3)``: row and column in pixels of the photograph, and the area in pixels of the smaller one.
    """
    half = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found = dsr_core.run(dsr_core.predict(half, model=model)).probability >= SUSPECTED
    _, _, stats, centroids = cv2.connectedComponentsWithStats(found.view(np.uint8))
    places = np.stack([centroids[:, 1] * 2, centroids[:, 0] * 2, stats[:, cv2.CC_STAT_AREA]], -1)
    return np.asarray(places[1:], np.float64)


def plain(image: Tensor, cell: int) -> Tensor:
    """Tell which cells lie on plain ground, such as a sky.

    Parameters
    ----------
    image
        ``(N, 3, H, W)`` in [0, 1], sides multiples of ``cell``.
    cell
        Side of a cell in pixels.

    Returns
    -------
    Tensor
        ``(N, 1, H / cell, W / cell)`` bool: less than :data:`PLAIN` of a cell and of those around it is busy.
    """
    level = image.mean(1, keepdim=True)
    busy = (level - F.avg_pool2d(level, 5, 1, 2)).abs() > BUSY
    return F.avg_pool2d(F.avg_pool2d(busy.float(), cell), 3, 1, 1, count_include_pad=False) < PLAIN


@torch.no_grad()
def suspected(net: UNet, photos: Photos, indices: Sequence[int], device: torch.device) -> Tensor:
    """Find what a network takes for damage in clean photographs at a half and a quarter of their size.

    Places before a plain ground are left out: a wire or a bird before the sky cannot be told from a hair or a
    speck, so that such places teach to leave damage.

    Returns
    -------
    Tensor
        ``(K, 4)``: the photograph's index, row and column in its pixels, and a weight, as
        ``training.photos.Photos`` takes them.
    """
    net.eval()
    torch.backends.cudnn.benchmark = False  # hardly two photographs have one size
    cell, atlas, rows = 32, photos.atlas, [torch.zeros(0, 4, device=device)]
    for i in indices:
        height, width = atlas.sizes[i, 1].tolist()
        start = int(atlas.offsets[i, 1])
        pixels = atlas.data[start : start + height * width].view(1, height, width, 3)
        half = pixels.movedim(-1, 1).float() / 255
        for shrunk, image in ((2, half), (4, F.avg_pool2d(half, 2))):
            h, w = (length // cell * cell for length in image.shape[2:])
            if min(h, w) < cell:
                continue
            part = image[..., :h, :w].contiguous(memory_format=torch.channels_last)
            with autocast(device):
                logit = net(part)[1].float()
            # near misses are learned from, too
            area = F.avg_pool2d((logit > -1).float(), cell)[0, 0] * cell**2
            at = (area * ~plain(part, cell)[0, 0]).nonzero()
            place = at * cell * shrunk + cell * shrunk // 2
            index = torch.full((len(at), 1), float(i), device=device)
            rows.append(torch.cat([index, place, area[at[:, 0], at[:, 1]].sqrt()[:, None]], 1).float())
    torch.backends.cudnn.benchmark = True
    return torch.cat(rows)


def mine_half(net: UNet, photos: Photos, number: int, device: torch.device) -> None:
    """Mine every other photograph, in turn, and keep the places of the rest."""
    indices = range(number % 2, len(photos.atlas), 2)
    found = suspected(net, photos, indices, device)
    if photos.places is not None:
        kept = photos.places[photos.places[:, 0].long() % 2 != number % 2]
        found = torch.cat([kept, found])
    photos.places = found if len(found) else None


def read_places(path: Path, photos: Sequence[Path]) -> Tensor:
    """Read what :func:`write_places` wrote, as ``(K, 4)``: the photograph's index, row, column and weight.

    A place weighs the square root of its area: neither the many tiny ones nor the few large ones are all.

    Raises
    ------
    DsrError
        The table cannot be read, or names none of the photographs.
    """
    index = {photo.name: i for i, photo in enumerate(photos)}
    try:
        with path.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["file"] in index]
        places = [
            [index[row["file"]], float(row["y"]), float(row["x"]), float(row["area"]) ** 0.5] for row in rows
        ]
    except (OSError, KeyError, ValueError) as error:
        raise DsrError(f"{path} is not a table of `python -m training mine`: {error}.") from error
    if not places:
        raise DsrError(
            f"{path} names none of the photographs; run `python -m training mine` on their folder."
        )
    return torch.tensor(places)


def write_places(path: Path, photos: Iterable[Path], model: str | Path) -> int:
    """Mine photographs, write a table (``file``, ``y``, ``x``, ``area``) and return the number of places."""
    count = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "y", "x", "area"])
        for photo in photos:
            places = false_alarms(read_photo(photo), model)
            table.writerows([photo.name, round(y), round(x), int(area)] for y, x, area in places)
            count += len(places)
    return count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--model", default="fast", help="model to learn the faults of (default: fast)")
    parser.add_argument("--output", type=Path, required=True, help="table to write, *.csv")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    count = write_places(args.output, list_photos(args.photos), args.model)
    return f"{count} places in {args.output}"
