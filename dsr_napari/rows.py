"""The rows of the dock, without behaviour."""

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

from dsr_core import Options
from dsr_core.models import list_models
from dsr_core.options import POLARITIES

OPTIONS = ("sensitivity", "polarity", "min_size", "max_size", "grow", "feather")
"""Fields of :class:`dsr_core.Options`, and the widgets that bear their names."""

RUNS_ON = {"cuda": "the graphics card", "cpu": "the processor"}

_LABEL_WIDTH = 80
_LARGEST = 100_000
_TOOLTIPS = {
    "sensitivity": "Further to the right, more is taken for damage.",
    "polarity": "Brighter or darker than the picture; auto drops faint ones unlike nearly all clear ones.",
    "min size": "Smaller defects stay; 0 is no limit.",
    "max size": "Larger defects stay; 0 is no limit.",
    "grow": "How far a repair reaches beyond what was found.",
    "feather": "Width of its soft edge, inside.",
}


def make_rows(viewer: Viewer) -> list[Container]:
    """Return the dock's rows, from top to bottom; what a person uses in them has a name."""
    start = Options()
    providers = [(text, name) for name, text in RUNS_ON.items()]
    status = Label(name="status", value="Find shows the damage; paint or erase in it, then Remove.")
    status.native.setWordWrap(True)
    status.native.setMinimumHeight(2 * status.native.fontMetrics().lineSpacing())
    # Its text must not set the dock's width.
    status.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def images(_: ComboBox) -> list[Image]:
        return [layer for layer in viewer.layers if isinstance(layer, Image)]

    return [
        _row("image", ComboBox(name="layer", choices=images)),
        _row("frames", ComboBox(name="frames", choices=[("the shown one", "shown"), ("all", "all")])),
        _row("model", ComboBox(name="model", choices=_models())),
        _row("sensitivity", FloatSlider(name="sensitivity", value=start.sensitivity, max=1, step=0.01)),
        _row("polarity", ComboBox(name="polarity", value=start.polarity, choices=POLARITIES)),
        _row("min size", SpinBox(name="min_size", value=start.min_size, max=_LARGEST), Label(value="px")),
        _row("max size", SpinBox(name="max_size", value=start.max_size, max=_LARGEST), Label(value="px")),
        _row("grow", SpinBox(name="grow", value=start.grow, max=100), Label(value="px")),
        _row("feather", FloatSpinBox(name="feather", value=start.feather, max=100), Label(value="px")),
        _row("run on", ComboBox(name="provider", choices=[("auto", "auto"), *providers])),
        _row("", PushButton(name="find", text="Find"), PushButton(name="remove", text="Remove")),
        _row("", ProgressBar(name="progress", max=1), PushButton(name="cancel", text="Cancel")),
        _row("", status),
    ]


def _models() -> list[tuple[str, str]]:
    """Return the installed models, the best one first; of a missing one the filter speaks when it runs."""
    return [(info.name, str(info.path)) for info in reversed(list_models())] or [("3", "3")]


def _row(label: str, *widgets: Widget) -> Container:
    row = Container(name=f"{label} row", widgets=widgets, layout="horizontal", labels=False)
    row.tooltip = _TOOLTIPS.get(label, "")
    if label:
        row.insert(0, Label(value=label))
        row[0].min_width = _LABEL_WIDTH
    row.margins = (0, 0, 0, 0)
    return row
