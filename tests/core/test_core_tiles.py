from math import ceil

import numpy as np
import pytest

from dsr_core.tiles import Grid


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (63, 64), (64, 65), (257, 129), (1000, 999)])
@pytest.mark.parametrize(
    ("tile", "margin", "multiple"), [(64, 8, 2), (100, 13, 16), (256, 0, 1), (32, 20, 8)]
)
def test_cores_cover_every_pixel_once_and_tiles_are_equal(size, tile, margin, multiple):
    grid = Grid(*size, tile, margin, multiple)
    covered = np.zeros(size, int)
    index = np.arange(size[0] * size[1]).reshape(size)
    for part in grid:
        covered[part.core] += 1
        cut = part.cut(index)
        assert cut.shape == grid.tile_shape
        assert np.array_equal(cut[part.inner], index[part.core])
    assert (covered == 1).all()
    assert sum(1 for _ in grid) == len(grid)
    assert all(side % multiple == 0 for side in grid.tile_shape)
    assert np.prod(grid.tile_shape) <= max(tile, 4 * (margin + multiple)) ** 2


def test_every_tile_begins_at_a_multiple_and_sees_its_margin():
    """The blocks of a JPEG lie in every tile as they lie in the picture."""
    for part in Grid(1000, 777, 200, 40, 16):
        for core, place, inner in zip(part.core, (part.rows, part.columns), part.inner, strict=True):
            first = core.start - inner.start  # before the picture's first pixel that one is repeated
            assert first % 16 == 0
            assert place[inner.start] == core.start
            assert inner.start >= 40
            assert len(place) - inner.stop >= 40


def test_a_tile_sees_its_margin_and_the_edge_repeated():
    image = np.arange(20 * 30).reshape(20, 30)
    first = next(iter(Grid(20, 30, 16, 4, 2)))
    assert np.array_equal(
        first.cut(image), np.pad(image, 4, mode="edge")[: first.rows.size, : first.columns.size]
    )


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_the_edge_is_repeated_however_far_a_tile_reaches(length):
    image = np.arange(length)[:, None]
    (tile,) = Grid(length, 1, 80, 20, 8)
    assert np.array_equal(tile.rows, np.pad(np.arange(length), 64, mode="edge")[40 : 40 + tile.rows.size])
    assert np.array_equal(tile.cut(image)[tile.inner], image)


@pytest.mark.parametrize("size", [(400, 600), (100, 2000), (333, 334)])
def test_no_other_grid_of_such_tiles_computes_less(size):
    grid = Grid(*size, 160, 12, 8)

    def computed(down, across):
        tall, wide = (
            ceil(ceil(n / 8) / count) * 8 + 32 for n, count in zip(size, (down, across), strict=True)
        )
        return down * across * tall * wide if tall * wide <= 160**2 else np.inf

    least = min(computed(down, across) for down in range(1, 90) for across in range(1, 90))
    assert len(grid) * np.prod(grid.tile_shape) == least
