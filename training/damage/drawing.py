"""All that a simulator draws once, before the first batch: plates of damage, plates of detail, spots."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.errors import DsrError
from training.damage.details import detail_plates
from training.damage.plates import Plate, damage_plates, defect_spots

DETAIL_SETS = 3  # of every kind of detail, so that there is more than one of each
_PLANES = ("coverage", "number")
_SMALLEST = [cv2.IMWRITE_PNG_COMPRESSION, 7]
SPOTS = 4096  # places on defects, drawn once for each plate


class Drawing(NamedTuple):
    """What a simulator cuts its samples from.

    Attributes
    ----------
    plates
        Arrays ``(H, W, 2)`` uint8 of ``training.damage.plates``: coverage and the defect's number.
    details
        Arrays ``(H, W, 1)`` uint8, whole sets in the order of ``training.damage.details.DETAILS``.
    spots
        ``(plates, K, 3)`` int64 of ``training.damage.plates.defect_spots``.
    """

    plates: list[Plate]
    details: list[Plate]
    spots: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write plates and spots as one ``.npz`` file of PNG planes; details are drawn sooner than read."""
        arrays: dict[str, NDArray[Any]] = {"spots": self.spots}
        for i, plate in enumerate(self.plates):
            for channel, name in enumerate(_PLANES):
                # of the nearest defects' numbers PNG makes half of what zip does
                plane = np.ascontiguousarray(plate[..., channel])
                arrays[f"{name}{i}"] = cv2.imencode(".png", plane, _SMALLEST)[1]
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def draw_plates(damage_data: Path | None, frames: Sequence[str], *, seed: int, count: int = 12) -> Drawing:
    """Draw everything again.

    Parameters
    ----------
    damage_data, frames, count
        As for ``training.damage.plates.damage_plates``.
    seed
        Fixes every plate.
    """
    rng = np.random.default_rng(seed)
    plates = damage_plates(damage_data, rng, frames=frames, count=count)
    spots = np.stack([defect_spots(plate, rng, SPOTS) for plate in plates])
    return Drawing(plates, draw_details(seed), spots)


def draw_details(seed: int) -> list[Plate]:
    """Draw the sets of details alone."""
    rng = np.random.default_rng((seed, DETAIL_SETS))
    return [plate for _ in range(DETAIL_SETS) for plate in detail_plates(rng)]


def load_drawing(path: Path, *, seed: int) -> Drawing:
    """Read what :meth:`Drawing.save` wrote, and draw the details.

    Raises
    ------
    DsrError
        The file cannot be read or is none of these.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            count = sum(key.startswith(_PLANES[0]) for key in arrays.files)
            coded = [[arrays[f"{name}{i}"] for name in _PLANES] for i in range(count)]
            spots = arrays["spots"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return Drawing(list(pool.map(_decode, coded)), draw_details(seed), spots)
    except (OSError, ValueError, KeyError, cv2.error) as error:
        raise DsrError(f"{path} is no drawing of the simulator: {error}.") from error


def _decode(planes: list[Plate]) -> Plate:
    """Return ``(H, W, C)`` from its encoded channels."""
    decoded = [np.asarray(cv2.imdecode(plane, cv2.IMREAD_GRAYSCALE), np.uint8) for plane in planes]
    return np.stack(decoded, -1)
