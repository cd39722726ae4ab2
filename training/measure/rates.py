"""How often a model takes clean pictures for damaged: ``python -m training rates MODEL... --photos DIR``.

Runs each model over every so many of the photographs at half their size, counts the marks in a megapixel, and
writes the rates into the model's file, where the filter finds them (`dsr_core.discovery`).
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

from dsr_core import predict, run
from dsr_core.atomic import write_all
from dsr_core.detect import LOWEST, USUAL, find_marks
from dsr_core.discovery import EASED, Rates, logit, write_rates
from dsr_core.models import ModelInfo, find_model
from training.photos import list_photos, read_photo

EVERY = 16
"""Photographs of which one is looked at."""


def measure(model: ModelInfo, photos: Sequence[Path]) -> tuple[Rates, Rates]:
    """Return how many bright and how many dark marks a megapixel of clean photographs holds.

    Marks count from the lowest threshold on that the filter knows at the default sensitivity; by how much
    they exceed it is taken for exponentially distributed.
    """
    megapixels, bright, dark = 0.0, [], []
    for path in tqdm(photos, desc=model.path.stem, unit="photo", disable=None):
        half = cv2.resize(read_photo(path), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        marks = find_marks(run(predict(half, model=model.path)), USUAL, LOWEST)
        megapixels += half.size / 3e6
        counts = marks.top > LOWEST
        bright.append(marks.top[counts & marks.bright])
        dark.append(marks.top[counts & ~marks.bright])
    return _fitted(np.concatenate(bright), megapixels), _fitted(np.concatenate(dark), megapixels)


def _fitted(tops: NDArray[np.uint8], megapixels: float) -> Rates:
    over = logit(tops) + EASED
    falls = (len(over) + 1) / (over.sum() + 1)
    return Rates((len(over) + 1) / megapixels * float(np.exp(-EASED * falls)), float(falls))


def write(model: ModelInfo, rates: tuple[Rates, Rates]) -> ModelInfo:
    """Write the rates into a model's file."""
    graph = onnx.load(model.path)
    onnx.helper.set_model_props(graph, model.metadata | write_rates(*rates))
    write_all({model.path: partial(onnx.save, graph)}, overwrite=True)
    return find_model(model.path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="fast, 1, 2, 3 or paths of ONNX files")
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")


def command(args: argparse.Namespace) -> str:
    """Do what the command line asks for, and return what to tell."""
    photos = list_photos(args.photos)[::EVERY]
    said = []
    for name in args.models:
        model = find_model(name)
        bright, dark = measure(model, photos)
        write(model, (bright, dark))
        said.append(
            f"{model.path.name}: {bright.often:.2f} bright and {dark.often:.2f} dark marks a megapixel"
        )
    return "\n".join(said)
