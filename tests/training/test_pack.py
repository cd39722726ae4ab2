"""Archives: what is packed comes out again, anything else is refused in one sentence."""

import io
import tarfile

import numpy as np
import pytest
import torch

from dsr_core.errors import DsrError
from training.pack import unpack
from training.photos import read_photo


@pytest.fixture(scope="module")
def data(archive):
    return unpack(archive, "cpu")


def members(archive):
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def write(path, files):
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_an_archive_holds_shrunk_photographs_and_drawings(archive, data):
    assert sorted(members(archive)) == [
        "damage.npz",
        "photos/astronaut.avif",
        "photos/coffee.avif",
        "validation-damage.npz",
        "validation/astronaut.avif",
        "validation/coffee.avif",
    ]
    for photos in (data.photos, data.validation_photos):
        assert photos.atlas.sizes[:, 0].tolist() == [[300, 300], [200, 300]]
    assert not torch.equal(data.simulator.plates.data, data.validation_simulator.plates.data)


def test_colour_keeps_its_resolution(archive, data, photos, tmp_path):
    (tmp_path / "a.avif").write_bytes(members(archive)["photos/astronaut.avif"])
    packed = read_photo(tmp_path / "a.avif").astype(float)
    assert np.array_equal(packed, data.photos.atlas.data[: 300 * 300].view(300, 300, 3))
    whole = read_photo(photos / "astronaut.png").astype(float)
    assert np.abs(packed.mean((0, 1)) - whole.mean((0, 1))).max() < 2
    chroma = packed[..., 0] - packed[..., 1]
    blocks = chroma.reshape(150, 2, 150, 2)
    inside = np.abs(np.diff(blocks, axis=1)).mean()  # a colour for four pixels would leave next to nothing
    across = np.abs(chroma[2::2] - chroma[1:-1:2]).mean()
    assert inside > 0.7 * across


def test_the_fixed_batch_is_the_same_again(data):
    first, again = (data.validation({"jpeg": 0.0}, size=64) for _ in range(2))
    assert first.damaged.shape == (2, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_what_is_no_archive_is_refused(archive, tmp_path):
    (tmp_path / "text.tar").write_text("no archive")
    with pytest.raises(DsrError, match=r"text\.tar is no archive of `python -m training pack`"):
        unpack(tmp_path / "text.tar", "cpu")
    with pytest.raises(DsrError, match=r"gone\.tar is no archive"):
        unpack(tmp_path / "gone.tar", "cpu")
    (tmp_path / "cut.tar").write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(DsrError, match=r"cut\.tar"):
        unpack(tmp_path / "cut.tar", "cpu")


@pytest.mark.parametrize("lacking", ["photos", "validation", "damage.npz", "validation-damage.npz"])
def test_an_archive_that_lacks_something_is_refused(archive, tmp_path, lacking):
    kept = {name: data for name, data in members(archive).items() if name.split("/")[0] != lacking}
    with pytest.raises(DsrError, match=rf"a\.tar holds no {lacking}; make it"):
        unpack(write(tmp_path / "a.tar", kept), "cpu")


def test_a_damaged_drawing_is_refused(archive, tmp_path):
    files = members(archive) | {"damage.npz": b"no drawing"}
    with pytest.raises(DsrError, match="no drawing of the simulator"):
        unpack(write(tmp_path / "a.tar", files), "cpu")
