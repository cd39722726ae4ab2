"""The filter on Dask arrays."""

import os
import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import zarr
from onnx import TensorProto, helper

import dsr_core
from dsr_core.errors import DsrError
from dsr_core.stretch import measure
from tests.dusty import dusty
from tests.toy_model import write_model


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
    # how dense a block of 100 pixels is says little of the picture
    options = dsr_core.Options(dense="repair")
    array = da.from_array(picture, chunks=(70, 90, 3))
    lazy, lazy_mask, image, mask = restored(array, toy_model, options=options, block=100)
    whole = dsr_core.restore(picture, options, model=toy_model, provider="cpu")
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
    stretch = measure(frame)
    lazy, _, image, mask = restored(da.from_array(stack), toy_model, stretch=stretch)
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
import pathlib, re, sys
import dask.array as da
import zarr
import dsr_core
source = zarr.open_array("in.zarr")
side = source.chunks[0]
image, mask = dsr_core.restore_dask(da.from_zarr(source), model=sys.argv[1], provider="cpu", block=side)
image, mask = image.rechunk(source.chunks), mask.rechunk((side, side))
done = zarr.create_array("out.zarr", shape=image.shape, chunks=source.chunks, dtype=image.dtype)
marks = zarr.create_array("mask.zarr", shape=mask.shape, chunks=(side, side), dtype=bool)
da.store([image, mask], [done, marks], lock=False)
# not `getrusage`, whose peak counts the process that started this one
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1e6)
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc")


def gigabytes_at_the_peak(model, folder, limit="unlimited"):
    """Restore ``in.zarr`` into ``out.zarr`` and ``mask.zarr`` in a process that can address ``limit`` kB."""
    run = subprocess.run(
        ["sh", "-c", f'ulimit -v {limit}; exec "$@"', "sh", sys.executable, "-c", PROGRAM, str(model)],
        cwd=folder,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},  # what glibc sets aside for threads is no memory yet
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


@linux_only
def test_from_zarr_to_zarr_memory_holds_only_some_blocks(toy_model, tmp_path):
    """The picture has 151 MB, which the filter on a whole picture needs four times."""
    shape = 2048, 6144, 3
    source = zarr.create_array(
        tmp_path / "in.zarr", shape=shape, chunks=(512, 512, 3), dtype=np.float32, fill_value=0.3
    )
    spots = [(510, 510), (1000, 3000), (2045, 6141)]
    for row, column in spots:
        source[row : row + 3, column : column + 3] = 1
    assert gigabytes_at_the_peak(toy_model, tmp_path) < 0.6
    mask, image = zarr.open_array(tmp_path / "mask.zarr"), zarr.open_array(tmp_path / "out.zarr")
    for row, column in spots:
        part = slice(row - 20, row + 20), slice(column - 20, column + 20)
        assert mask[part].sum() >= 9
        assert image[part].max() < 1
        assert np.array_equal(image[part][~mask[part]], source[part][~mask[part]])


@pytest.mark.slow
@pytest.mark.timeout(3600)  # two minutes and a half of one core
@linux_only
def test_two_gigapixels_are_restored_where_there_are_two_gigabytes(tmp_path):
    """The picture alone would fill them; the network is the cheapest there can be: what is bright is dust."""
    image, grey, largest, bright, repaired, damage = (
        "image",
        "grey",
        "largest",
        "bright",
        "repaired",
        "damage",
    )
    write_model(
        tmp_path / "cheap.onnx",
        [
            helper.make_node("Min", [image, grey], [repaired]),
            helper.make_node("ReduceMax", [image], [largest], axes=[1], keepdims=1),
            helper.make_node("Greater", [largest, grey], [bright]),
            helper.make_node("Cast", [bright], [damage], to=TensorProto.FLOAT),
        ],
        {grey: 0.5},
    )
    side, down, across = 2048, 20, 24
    source = zarr.create_array(
        tmp_path / "in.zarr",
        shape=(down * side, across * side),
        chunks=(side, side),
        dtype=np.uint8,
        fill_value=90,
    )
    assert source.size > 2e9
    spots = [(100, 100), (side - 1, 3 * side - 1), (down * side - 23, across * side - 23)]
    for row, column in spots:
        source[row : row + 3, column : column + 3] = 255
    assert gigabytes_at_the_peak(tmp_path / "cheap.onnx", tmp_path, 2_000_000) < 1
    mask, image = zarr.open_array(tmp_path / "mask.zarr"), zarr.open_array(tmp_path / "out.zarr")
    assert mask.nchunks_initialized == 1 + 4 + 1  # the second lies in four blocks; elsewhere is nothing
    for row, column in spots:
        part = slice(row - 20, row + 20), slice(column - 20, column + 20)
        assert mask[part].sum() == 25  # three by three, grown by one
        assert image[part].max() < 255
        assert np.array_equal(image[part][~mask[part]], source[part][~mask[part]])
    seam = slice(side - 40, side - 20)
    assert np.array_equal(image[seam], source[seam])
