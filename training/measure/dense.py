"""Dense clean pictures: what of print, stars and paint a model takes for damage, and what is replaced.

Drawn over photographs: such pictures are free of dirt to the pixel.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from dsr_core import Options, compose, predict, run
from training.measure.faint import Picture
from training.photos import list_photos, read_photo

_SIZE = 512


def halftone(photo: Picture, rng: np.random.Generator) -> Picture:
    """Return the photograph as print shows it: dots of one ink at an angle, 5 to 9 pixels apart."""
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    angle, apart = rng.uniform(0, np.pi), rng.uniform(5, 9)
    along = (rows * np.cos(angle) + columns * np.sin(angle)) * 2 * np.pi / apart
    across = (columns * np.cos(angle) - rows * np.sin(angle)) * 2 * np.pi / apart
    screen = 0.5 + (np.cos(along) + np.cos(across)) / 4
    dots = np.where(photo.mean(axis=2) > screen, 0.93, 0.08).astype(np.float32)
    return np.repeat(cv2.GaussianBlur(dots, (0, 0), 0.7)[:, :, None], 3, axis=2)


def stars(photo: Picture, rng: np.random.Generator) -> Picture:
    """Return a night sky in the place of the photograph, with one star in 250 pixels."""
    light = np.zeros((_SIZE, _SIZE), np.float32)
    for _ in range(_SIZE * _SIZE // 250):
        star = np.zeros((9, 9), np.float32)
        star[4, 4] = rng.exponential(6.0)
        row, column = rng.integers(0, _SIZE - 9, 2)
        light[row : row + 9, column : column + 9] += cv2.GaussianBlur(star, (0, 0), rng.uniform(0.7, 1.4))
    sky = 0.06 + 0.05 * photo.mean(axis=(0, 1)) + rng.normal(0, 0.012, photo.shape)
    return np.asarray((sky + light[:, :, None]).clip(0, 1), np.float32)


def paint(photo: Picture, rng: np.random.Generator) -> Picture:
    """Return the photograph with splashes of colour over an eighth of it."""
    splashed, covered = photo.copy(), np.zeros((_SIZE, _SIZE), np.uint8)
    while covered.mean() < 1 / 8:
        centre = tuple(map(int, rng.integers(0, _SIZE, 2)))
        axes = tuple(map(int, rng.integers(2, 9, 2)))
        colour = tuple(map(float, rng.permutation([1.0, rng.uniform(0, 0.9), 0.0])))
        turn = float(rng.uniform(0, 180))
        cv2.ellipse(splashed, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(covered, centre, axes, turn, 0, 360, (1,), -1)
    return splashed


KINDS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "halftone": halftone,
    "stars": stars,
    "paint": paint,
}
"""What is drawn, by name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photographs")
    parser.add_argument("--model", default="3", help="1, 2, 3, fast or a path (default: 3)")
    parser.add_argument("--count", type=int, default=4, help="pictures of each kind (default: 4)")
    parser.add_argument("--output", type=Path, required=True, help="the page, Markdown")


def command(args: argparse.Namespace) -> str:
    """Measure and write the page."""
    paths = list_photos(args.photos)
    rows = []
    for name, draw in KINDS.items():
        shares = []
        for number in range(args.count):
            rng = np.random.default_rng(number)
            photo = np.asarray(read_photo(paths[number % len(paths)]), np.float32) / np.float32(255)
            small = cv2.resize(photo, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
            picture = draw(np.asarray(small, np.float32), rng)
            scan = np.rint(picture * 255).astype(np.uint8)
            prediction = run(predict(scan, model=args.model, provider="cpu"))
            ways = Options(dense="repair"), Options(), Options(lights="keep")
            shares.append([float(compose(prediction, way).mask.mean()) for way in ways])
        whole = sum(replaced == 0 for _, replaced, _ in shares)
        taken, replaced, lights = (f"{share:.2%}" for share in np.mean(shares, axis=0))
        rows.append(f"| {name} | {taken} | {replaced} | {whole} of {args.count} | {lights} |")
    text = "\n".join([_HEAD.format(model=Path(args.model).stem), *rows]) + "\n"
    args.output.write_text(text, encoding="utf-8")
    return text


_HEAD = """# Dense clean pictures

Where implausibly much of a picture looks damaged, nothing is replaced there unless `--dense repair` asks for
it (`dsr_core/crowds.py`). Print, a night sky and splashes of paint, 512 pixels each and drawn without any
dirt; model {model}. Written by `python -m training dense --photos PHOTOS --output docs/dense.md`.

A print in dots is told by its screen (`dsr_core/halftone.py`), however little of it is taken for damage.

Stars are as small and as many as dust on dirty film, but most of them are round and soft on every side. Where
lights take three quarters of what was found, and that is more than 1 % of the picture, all of it stays. Fewer
lights go and are told; `--lights keep` leaves them alone.

| | taken for damage | replaced | pictures of which nothing is replaced | replaced with `--lights keep` |
|---|---:|---:|---:|---:|"""
