"""What the filter returns: data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dsr_core.coding import Coding
from dsr_core.models import ModelInfo
from dsr_core.pixels import Image
from dsr_core.stretch import PLAIN, Stretch

NETWORK = "network"
"""Name of the network's own probability among the evidence."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    done, total
        Tiles.
    note
        A sentence for the user, or ``""``.
    """

    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The network's output for one image: everything that changing an option needs.

    Parameters
    ----------
    image
        The input itself, ``(H, W[, C])``, untouched and not copied; with a ``coding``, opened by it.
    repaired
        ``(H, W, 1|3)``: repaired colour samples of every pixel, in the input's own type and encoding.
    probability
        ``(H, W)`` uint8: the probability of damage times 255, rounded; all evidence joined.
    model, provider
        What ran, and where: a name of `dsr_core.providers.CARDS`, or ``"cpu"``.
    notes
        Sentences for the user, such as why CUDA did not run.
    linear
        Whether the samples are linear light.
    wanted
        Where it was to run: one of `dsr_core.options.PROVIDERS`.
    stretch
        How the network was shown the samples.
    stored, coding
        The input, and what its numbers stand for, where those are not the usual.
    evidence
        What ``probability`` was joined from, each like it, by name: ``"network"`` and the others; empty where
        there is the network alone.
    moves
        By how many logits the threshold is higher for bright and for dark marks than the options say
        (`dsr_core.discovery`).
    """

    image: Image
    repaired: Image
    probability: NDArray[np.uint8]
    model: ModelInfo
    provider: str
    notes: tuple[str, ...] = ()
    linear: bool = False
    wanted: str = "auto"
    stored: Image | None = None
    coding: Coding | None = None
    evidence: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    stretch: Stretch = PLAIN
    moves: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored image and what was done to it.

    Parameters
    ----------
    image
        Same shape and type as the input; bit-identical to it outside ``mask``, alpha everywhere.
    mask
        ``(H, W)`` bool: every pixel that may differ from the input.
    labels
        ``(H, W)`` int32: 0 outside the mask; the number of the defect inside it.
    probability
        ``(H, W)`` uint8: the probability of damage times 255.
    defects
        Number of defects: connected regions of the mask.
    model, provider, notes
        As in `Prediction`.
    sources
        How many of the defects came from which evidence; empty where there is the network alone.
    """

    image: Image
    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]
    probability: NDArray[np.uint8]
    defects: int
    model: ModelInfo
    provider: str
    notes: tuple[str, ...]
    sources: Mapping[str, int] = field(default_factory=dict)
