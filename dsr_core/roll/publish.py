"""What is made of a roll when all of it is done: the report and the contact sheet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsr_core.bands import side_by_side
from dsr_core.io.picture import Wishes
from dsr_core.roll.previews import Preview, preview
from dsr_core.roll.report import MOST, describe, rank, write_report
from dsr_core.roll.sheet import cell, write_sheet


def publish(
    records: Sequence[Mapping[str, Any]],
    reading: tuple[Wishes, float | None, bool | None],
    *,
    report: Path | None,
    sheet: Path | None,
    overwrite: bool,
) -> None:
    """Write a report, a contact sheet or both; every file is read once more for them.

    Parameters
    ----------
    records
        The report of each job, with ``look``.
    reading
        How the files are read: wishes, white and linear of their jobs.
    report, sheet
        Where they go, ``None`` for nowhere.
    overwrite
        Whether these files may exist.

    Raises
    ------
    DsrError
        They cannot be written, or a scan or its result cannot be read any more.
    """
    ranked = rank(records)[:MOST]

    def show(record: Mapping[str, Any]) -> tuple[Any, Any]:
        shown: Preview = preview(record, *reading)
        return describe(record, shown) if report else None, cell(record, shown) if sheet else None

    shown = side_by_side(show, ranked)
    if report:
        write_report(report, records, [scan for scan, _ in shown], overwrite=overwrite)
    if sheet:
        order = sorted(range(len(ranked)), key=lambda number: int(ranked[number]["number"]))
        write_sheet(sheet, [shown[number][1] for number in order], overwrite=overwrite)
