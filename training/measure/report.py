"""An evaluation for people: Markdown tables and a contact sheet."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from dsr_core.atomic import write_all
from dsr_core.errors import DsrError
from dsr_core.models import ModelInfo
from training.measure.groups import GROUPS, Group
from training.measure.methods import Outcome
from training.measure.metrics import AWAY, MOST_PSNR, NEAR, Image, Mask
from training.measure.pairs import Loaded

Summary = dict[str, float]


def _number(digits: int, factor: float = 1) -> Callable[[float], str]:
    return lambda value: "-" if np.isnan(value) else f"{value * factor:.{digits}f}"


COLUMNS: dict[str, Callable[[Summary], str]] = {
    "PSNR": lambda s: _number(2)(s["psnr"]),
    "in damage": lambda s: _number(2)(s["psnr_damage"]),
    "SSIM": lambda s: _number(4)(s["ssim"]),
    "SSIM change": lambda s: f"{s['ssim_change']:+.4f} ± {s['ssim_change_spread']:.4f}",
    "made worse %": lambda s: _number(0, 100)(s["made_worse"]),
    "clean changed %": lambda s: _number(3, 100)(s["clean_changed"]),
    "precision": lambda s: _number(3)(s["precision"]),
    "recall": lambda s: _number(3)(s["recall"]),
    "F1": lambda s: _number(3)(s["f1"]),
    f"F1 ±{NEAR} px": lambda s: _number(3)(s["f1_near"]),
    "defects found": lambda s: _number(3)(s["defects_found"]),
    "marks right": lambda s: _number(3)(s["marks_right"]),
    "AP": lambda s: _number(3)(s["average_precision"]),
    "grain": lambda s: _number(2)(s["grain_kept"]),
}
EYES: dict[str, Callable[[Summary], str]] = {"eyes kept %": lambda s: _number(0, 100)(s["eyes_kept"])}
"""Of groups in which eyes are known."""

LEGEND = f"""\
PSNR in dB (at most {MOST_PSNR:.0f}, given to equal images), over the image and inside the true damage. SSIM
with a Gaussian window of 11 pixels; its change from the damaged image, mean ± standard deviation, and the
share of images it fell in. *Clean changed*: of the pixels more than {AWAY} px from any damage, those that
are not what they were. Precision, recall and F1 count pixels at the default sensitivity, before the mask is
widened for the repair, strictly and with {NEAR} px of tolerance. *Defects found*: true defects of which a
quarter or more was found; *marks right*: regions found that lie on or within {NEAR} px of damage. AP: average
precision of the probability. *Grain*: high-frequency amplitude inside repairs against around them, divided
by the same in the undamaged picture: 1 is as it should be, less is smeared, more is what remains of the
damage. *First groups*: those of the figures up to version 4, *typical* to *web*, with the scales of their
damage; *later groups*: the others but for *eyes*, photographs of faces; *eyes kept*: irises, with the
catchlights in them, of which no pixel more than {AWAY} px from damage changed.
"""


def markdown(models: Sequence[ModelInfo], groups: dict[str, dict[str, Summary]]) -> str:
    """Return the page: what was measured on what, then one table for each group.

    Parameters
    ----------
    models
        What was evaluated.
    groups
        ``{group: {method: summary}}`` as ``grouped`` returns it.
    """
    lines = ["# Results", "", "Written by `python -m training evaluate`; do not edit.", "", LEGEND]
    lines += [
        f"- model {model.name}: version {model.version}, loss {model.loss}, "
        f"{model.metadata.get('steps', '?')} steps, sha256 `{model.sha256[:12]}`"
        for model in models
    ]
    for group, methods in groups.items():
        images = round(next(iter(methods.values()))["images"])
        lines += ["", f"## {group[0].upper()}{group[1:]} ({images} images)", ""]
        columns = COLUMNS | EYES if GROUPS.get(group, Group()).eyes else COLUMNS
        lines.append(f"| | {' | '.join(columns)} |")
        lines.append(f"|---|{'---:|' * len(columns)}")
        for method, summary in methods.items():
            cells = [show(summary) for show in columns.values()]
            lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_page(
    path: Path,
    page: Callable[[str], str],
    draw: Callable[[Path], None],
) -> None:
    """Write a page and its picture, which goes to ``images/`` beside it.

    Parameters
    ----------
    path
        Of the page; replaced if it exists.
    page
        Returns the page for the picture's address, as seen from the page.
    draw
        Writes the picture, a PNG.
    """
    picture = path.parent / "images" / f"{path.stem}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    text = page(f"images/{picture.name}")
    write_all({path: partial(write_text, text), picture: draw}, overwrite=True)


def write_text(text: str, path: Path) -> None:
    """Write a text; with ``functools.partial``, what `dsr_core.atomic.write_all` takes."""
    path.write_text(text)


def write_picture(picture: Image, path: Path) -> None:
    """Write a BGR picture as `write_text` does a text.

    Raises
    ------
    DsrError
        It cannot be written.
    """
    if not cv2.imwrite(str(path), picture):
        raise DsrError(f"'{path}' cannot be written; choose another folder.")


def contact_sheet(rows: Sequence[tuple[Loaded, Outcome]], side: int = 256) -> Image:
    """Return a BGR picture, a row for each pair: damaged, restored, clean, and hits, misses, false marks."""
    if not rows:
        return np.zeros((side, side, 3), np.uint8)
    strips = []
    for pair, outcome in rows:
        window = _window(pair.true, side)
        marks = np.zeros((*pair.true.shape, 3), np.uint8)
        marks[pair.true & outcome.found] = 255
        marks[pair.true & ~outcome.found] = (255, 64, 64)
        marks[~pair.true & outcome.found] = (64, 160, 255)
        tiles = [
            _square(image[window], side) for image in (pair.damaged, outcome.restored, pair.clean, marks)
        ]
        strip = cv2.cvtColor(np.hstack(tiles), cv2.COLOR_RGB2BGR)
        cv2.putText(strip, pair.name, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 255), 1, cv2.LINE_AA)
        strips.append(strip)
    return np.asarray(np.vstack(strips), np.uint8)


def _window(mask: Mask, side: int) -> tuple[slice, slice]:
    """Return the square of ``side`` pixels that holds the most damage."""
    height, width = (min(side, length) for length in mask.shape)
    total = cv2.integral(mask.astype(np.uint8))
    held = (
        total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    )
    top, left = np.unravel_index(int(held.argmax()), held.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def _square(image: Image, side: int) -> Image:
    """Pad a crop to a square with a white line at its right."""
    canvas = np.full((side, side + 2, 3), 255, np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    return canvas
