"""Sentences of training and export that no other test asks for; all stand in ``test_repo_sentences.py``."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dsr_core import DsrError
from dsr_core.nn import export
from dsr_core.nn.resnet import ResNet34Encoder
from dsr_core.nn.unet import UNet, UNetConfig
from training import simulate
from training.measure import card, pairs, report

PIXELS = np.zeros((8, 8, 3), np.uint8)


def pairs_without_masks(_patch):
    pair = {"name": "a", "group": "clean", "scale": 1, "photo": "a.png"}
    Path("pairs.json").write_text(json.dumps([pair]))
    list(pairs.load_pairs(Path()))


def export_without_onnxscript(patch):
    patch.setitem(sys.modules, "onnxscript", None)
    export._to_onnx(None, 2)


ROWS = {
    "holds no figures": lambda _: card._read(Path("figures.json")),
    "is not a readable mask": pairs_without_masks,
    "cannot be written; choose another folder": lambda _: report.write_picture(PIXELS, Path("none/a.png")),
    " cannot be written.": lambda _: simulate.write(Path("none/a.png"), PIXELS),
    "Export needs ": export_without_onnxscript,
    "The resnet34 encoder has the widths ": lambda _: ResNet34Encoder((8, 16)),
    "There is no encoder ": lambda _: UNet(UNetConfig(encoder="vgg")),
}


@pytest.mark.parametrize("fragment", ROWS)
def test_the_sentence_is_said(fragment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DsrError) as caught:
        ROWS[fragment](monkeypatch)
    assert fragment in str(caught.value)
