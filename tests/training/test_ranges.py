"""The command that measures narrow ranges, on little."""

import numpy as np
import skimage.data
from PIL import Image

from dsr_core.stretch import PLAIN, measure
from training.__main__ import main
from training.measure.ranges import RANGES, as_16_bit, counts


def test_every_range_but_the_first_is_narrow():
    picture = skimage.data.astronaut().astype(np.float32) / 255
    shown = {name: measure(as_16_bit(narrowed(picture))) for name, narrowed in RANGES.items()}
    assert shown.pop("as it was") == PLAIN
    assert PLAIN not in shown.values()


def test_two_pixels_aside_is_right():
    true, mask = np.zeros((2, 40, 40), np.bool_)
    true[10:14, 10:14] = True
    mask[10:14, 12:16] = True  # two of its columns lie beside
    mask[30, 30] = True
    assert counts(mask, true).tolist() == [16, 16, 16, 17]


def test_the_page_gives_every_range(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(skimage.data.astronaut()).resize((704, 704)).save(photos / "a.png")
    page = tmp_path / "page.md"
    assert main(["ranges", "fast", "--photos", str(photos), "--count", "1", "--markdown", str(page)]) == 0
    assert "is written" in capsys.readouterr().out
    text = page.read_text()
    assert all(f"| {name} |" in text for name in RANGES)
    assert "model-fast.onnx" in text
