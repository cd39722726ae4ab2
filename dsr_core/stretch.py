"""A picture that fills only a part of its range, shown to the network as one that fills it.

Underexposed scans, negatives before they are inverted and faded slides keep the samples that they have: what
the network sees is drawn out, and what it repairs is put back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsr_core import pixels
from dsr_core.coding import Coding
from dsr_core.pixels import Image

_ENDS = (0.1, 99.8)
"""Percentiles between which a channel's range lies: dust is beyond them."""

_FILLED = 0.5
"""Share of the range from which on a picture is shown as it is. What its widest channel fills counts: a
picture of one colour is not faded."""

_MOST = 16.0
"""By how much a range is widened at most, so that the grain of an empty frame stays grain."""

_LOOKED_AT = 1 << 20
"""Pixels, about, that the range is measured on."""


@dataclass(frozen=True)
class Stretch:
    """What is taken from the planes of red, green and blue, and by how much they are multiplied then."""

    low: tuple[float, ...] = (0.0, 0.0, 0.0)
    gain: tuple[float, ...] = (1.0, 1.0, 1.0)

    def show(self, planes: NDArray[np.float32]) -> None:
        """Widen the range of planes ``(3, h, w)``, in place; what lies beyond it then is clipped."""
        if self != PLAIN:
            planes -= np.array(self.low, np.float32)[:, None, None]
            planes *= np.array(self.gain, np.float32)[:, None, None]
            np.clip(planes, 0, 1, out=planes)

    def put_back(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return repaired planes ``(3, h, w)`` in the range that the picture has."""
        if self == PLAIN:
            return planes
        low, gain = (np.array(values, np.float32)[:, None, None] for values in (self.low, self.gain))
        return np.asarray(planes / gain + low, np.float32)


PLAIN = Stretch()
"""Of a picture that is shown as it is."""


def measure(
    image: Image,
    *,
    linear: bool = False,
    coding: Coding | None = None,
    wait_for: Callable[[int], None] = lambda _: None,
) -> Stretch:
    """Return how to show an image to the network; parameters as for `dsr_core.predict`.

    An image of 8 bits is shown as it is: drawn out, the steps between its levels and what JPEG left of them
    are taken for damage (F1 on the four narrow validation pairs 0.46 instead of 0.68).
    """
    if image.dtype.itemsize == 1:
        return PLAIN
    wait_for(len(image))
    step = max(1, int((image.shape[0] * image.shape[1] / _LOOKED_AT) ** 0.5))
    some = image[::step, ::step]
    samples = pixels.colour(some if coding is None else coding.opened(some))
    planes = np.empty((3, *samples.shape[:2]), np.float32)
    pixels.to_network(samples, planes, linear=linear)
    first, last = np.percentile(planes.reshape(3, -1), _ENDS, axis=1)
    span = np.maximum(last - first, 1 / _MOST)
    if span.max() >= _FILLED:
        return PLAIN
    return Stretch(tuple((first + last - span) / 2), tuple(1 / span))
