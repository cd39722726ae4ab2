"""A page that shows what became of each scan of a roll."""

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray

from dsr_core.atomic import write_all
from dsr_core.roll.previews import Preview, Shown
from dsr_core.version import project_version

MOST = 300
"""Scans that a page shows; of a longer roll, those that deserve a look most."""
_QUALITY = 80
_RED = (255, 45, 45, 200)  # of what is repaired: red, green, blue, opacity


def write_report(
    path: Path, records: Sequence[Mapping[str, Any]], scans: Sequence[Mapping[str, Any]], *, overwrite: bool
) -> None:
    """Write the page: one file, without anything from outside.

    Parameters
    ----------
    path
        Where it goes.
    records
        The report of each job.
    scans
        What `describe` returned for those that are shown, in their order.
    overwrite
        Whether the file may exist.

    Raises
    ------
    DsrError
        The page cannot be written.
    """
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = page.from_string(files("dsr_core.roll").joinpath("report.html.jinja").read_text("utf-8"))
    text = template.render(
        scans=scans,
        all=len(records),
        defects=sum(record["defects"] for record in records),
        megapixels=sum(record["megapixels"] for record in records),
        models=sorted({record["model"] for record in records}),
        version=project_version(),
    )
    write_all({path: lambda part: _write(part, text)}, overwrite=overwrite)


def rank(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the records, those first that deserve a look most, each with its ``remarks``.

    What counts is the share that changed and the number of doubtful defects, each against the middle of the
    roll, and every remark of the filter that is not made about half of the roll.
    """
    said = [note for record in records for note in set(record["notes"])]
    common = {note for note in said if 2 * said.count(note) > len(records) > 1}
    usual = median([record["changed"] for record in records] or [0]) + 1e-6
    doubts = median([record["look"]["doubtful"] for record in records] or [0]) + 1
    ranked = []
    for number, record in enumerate(records):
        remarks = [note for note in record["notes"] if note not in common]
        score = record["changed"] / usual + record["look"]["doubtful"] / doubts + 2 * len(remarks)
        ranked.append({**record, "remarks": remarks, "score": round(score, 3), "number": number})
    return sorted(ranked, key=lambda each: -each["score"])


def describe(record: Mapping[str, Any], shown: Preview) -> dict[str, Any]:
    """Return what the template needs of a scan that was ranked."""
    source = Path(record["input"]).absolute()
    return {
        **record,
        "source": str(source),
        "name": source.name,
        "doubtful": record["look"]["doubtful"],
        "width": shown.before.shape[1],
        "height": shown.before.shape[0],
        "before": _webp(shown.before),
        "after": _webp(shown.after),
        "marks": _red(shown.marks),
        "places": [
            {
                "before": _webp(place.before),
                "after": _webp(place.after),
                "width": place.before.shape[1],
                "height": place.before.shape[0],
                "pixels": place.pixels,
                "doubtful": place.doubtful,
            }
            for place in shown.places
        ],
    }


def _webp(shown: Shown) -> str:
    data = cv2.imencode(".webp", shown[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1]
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"


def _red(marks: NDArray[np.bool_]) -> str:
    red, green, blue, opacity = _RED
    layer = np.zeros((*marks.shape, 4), np.uint8)
    layer[marks] = (blue, green, red, opacity)
    data = cv2.imencode(".png", layer)[1]
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
