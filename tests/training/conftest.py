"""Photographs and an archive of them, for all tests of the training."""

import cv2
import pytest
import skimage.data

from tests.training.tiny import tiny_plates
from training.__main__ import main


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "coffee"):
        cv2.imwrite(str(folder / f"{name}.png"), getattr(skimage.data, name)()[..., ::-1])
    return folder


@pytest.fixture(scope="session")
def archive(photos, tmp_path_factory):
    """Path of an archive of two photographs of 300 pixels, each for training and for validation."""
    path = tmp_path_factory.mktemp("archive") / "data.tar"
    arguments = ["--photos", str(photos), "--validation", str(photos), "--side", "300", "--quality", "80"]
    with tiny_plates():
        assert main(["pack", *arguments, "--output", str(path)]) == 0
    return path
