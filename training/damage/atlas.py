"""Many images in one flat tensor, sampled at any position and scale in one vectorised step."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def _reflect(position: Tensor, size: Tensor) -> Tensor:
    """Fold integer positions of any value into ``[0, size)`` by mirroring at both ends."""
    folded = torch.remainder(position, 2 * size)
    return torch.minimum(folded, 2 * size - 1 - folded)


class Atlas:
    """A store of uint8 images of one channel count, each with a pyramid of halved copies.

    Parameters
    ----------
    images
        Arrays ``(H, W, C)`` of uint8; sizes may differ.
    levels
        Number of pyramid levels; level ``k`` is ``2**k`` times smaller.
    nearest_channels
        Channels that hold identifiers: they are subsampled, not averaged, in the pyramid.

    Notes
    -----
    Everything lies in one ``(total, C)`` tensor, so that a batch may mix images, levels and transforms and
    still be sampled by four gathers, on the CPU as on a GPU.
    """

    def __init__(
        self, images: Sequence[NDArray[np.uint8]], levels: int = 1, nearest_channels: Sequence[int] = ()
    ) -> None:
        pieces, sizes = [], []
        for image in images:
            level = image
            for k in range(levels):
                if k:
                    half = (max(1, level.shape[1] // 2), max(1, level.shape[0] // 2))
                    smaller = np.asarray(cv2.resize(level, half, interpolation=cv2.INTER_AREA), np.uint8)
                    smaller = smaller.reshape(half[1], half[0], -1)
                    for channel in nearest_channels:
                        smaller[..., channel] = level[: 2 * half[1] : 2, : 2 * half[0] : 2, channel]
                    level = smaller
                sizes.append(level.shape[:2])
                pieces.append(torch.from_numpy(np.ascontiguousarray(level)).reshape(-1, level.shape[2]))
        self.data = torch.cat(pieces)
        self.sizes = torch.tensor(sizes).reshape(len(images), levels, 2)
        areas = self.sizes.prod(-1).flatten()
        self.offsets = (areas.cumsum(0) - areas).reshape(len(images), levels)
        self.levels = levels

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device | str) -> "Atlas":
        """Move the store to a device and return it."""
        self.data, self.sizes, self.offsets = (t.to(device) for t in (self.data, self.sizes, self.offsets))
        return self

    def level(self, scale: Tensor) -> Tensor:
        """Return the pyramid level to read for ``scale`` output pixels to one of level 0, both ``(N,)``."""
        halvings = torch.stack([scale < 0.7 / 2**k for k in range(3)]).sum(0)
        return halvings.clamp(max=self.levels - 1)

    def sample(self, index: Tensor, level: Tensor, y: Tensor, x: Tensor, *, nearest: bool = False) -> Tensor:
        """Read images at continuous positions, mirrored beyond their borders.

        Parameters
        ----------
        index, level
            ``(N,)`` integer: image and pyramid level of each sample.
        y, x
            ``(N, H, W)`` float: positions in pixels of level 0, pixel centres at integers.
        nearest
            Take the nearest pixel and return raw bytes; else interpolate bilinearly and return [0, 1].

        Returns
        -------
        Tensor
            ``(N, C, H, W)``: float32 in [0, 1], or uint8 with ``nearest``.
        """
        column = (slice(None), None, None)
        height, width = (self.sizes[index, level, axis][column] for axis in (0, 1))
        offset = self.offsets[index, level][column]
        factor = (0.5 ** level.to(y.dtype))[column]
        y, x = (y + 0.5) * factor - 0.5, (x + 0.5) * factor - 0.5

        def line(row: Tensor) -> Tensor:
            return offset + _reflect(row, height) * width

        if nearest:
            return self.data[line(y.round().long()) + _reflect(x.round().long(), width)].movedim(-1, 1)
        y0, x0 = y.floor(), x.floor()
        wy, wx = (y - y0)[..., None], (x - x0)[..., None]
        row, col = y0.long(), x0.long()
        left, right = _reflect(col, width), _reflect(col + 1, width)

        def across(start: Tensor) -> Tensor:
            return torch.lerp(self.data[start + left].float(), self.data[start + right].float(), wx)

        return torch.lerp(across(line(row)), across(line(row + 1)), wy).movedim(-1, 1) / 255


def view(
    height: int, width: int, centre: Tensor, scale: Tensor, angle: Tensor, mirror: Tensor
) -> tuple[Tensor, Tensor]:
    """Positions of an output grid seen through a similarity transform.

    Parameters
    ----------
    height, width
        Size of the output in pixels.
    centre
        ``(N, 2)``: where the middle of the output lies in the source, (y, x) in pixels.
    scale
        ``(N,)``: output pixels for one source pixel.
    angle
        ``(N,)``: rotation in radians.
    mirror
        ``(N,)``: 1 or -1.

    Returns
    -------
    tuple[Tensor, Tensor]
        ``y`` and ``x``, each ``(N, height, width)``, in source pixels.
    """
    device = centre.device
    v = torch.arange(height, device=device, dtype=torch.float32)[:, None] - (height - 1) / 2
    u = torch.arange(width, device=device, dtype=torch.float32)[None, :] - (width - 1) / 2
    cos, sin = (torch.cos(angle) / scale)[:, None, None], (torch.sin(angle) / scale)[:, None, None]
    u = u * mirror[:, None, None]
    return centre[:, 0, None, None] + cos * v + sin * u, centre[:, 1, None, None] - sin * v + cos * u
