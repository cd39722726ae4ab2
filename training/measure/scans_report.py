"""The figures of real film for people: a page with tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.measure.metrics import NEAR
from training.measure.scans import CLEAR, COVERED, DAMAGE, FAINT

KEPT = "## Looked at"
"""From this heading on a page is written by people, and stays when the figures are written again."""

Figures = dict[str, dict[str, dict[str, float]]]
"""``{method: {picture: {figure: value}}}``."""

LEGEND = f"""\
# Real film

Written by `python -m training real`; people write below its heading "{KEPT[3:]}" only.

Scans that no training saw. The filter runs as it ships, with the default options but for the sensitivity,
which stands behind "at" (0.5 is the default; the threshold is 1 less it).
"""

PAIRS_LEGEND = f"""\
## Restored by an expert

*Gain*: PSNR against the expert's restoration less that of the untouched scan, in dB. Damage is where a
channel of the two differs by more than {DAMAGE} of 255. Precision is the share of the masked pixels within
{NEAR} pixels (Euclidean) of damage, recall the share of the damage within {NEAR} pixels of the mask, F1 their
harmonic mean, 0 where nothing right was found. A model's mask is the one that the filter repairs, the others'
what they found, before the fill takes one pixel around it along. *Clean changed*: of the pixels further than
{CLEAR} pixels from any difference above {FAINT}, those that are not what they were.
"""

SCANS_LEGEND = f"""\
## Judged by eye

Scans without a clean version. *Found*: the dust in whose box the mask that the filter repairs holds at
least {COVERED:.0%} of the place's area; *taken*: the same of what is part of the picture and must survive,
best at 0. For each scan: found, taken. *Changed*: share of the scans' pixels in the mask.
"""


@dataclass(frozen=True)
class Measured:
    """A model to measure: what the tables call it, its ONNX file, and the checksum of the file given."""

    label: str
    path: Path
    sha256: str


def with_mean(pictures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Put the mean over all pictures first, as ``"mean"``."""
    keys = next(iter(pictures.values()))
    mean = {key: float(np.mean([figures[key] for figures in pictures.values()])) for key in keys}
    return {"mean": mean, **pictures}


def with_sum(pictures: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Put the sum over all pictures first, as ``"all"``."""
    keys = next(iter(pictures.values()))
    return {"all": {key: sum(figures[key] for figures in pictures.values()) for key in keys}, **pictures}


def tables(on_pairs: Figures, on_scans: Figures) -> list[str]:
    """Return the Markdown tables: all pairs and each pair, then the scans.

    Parameters
    ----------
    on_pairs, on_scans
        With means and sums, as in the JSON file.
    """
    pictures = list(next(iter(on_pairs.values())))
    pair_tables = [
        _table(
            [f"{picture}", "gain, dB", "F1", "precision", "recall", "clean changed %"],
            [
                [
                    method,
                    f"{figures[picture]['gain']:+.2f}",
                    *(f"{figures[picture][key]:.3f}" for key in ("f1", "precision", "recall")),
                    f"{100 * figures[picture]['clean_changed']:.3f}",
                ]
                for method, figures in on_pairs.items()
            ],
        )
        for picture in pictures
    ]
    scans = list(next(iter(on_scans.values())))[1:]
    judged = next(iter(on_scans.values()))
    names = [f"{scan} ({judged[scan]['dust']:.0f} dust, {judged[scan]['not']:.0f} not)" for scan in scans]
    scan_table = _table(
        [
            f"{judged['all']['dust']:.0f} dust, {judged['all']['not']:.0f} not",
            "found",
            "taken",
            "changed %",
            *names,
        ],
        [
            [
                method,
                _share(figures["all"], "found", "dust"),
                _share(figures["all"], "taken", "not"),
                f"{100 * figures['all']['changed'] / figures['all']['pixels']:.3f}",
                *(
                    f"{_share(figures[s], 'found', 'dust')}, {_share(figures[s], 'taken', 'not')}"
                    for s in scans
                ),
            ]
            for method, figures in on_scans.items()
        ],
    )
    return ["\n\n".join(pair_tables), scan_table]


def _share(counts: dict[str, float], part: str, whole: str) -> str:
    return f"{counts[part] / counts[whole]:.3f}" if counts[whole] else "-"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|---|{'---:|' * (len(head) - 1)}", *lines[1:]])


def page(models: Sequence[Measured], shown: Sequence[str], before: str = "") -> str:
    """Return the page: what was measured, and the tables.

    Parameters
    ----------
    models
        Named with the first twelve digits of their checksums.
    shown
        Of `tables`.
    before
        The page as it was: what people wrote stays.
    """
    _, heading, written = before.partition(f"\n{KEPT}\n")
    listed = "\n".join(f"- {model.label}: sha256 `{model.sha256[:12]}`" for model in models)
    parts = [LEGEND, f"{listed}\n", PAIRS_LEGEND, f"{shown[0]}\n", SCANS_LEGEND, f"{shown[1]}\n"]
    return "\n".join(parts) + heading + written
