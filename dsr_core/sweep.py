"""All tiles of an image through an engine, and what is tried when memory runs out."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dsr_core import engine, pixels
from dsr_core.bands import beside
from dsr_core.errors import DsrError
from dsr_core.models import ModelInfo
from dsr_core.pixels import Image
from dsr_core.prediction import Progress
from dsr_core.providers import CARDS, label
from dsr_core.stretch import Stretch
from dsr_core.tiles import Grid, Tile

SMALLEST_TILE = 256
Read = Callable[[Tile], Image]
Write = Callable[[Tile, NDArray[np.float32], NDArray[np.float32]], None]


@dataclass(frozen=True)
class Load:
    """What is given to a provider at a time: ``batch`` tiles of at most ``tile`` x ``tile`` pixels."""

    provider: str
    batch: int
    tile: int

    def eased(self, margin: int) -> "Load | None":
        """Return the next smaller load for the same provider, or ``None`` at the smallest."""
        if self.batch > 1:
            return replace(self, batch=self.batch // 2)
        if self.tile // 2 >= max(SMALLEST_TILE, 4 * margin):
            return replace(self, tile=self.tile // 2)
        return None

    def __str__(self) -> str:
        tiles = f"{self.batch} tile{'s' * (self.batch > 1)}"
        return f"{tiles} of {self.tile} pixels at a time on {label(self.provider)}"


# With a margin of 96, the tiles of a 24-megapixel scan hold 35 % more pixels than the scan does at a size of
# 1536, 29 % at 1792, and 22 % at 2432, which takes more memory (docs/performance.md).
LOADS = {name: Load(name, 1, 1024) for name in CARDS}
LOADS |= {"cpu": Load("cpu", 1, 1792), "cuda": Load("cuda", 4, 1024)}


def sweep(
    model: ModelInfo,
    provider: str,
    shape: tuple[int, ...],
    read: Read,
    write: Write,
    *,
    linear: bool,
    stretch: Stretch,
) -> Generator[Progress, None, tuple[str, tuple[str, ...]]]:
    """Run the tiles of an image; where memory runs out, all of them again with less at a time.

    First the batch is halved, then the tile's side; in the end the CPU takes over, if the provider is "auto".

    Parameters
    ----------
    model, provider
        What runs, and where it is wanted: one of `dsr_core.options.PROVIDERS`.
    shape
        Height and width of the image.
    read
        Returns the samples ``(h, w, 1|3)`` of a tile.
    write
        Gets the core of each tile: repaired planes ``(3, h, w)`` and damage ``(h, w)``, in [0, 1]. Like
        ``read`` it runs in a thread beside the network.
    linear
        Whether the samples are linear light.
    stretch
        How the network is shown the samples, and what is undone before ``write``.

    Yields
    ------
    Progress
        Before the first and after every batch of tiles.

    Returns
    -------
    tuple
        The provider that ran, and sentences for the user.

    Raises
    ------
    DsrError
        The provider cannot run, or even the smallest load is too much for the memory.
    """
    name, note = engine.choose_provider(provider)
    load = LOADS[name]
    notes = (note,) if note else ()
    while True:
        grid = Grid(shape[0], shape[1], load.tile, model.margin, model.multiple_of)
        yield Progress(0, len(grid), note)
        try:
            yield from _run_tiles(model, load, grid, read, write, linear, stretch)
        except (engine.OutOfMemoryError, MemoryError) as error:
            easier = load.eased(model.margin)
            if easier is None and load.provider != "cpu" and provider == "auto":
                easier = LOADS["cpu"]
            if easier is None:
                raise DsrError(
                    f"Not even {load} fit into memory; close other programs and try again."
                ) from error
            note = f"Out of memory with {load}; going on with {easier}"
            notes, load = (*notes, note), easier
        except engine.ProviderError as error:
            if provider != "auto" or load.provider == "cpu":
                raise
            note, load = f"{error} Going on with the CPU.", LOADS["cpu"]
            notes = (*notes, note)
        else:
            return load.provider, notes


def _run_tiles(
    model: ModelInfo,
    load: Load,
    grid: Grid,
    read: Read,
    write: Write,
    linear: bool,
    stretch: Stretch,
) -> Generator[Progress, None, None]:
    tiles = list(grid)
    network = engine.load_engine(model, load.provider, grid.tile_shape)
    # The last batch is run at full size like the others: a new shape would cost CUDA more than empty tiles
    # do.
    size = min(load.batch, len(tiles))
    groups = [tiles[first : first + size] for first in range(0, len(tiles), size)]
    # one is filled while the network looks at the other
    batches = [np.zeros((size, 3, *grid.tile_shape), np.float32) for _ in groups[:2]]

    def filled(number: int) -> NDArray[np.float32]:
        batch = batches[number % 2]
        for slot, tile in zip(batch, groups[number], strict=False):
            pixels.to_network(read(tile), slot, linear=linear)
            stretch.show(slot)
        return batch

    def put(number: int, repaired: NDArray[np.float32], damage: NDArray[np.float32]) -> None:
        for tile, planes, chance in zip(groups[number], repaired, damage, strict=False):
            write(tile, stretch.put_back(planes[:, *tile.inner]), chance[0][tile.inner])

    done = 0
    with beside() as start:
        ahead, behind = start(filled, 0), start(lambda: None)
        for number, group in enumerate(groups):
            batch = ahead.result()
            last = number + 1 == len(groups)
            if not last:
                ahead = start(filled, number + 1)
            found = network(batch, last=last)
            behind.result()
            behind = start(put, number, *found)
            del found  # the memory is free as soon as it is put where it belongs
            done += len(group)
            yield Progress(done, len(tiles))
        behind.result()
