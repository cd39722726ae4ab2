"""Hard negative mining: places in photographs, and crops around them."""

import cv2
import numpy as np
import pytest
import torch

from dsr_core.errors import DsrError
from training import mine
from training.__main__ import main
from training.photos import Photos

SIDE, PLACE = 256, (192, 64)  # the photograph's; row and column of its only mark


def photographs(folder, ground):
    """Write two photographs of a ground, one with a white square that nobody should take for dust."""
    folder.mkdir()
    for name in ("plain", "marked"):
        picture = cv2.cvtColor(ground, cv2.COLOR_GRAY2BGR)
        if name == "marked":
            picture[PLACE[0] - 4 : PLACE[0] + 4, PLACE[1] - 4 : PLACE[1] + 4] = 255
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    return folder


@pytest.fixture
def folder(tmp_path):
    return photographs(tmp_path / "photos", np.full((SIDE, SIDE), 60, np.uint8))


@pytest.fixture
def gravel(tmp_path):
    stones = np.random.default_rng(0).integers(20, 100, (SIDE // 4, SIDE // 4), np.uint8)
    return photographs(tmp_path / "gravel", np.kron(stones, np.ones((4, 4), np.uint8)))


@pytest.fixture
def table(folder, tmp_path, toy_model):
    path = tmp_path / "new" / "places.csv"
    status = main(["mine", "--photos", str(folder), "--model", str(toy_model), "--output", str(path)])
    assert status == 0
    return path


def test_what_a_model_takes_for_damage_becomes_a_place(folder, table):
    (place,) = mine.read_places(table, sorted(folder.iterdir())).tolist()
    assert place[0] == 0  # "marked" comes before "plain"
    assert place[1:3] == pytest.approx(PLACE, abs=3)
    assert 4 <= place[3] <= 6  # a square of 4 pixels at half the size, and what comes near damage around it


def test_aimed_crops_hold_the_place_and_others_are_as_they_were(folder, table):
    paths = sorted(folder.iterdir())
    photos = Photos(paths, places=mine.read_places(table, paths))

    def crops(hard):
        return photos.crops(16, 48, (0.5, 1.0), torch.Generator().manual_seed(1), hard)

    assert (crops(1.0).amax((1, 2, 3)) > 0.9).all()
    assert (crops(0.0).amax((1, 2, 3)) > 0.9).float().mean() < 0.5
    assert torch.equal(
        crops(0.0), Photos(paths).crops(16, 48, (0.5, 1.0), torch.Generator().manual_seed(1), 1.0)
    )


def test_a_table_of_other_photographs_is_refused(folder, table, tmp_path):
    with pytest.raises(DsrError, match="names none of the photographs"):
        mine.read_places(table, [tmp_path / "other.png"])
    with pytest.raises(DsrError, match="not a table of"):
        mine.read_places(tmp_path / "missing.csv", sorted(folder.iterdir()))
    table.write_text("file,y\nmarked.png,3\n")
    with pytest.raises(DsrError, match="not a table of"):
        mine.read_places(table, sorted(folder.iterdir()))


def test_a_missing_folder_is_a_sentence(tmp_path, capsys, toy_model):
    arguments = ["--photos", str(tmp_path / "none"), "--model", str(toy_model)]
    assert main(["mine", *arguments, "--output", str(tmp_path / "x.csv")]) == 1
    assert "none" in capsys.readouterr().err


class SeesLight(torch.nn.Module):
    """A network that takes all that is bright for damage."""

    def forward(self, image):
        return image * 0, image.mean(1, keepdim=True) * 20 - 10


def test_a_network_in_training_mines_at_two_sizes(gravel):
    photos = Photos(sorted(gravel.iterdir()))
    net = SeesLight().train()
    found = mine.suspected(net, photos, range(2), torch.device("cpu"))
    assert not net.training
    # in cells of 32 pixels of the smaller picture: at half the size the mark lies where four of them meet
    cells = [[160, 32], [160, 96], [224, 32], [224, 96], [192, 64]]
    assert found[:, :3].tolist() == [[0, *cell] for cell in cells]  # "marked" comes before "plain"
    assert found[:, 3].tolist() == [2] * 5  # roots of the areas: four pixels in each
    assert mine.suspected(net, photos, [1], torch.device("cpu")).shape == (0, 4)


def test_what_lies_before_a_plain_ground_is_left_out(folder):
    photos = Photos(sorted(folder.iterdir()))
    assert mine.suspected(SeesLight(), photos, [0], torch.device("cpu")).shape == (0, 4)


def test_every_other_photograph_is_mined_and_the_rest_keep_their_places(gravel):
    photos = Photos(sorted(gravel.iterdir()))
    mine.mine_half(SeesLight(), photos, 1, torch.device("cpu"))
    assert photos.places is None  # the plain one holds nothing
    photos.places = torch.tensor([[0.0, 1, 2, 3], [1.0, 4, 5, 6]])
    mine.mine_half(SeesLight(), photos, 1, torch.device("cpu"))
    assert photos.places.tolist() == [[0, 1, 2, 3]]
    mine.mine_half(SeesLight(), photos, 2, torch.device("cpu"))
    assert photos.places[:, 0].tolist() == [0] * 5
    assert photos.places[:, 3].tolist() == [2] * 5
