"""The rows of the dock, without behaviour."""

from typing import Any

from magicgui.widgets import (
    ComboBox,
    Container,
    FloatSlider,
    FloatSpinBox,
    Label,
    ProgressBar,
    PushButton,
    SpinBox,
    Widget,
)
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtWidgets import QSizePolicy

from dsr_core.models import list_models
from dsr_core.options import Described, described

RUNS_ON = {"cuda": "the graphics card", "cpu": "the processor"}

_LABEL_WIDTH = 80


def make_rows(viewer: Viewer) -> list[Container[Widget]]:
    """Return the dock's rows, from top to bottom; what a person uses in them has a name."""
    providers = [(text, name) for name, text in RUNS_ON.items()]
    status = Label(name="status", value="Find shows the damage; paint or erase in it, then Remove.")
    status.native.setWordWrap(True)
    status.native.setMinimumHeight(2 * status.native.fontMetrics().lineSpacing())
    # Its text must not set the dock's width.
    status.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def images(_: Any) -> list[Image]:
        return [layer for layer in viewer.layers if isinstance(layer, Image)]

    return [
        _row("image", ComboBox(name="layer", choices=images)),
        _row("frames", ComboBox(name="frames", choices=[("the shown one", "shown"), ("all", "all")])),
        _row("model", ComboBox(name="model", choices=_models())),
        *map(_option_row, described()),
        _row("run on", ComboBox(name="provider", choices=[("auto", "auto"), *providers])),
        _row("", PushButton(name="find", text="Find"), PushButton(name="remove", text="Remove")),
        _row("", ProgressBar(name="progress", max=1), PushButton(name="cancel", text="Cancel")),
        _row("", status),
    ]


def _option_row(option: Described) -> Container[Widget]:
    """Return the row of an option: a list, a slider where the limits are close, else a box."""
    start: dict[str, Any] = {"name": option.name, "value": option.default}
    limits: dict[str, Any] = {"min": option.low, "max": option.high}
    if option.choices:
        field: Widget = ComboBox(choices=list(option.choices), **start)
    elif isinstance(option.default, int):
        field = SpinBox(**limits, **start)
    elif option.high - option.low <= 1:
        field = FloatSlider(**limits, **start, step=0.01)
    else:
        field = FloatSpinBox(**limits, **start)
    unit = [Label(value=option.unit)] if option.unit else []
    return _row(option.name.replace("_", " "), field, *unit, tooltip=f"{option.help.capitalize()}.")


def _models() -> list[tuple[str, str]]:
    """Return the installed models, the best one first; a missing one is an error when the filter runs."""
    return [(info.name, str(info.path)) for info in reversed(list_models())] or [("3", "3")]


def _row(label: str, *widgets: Widget, tooltip: str = "") -> Container[Widget]:
    row: Container[Widget] = Container(
        name=f"{label} row", widgets=widgets, layout="horizontal", labels=False
    )
    row.tooltip = tooltip
    if label:
        row.insert(0, Label(value=label))
        row[0].min_width = _LABEL_WIDTH
    row.margins = (0, 0, 0, 0)
    return row
