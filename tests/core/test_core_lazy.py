"""The filter on Dask arrays."""

import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import zarr

import dsr_core
from dsr_core.errors import DsrError
from tests.dusty import dusty


def grainy(height, width, dtype="uint16"):
    """Return a picture with grain, a scratch, and specks on the borders of blocks of 100 pixels."""
    picture = dusty(height, width, dtype=dtype)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 1500, picture.shape)
    picture = (picture.clip(0, 60_000) + noise).astype(dtype)
    for row, column in ((98, 40), (40, 99), (97, 198), (150, 150), (200, 98)):
        picture[row : row + 4, column : column + 4] = 65535
    picture[20:22, 10:290] = 65535
    return picture


def restored(array, toy_model, **rest):
    image, mask = dsr_core.restore_dask(array, model=toy_model, provider="cpu", **rest)
    return image, mask, *da.compute(image, mask)


def test_blocks_give_what_the_whole_picture_gives(toy_model):
    picture = grainy(250, 300)
    lazy, lazy_mask, image, mask = restored(da.from_array(picture, chunks=(70, 90, 3)), toy_model, block=100)
    whole = dsr_core.restore(picture, model=toy_model, provider="cpu")
    assert (lazy.shape, lazy.dtype, lazy_mask.shape) == (picture.shape, picture.dtype, picture.shape[:2])
    assert (image.dtype, mask.dtype) == (picture.dtype, np.bool_)
    assert np.array_equal(image[~mask], picture[~mask])
    assert (image[mask] != picture[mask]).any()
    assert np.array_equal(mask, whole.mask)
    # where a tile begins changes the order of float32 sums: one step of 65535 is allowed
    assert np.abs(image.astype(int) - whole.image).max() <= 1


@pytest.mark.parametrize("shape", [(120, 130), (2, 120, 130), (2, 3, 120, 130, 3), (4, 120, 130, 4)])
def test_every_frame_of_a_stack_is_restored(toy_model, shape):
    channels = shape[-1] if shape[-1] < 5 else 0
    height, width = shape[-3:-1] if channels else shape[-2:]
    frame = dusty(height, width, channels, "uint8")
    stack = np.broadcast_to(frame, shape).copy()
    lazy, _, image, mask = restored(da.from_array(stack), toy_model)
    assert lazy.shape == image.shape == shape
    one = dsr_core.restore(frame, model=toy_model, provider="cpu")
    frames = image.reshape(-1, *frame.shape)
    assert all(np.array_equal(each, one.image) for each in frames)
    assert all(np.array_equal(each, one.mask) for each in mask.reshape(-1, height, width))


def test_what_is_no_picture_is_refused(toy_model, monkeypatch):
    with pytest.raises(DsrError, match="height and width"):
        dsr_core.restore_dask(da.zeros(9), model=toy_model)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(DsrError, match=r"dust-scratch-removal\[cluster\]"):
        dsr_core.restore_dask(da.zeros((9, 9)), model=toy_model)


def test_nothing_happens_before_it_is_computed(toy_model):
    array = da.full((5000, 5000), np.nan)
    image, _ = dsr_core.restore_dask(array, model=toy_model, provider="cpu")
    with pytest.raises(DsrError, match="NaN"):
        image[:10, :10].compute()


PROGRAM = """
import resource, sys
import dask, dask.array as da, numpy as np, zarr
import dsr_core
side, model = int(sys.argv[1]), sys.argv[2]
source = da.from_zarr("in.zarr")
image, mask = dsr_core.restore_dask(source, model=model, provider="cpu")
done = zarr.create_array("out.zarr", shape=image.shape, chunks=(2048, 2048), dtype=image.dtype, fill_value=0)
marks = zarr.create_array("mask.zarr", shape=mask.shape, chunks=(2048, 2048), dtype=bool, fill_value=False)
image, mask = image.rechunk((2048, 2048)), mask.rechunk((2048, 2048))
da.store([image, mask], [done, marks], lock=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak has another unit")
@pytest.mark.filterwarnings("ignore:.*Zarr format 3.*")
def test_two_gigapixels_take_less_than_two_gigabytes(toy_model, tmp_path):
    """From zarr to zarr, in a process that may not take more."""
    side = 45_056
    source = zarr.create_array(
        tmp_path / "in.zarr", shape=(side, side), chunks=(2048, 2048), dtype=np.uint8, fill_value=90
    )
    spots = [(2046, 2046), (20_000, 30_000), (side - 3, side - 3)]
    for row, column in spots:
        source[row : row + 3, column : column + 3] = 255
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(side), str(toy_model)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 2
    mask, image = zarr.open_array(tmp_path / "mask.zarr"), zarr.open_array(tmp_path / "out.zarr")
    for row, column in spots:
        part = slice(row - 20, row + 20), slice(column - 20, column + 20)
        assert mask[part].sum() >= 9
        assert (image[part] == 255).sum() == 0
        assert np.array_equal(image[part][~mask[part]], source[part][~mask[part]])
