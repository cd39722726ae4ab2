"""What options find in a prediction, computed as far as an editor asks for it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dsr_core.composite import compose_rows
from dsr_core.decisions import Decided
from dsr_core.editor.patches import blend_selected
from dsr_core.evidence import count_sources, told
from dsr_core.options import Options
from dsr_core.pixels import Image
from dsr_core.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Found:
    """The mask of what was found, and what of it may be shown.

    Parameters
    ----------
    prediction
        What it was found in.
    wanted
        By which options, and whether it is everything that is selected instead.
    decided
        ``(H, W)``: what a person decided, if anything.
    mask, shown
        ``(H, W)``: what is repaired, and the part of it that is selected.
    clip
        ``(H, W)``: how far each pixel is selected, where not everything is.
    notes
        Sentences for the user.
    """

    prediction: Prediction
    wanted: tuple[Options, bool]
    decided: Decided | None
    mask: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    clip: NDArray[np.uint8] | None
    notes: tuple[str, ...]

    def restored(self, rows: slice) -> Image:
        """Return rows of the restored picture: computed for the few that are wanted, not held for all."""
        before = self.prediction.image[rows]
        after = np.empty(before.shape, before.dtype)
        compose_rows(self.prediction, self.mask, rows, self.wanted[0].feather, after)
        return after if self.clip is None else blend_selected(before, after, self.clip[rows])

    @cached_property
    def changed(self) -> int:
        """Pixels that may differ."""
        return int(np.count_nonzero(self.shown))

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The number of its defect for each of these pixels, 0 elsewhere."""
        return cv2.connectedComponents(self.shown.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)[1]

    @cached_property
    def defects(self) -> int:
        """Connected regions of these pixels."""
        return int(self.labels.max())

    @cached_property
    def sources(self) -> str:
        """How many came from which evidence, in words; nothing where a person selected them."""
        everything = self.wanted[1]
        return "" if everything else told(count_sources(self.labels, self.defects, self.prediction.evidence))
