"""Clean photographs held as uint8 on the training device, and random crops of them."""

import csv
import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dsr_core.errors import DsrError
from training.damage.atlas import Atlas, view


def list_photos(folder: Path) -> list[Path]:
    """List the photographs of a folder.

    Where a table ``FOLDER.csv`` (columns ``file``, ``notes``, ``licence``) lies beside the folder, scans of
    film are left out: they hold specks of their own, which training must not be told are clean.
    """
    suffixes = {".jpg", ".jpeg", ".png", ".tif", ".avif"}
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    table = folder.with_suffix(".csv")
    if table.exists():
        with table.open(newline="") as file:
            film = {row["file"] for row in csv.DictReader(file) if "film" in row["notes"] + row["licence"]}
        paths = [path for path in paths if path.name not in film]
    if not paths:
        raise DsrError(f"{folder} holds no photographs: name a folder of JPEG, PNG or TIFF files.")
    return paths


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read a photograph as ``(H, W, 3)`` uint8 RGB."""
    if path.suffix.lower() == ".avif":  # OpenCV can be built without it
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DsrError(f"{path} is not a readable photograph.")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


class Photos:
    """Photographs on a device, with two pyramid levels.

    Parameters
    ----------
    paths
        Files to hold; a thousand of 1024 pixels take about 3 GB.
    device
        Where they live.
    places
        ``(K, 4)`` of ``training.mine.read_places``: where crops are aimed at, on a share of them.
    """

    def __init__(
        self, paths: Iterable[Path], device: torch.device | str = "cpu", places: Tensor | None = None
    ) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            images = list(pool.map(read_photo, paths))
        self.atlas = Atlas(images, levels=2).to(device)
        self.places = None if places is None else places.to(device)

    def crops(
        self, n: int, size: int, scale: tuple[float, float], rng: torch.Generator, hard: float = 0.0
    ) -> Tensor:
        """Draw ``n`` random crops ``(n, 3, size, size)`` in [0, 1].

        Each is one photograph at a log-uniform scale, turned by a quarter (some by any angle) and mirrored;
        a share ``hard`` of them is cut around the places, if there are any.
        """
        device = rng.device

        def uniform(*shape: int) -> Tensor:
            return torch.rand(n, *shape, generator=rng, device=device)

        index = torch.randint(len(self.atlas), (n,), generator=rng, device=device)
        if self.places is not None and hard:
            chosen = self.places[torch.multinomial(self.places[:, 3], n, replacement=True, generator=rng)]
            aimed = uniform() < hard
            index = torch.where(aimed, chosen[:, 0].long(), index)
        factor = torch.exp(math.log(scale[0]) + uniform() * math.log(scale[1] / scale[0]))
        quarter = torch.randint(4, (n,), generator=rng, device=device) * (math.pi / 2)
        angle = torch.where(uniform() < 0.25, uniform() * 2 * math.pi, quarter)
        reach = (size / 2 / factor)[:, None]
        sizes = self.atlas.sizes[index, 0].float()
        first, last = torch.minimum(reach, sizes / 2), torch.maximum(sizes - reach, sizes / 2)
        centre = torch.lerp(first, last, uniform(2))
        if self.places is not None and hard:
            aim = chosen[:, 1:3] + (uniform(2) - 0.5) * 0.8 * size / factor[:, None]
            centre = torch.where(aimed[:, None], aim.clamp(first, last), centre)
        mirror = (uniform() < 0.5).float() * 2 - 1
        positions = view(size, size, centre, factor, angle, mirror)
        return self.atlas.sample(index, (factor < 0.6).long(), *positions)
