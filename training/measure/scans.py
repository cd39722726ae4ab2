"""Real film: pairs that an expert restored by hand, scans on which places were judged, and what is counted.

Nothing trains on them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core import DsrError
from training.measure.methods import Outcome
from training.measure.metrics import Mask, dilate, measure, summarise
from training.measure.pairs import Loaded
from training.photos import read_photo

DAMAGE = 25
"""Of 255: where a channel differs by more than this from the expert's restoration, there was damage."""

FAINT = 12
"""Of 255: what differs by no more than this may be compression alone."""

CLEAR = 4
"""Pixels further than this from any difference above ``FAINT`` are clean."""

COVERED = 0.25
"""Share of a judged place's area that the mask must hold for the place to count as repaired."""


@dataclass(frozen=True)
class Scan:
    """A scan and the places on it that were judged by eye.

    Parameters
    ----------
    path
        The picture.
    boxes
        ``(N, 4)``: left, top, right and bottom of each place in pixels; right and bottom lie outside.
    areas
        ``(N,)``: pixels of the region that each box was drawn around.
    labels
        ``(N,)``: ``"dust"``, ``"not"`` (part of the picture, must survive) or ``"unsure"``.
    """

    path: Path
    boxes: NDArray[np.int64]
    areas: NDArray[np.int64]
    labels: NDArray[np.str_]


def load_pairs(folder: Path) -> tuple[list[Loaded], dict[str, Mask]]:
    """Read ``NAME.damaged.jpg``, ``NAME.restored.jpg`` and ``NAME.peer-mask.png``.

    Returns
    -------
    tuple
        The pairs by name: the expert's restoration is the clean picture, what differs from it by more than
        ``DAMAGE`` the true mask. And each pair's mask of the published network, brought to its size.

    Raises
    ------
    DsrError
        There are none, one is not readable, or two that belong together differ in size.
    """
    pairs, peers = [], {}
    for path in sorted(folder.glob("*.damaged.jpg")):
        name = path.name.removesuffix(".damaged.jpg")
        damaged, restored = read_photo(path), read_photo(folder / f"{name}.restored.jpg")
        if damaged.shape != restored.shape:
            raise DsrError(f"The pictures of '{name}' in '{folder}' differ in size; they must be a pair.")
        true = cv2.absdiff(damaged, restored).max(-1) > DAMAGE
        pairs.append(Loaded(name, "real", 1.0, damaged, restored, true))
        peer = read_photo(folder / f"{name}.peer-mask.png")[..., 0]
        peers[name] = cv2.resize(peer, true.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    if not pairs:
        raise DsrError(f"'{folder}' holds no NAME.damaged.jpg; give --data the folder that it belongs in.")
    return pairs, peers


def load_scans(scans: Path, judged: Sequence[Path]) -> list[Scan]:
    """Read the judged places, by the names of their scans.

    Parameters
    ----------
    scans
        Folder of the pictures.
    judged
        Folders of ``NAME.json``, each ``{"scan": FILE, "items": [{"box", "area", "label"}, ...]}``. What
        several say about one scan is put together.

    Raises
    ------
    DsrError
        There are none, a file is damaged, or its picture is missing.
    """
    items: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(path for folder in judged for path in folder.glob("*.json")):
        try:
            content = json.loads(path.read_text())
            places = [{key: place[key] for key in ("box", "area", "label")} for place in content["items"]]
            items.setdefault(content["scan"], []).extend(places)
        except (ValueError, KeyError, TypeError) as error:
            raise DsrError(f"'{path}' is no list of judged places; mend or remove it.") from error
    if not items:
        named = ", ".join(f"'{folder}'" for folder in judged)
        raise DsrError(f"There are no judged places in {named}; name folders that hold some.")
    found = []
    for name, places in sorted(items.items()):
        if not (scans / name).is_file():
            raise DsrError(f"There is no '{scans / name}', on which places were judged.")
        boxes, areas, labels = ([place[key] for place in places] for key in ("box", "area", "label"))
        boxed = np.array(boxes, np.int64).reshape(-1, 4)
        found.append(Scan(scans / name, boxed, np.array(areas, np.int64), np.array(labels, np.str_)))
    return found


def pair_figures(pair: Loaded, outcome: Outcome) -> dict[str, float]:
    """Measure a restoration against the expert's.

    Returns
    -------
    dict
        ``gain``: dB of PSNR over the untouched scan. ``f1``, ``precision``, ``recall``: of pixels, with
        `NEAR` pixels of tolerance, 0 where nothing was found. ``clean_changed``: share
        of the clean pixels that are not what they were.
    """
    measures = measure(pair.damaged, pair.clean, pair.true, outcome.restored, outcome.found)
    summary = summarise([measures])
    clean = ~dilate(cv2.absdiff(pair.damaged, pair.clean).max(-1) > FAINT, CLEAR)
    changed = (outcome.restored != pair.damaged).any(-1) & clean
    return {
        "gain": measures.psnr - measures.psnr_before,
        **{key: float(np.nan_to_num(summary[f"{key}_near"])) for key in ("f1", "precision", "recall")},
        "clean_changed": float(changed.sum() / max(1, clean.sum())),
    }


def scan_figures(scan: Scan, mask: Mask) -> dict[str, float]:
    """Count the judged places that a mask covers.

    Returns
    -------
    dict
        ``dust`` and ``not``: how many places have that label. ``found`` and ``taken``: those of them in whose
        box at least ``COVERED`` times the place's area is in the mask. ``pixels`` and ``changed``: of the
        scan, and those of them in the mask.
    """
    inside = np.array([mask[top:bottom, left:right].sum() for left, top, right, bottom in scan.boxes])
    covered = inside >= np.maximum(COVERED * scan.areas, 1)
    dust, kept = scan.labels == "dust", scan.labels == "not"
    counted = {"dust": dust, "found": dust & covered, "not": kept, "taken": kept & covered, "changed": mask}
    return {"pixels": float(mask.size)} | {key: float(where.sum()) for key, where in counted.items()}
