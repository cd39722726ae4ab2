"""The list of the defects, and the wipe between before and after."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from dsr_core.decisions import ROW
from dsr_napari.frames import Position
from dsr_napari.work import View, active_layer

_STATES = ("found", "painted", "left alone")
_KINDS = ("", "speck", "hair", "scratch", "other")
_COLUMNS = {"Size (px)": "size", "Doubt": "doubt", "State": "state", "Kind": "kind"}
_AROUND = 120  # pixels of the scan that are shown around a defect ...
_CANVAS = 500  # ... on a canvas of so many


class _Rows(QAbstractTableModel):  # type: ignore[misc, unused-ignore]
    """Defects as a table: ``rows`` in the order of the labels, ``order`` as they are shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: NDArray[Any] = np.zeros(0, ROW)
        self.order: NDArray[np.intp] = np.zeros(0, np.intp)
        self.by, self.descending = "doubt", True

    def put(self, rows: NDArray[Any]) -> None:
        self.beginResetModel()
        self.rows = rows
        keys = np.maximum(rows["height"], rows["width"]) if self.by == "size" else rows[self.by]
        self.order = np.argsort(keys, kind="stable")[:: -1 if self.descending else 1]
        self.endResetModel()

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        self.by = list(_COLUMNS.values())[column]
        self.descending = order == Qt.SortOrder.DescendingOrder
        self.put(self.rows)

    def rowCount(self, _: Any = None) -> int:  # noqa: N802 -- Qt's way
        return len(self.rows)

    def columnCount(self, _: Any = None) -> int:  # noqa: N802
        return len(_COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        row = self.rows[self.order[index.row()]]
        return (
            f"{max(row['height'], row['width'])}",
            f"{100 * row['doubt']:.0f} %",
            _STATES[row["state"]],
            _KINDS[row["kind"]],
        )[index.column()]

    def headerData(self, section: int, way: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        if way == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return list(_COLUMNS)[section]
        return None


class DefectList(QTableView):  # type: ignore[misc, unused-ignore]
    """The defects of the shown frame, by doubt or by size.

    Parameters
    ----------
    keys
        What a key does while the list has the focus.
    look
        Called when a person chooses a defect in the list.
    """

    def __init__(self, keys: dict[str, Callable[[], None]], look: Callable[[], None]) -> None:
        super().__init__()
        self.rows = _Rows(self)
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        beside: Any = self.verticalHeader()
        beside.hide()
        beside.setDefaultSectionSize(self.fontMetrics().height() + 4)
        above: Any = self.horizontalHeader()
        above.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        self.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self.setMinimumHeight(90)
        self.setToolTip(
            "The defects of the shown frame; click one to see it, a heading to sort. "
            "Doubt is what the network's certainty lacks to 100 %."
        )
        self._look = look
        self.clicked.connect(look)
        self._keys = keys

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 -- Qt's way
        """Do what the key is for."""
        if event.text().lower() in self._keys:
            self._keys[event.text().lower()]()
        else:
            super().keyPressEvent(event)

    def put(self, rows: NDArray[Any] | None) -> None:
        """Show other defects; the one that was chosen stays chosen if it is still there."""
        chosen = self.chosen
        self.rows.put(np.zeros(0, ROW) if rows is None else rows)
        if chosen is not None:
            self.choose(chosen["row"], chosen["column"])

    @property
    def chosen(self) -> Any:
        """The row of the chosen defect, or None."""
        index = self.currentIndex().row()
        return self.rows.rows[self.rows.order[index]] if 0 <= index < len(self.rows.rows) else None

    def choose(self, row: int, column: int) -> None:
        """Choose the smallest defect around a pixel."""
        rows = self.rows.rows[self.rows.order]
        down, right = row - rows["top"], column - rows["left"]
        around = (down >= 0) & (down < rows["height"]) & (right >= 0) & (right < rows["width"])
        if around.any():
            self.selectRow(int(np.argmin(np.where(around, rows["pixels"], np.iinfo(np.int32).max))))

    def step(self, by: int) -> None:
        """Choose the next defect, or the one before, and look at it."""
        count, at = len(self.rows.rows), self.currentIndex().row()
        if count:
            self.selectRow((at + by) % count if at >= 0 else min(by, 0) % count)
            self._look()


def look_at(viewer: Viewer, view: View, position: Position, row: Any) -> None:
    """Show a defect in the middle of the canvas, with what is around it."""
    layer, at = view.frames.layer, np.array([row["top"], row["left"]], float)
    extent = np.array([row["height"], row["width"]], float)
    corners = [layer.data_to_world((*position, *(at + extent * end)))[-2:] for end in (0, 1)]
    pixel = np.linalg.norm(np.subtract(*[layer.data_to_world((*position, 0, x))[-2:] for x in (0, 1)]))
    size = max(np.abs(np.subtract(*corners)).max(), pixel)
    camera = getattr(viewer, "scene", viewer).camera  # it has moved in napari 0.9
    camera.center = (0.0, *np.mean(corners, axis=0))
    camera.zoom = _CANVAS / (size + _AROUND * pixel)


def wipe(viewer: Viewer, view: View, percent: int) -> None:
    """Show the scan as it was over so much of the restored picture's width, from the left."""
    if view.restored is None or percent == 0:
        if view.before in viewer.layers:
            viewer.layers.remove(view.before)
        view.before = None
        return
    frames, across = view.frames, view.restored.ndim - 1
    place = tuple(
        slice(start, start + count) for start, count in zip(frames.start, frames.stack, strict=True)
    )
    levels = frames.layer.data if view.restored.multiscale else [frames.data]
    data = []
    for level in levels:
        strip = slice(max(1, level.shape[across] * percent // 100))
        data.append(level[(*place, slice(None), strip)])
    shown = data if view.restored.multiscale else data[0]
    if view.before is not None:
        view.before.data = shown
        return
    active = active_layer(viewer)
    view.before = frames.layer_of(shown, f"{frames.layer.name} before", "image")
    viewer.layers.insert(viewer.layers.index(view.restored) + 1, view.before)
    viewer.layers.selection.active = active
