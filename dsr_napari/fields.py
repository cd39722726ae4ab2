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

from dsr_core import Options
from dsr_core.models import list_models
from dsr_core.options import POLARITIES

OPTIONS = ("sensitivity", "polarity", "min_size", "max_size", "grow", "feather")
"""Fields of :class:`dsr_core.Options`, and the rows that bear their names."""

RUNS_ON = {"cuda": "the graphics card", "cpu": "the processor"}


def make_rows(viewer: Viewer) -> list[Widget]:
    """Return the dock's rows, from top to bottom."""
    options = Options()
    min_size = SpinBox(name="min_size", value=options.min_size, max=10_000, tooltip="Smaller defects stay.")
    max_size = SpinBox(name="max_size", value=options.max_size, max=10_000, tooltip="Larger defects stay.")
    for box in (min_size, max_size):
        box.native.setSpecialValueText("any")
    grow = SpinBox(name="grow", value=options.grow, max=100, tooltip="The blurred edge of what was found.")
    feather = FloatSpinBox(name="feather", value=options.feather, max=100, step=0.5, tooltip="A soft edge inside it.")
    status = Label(name="status", value="Find shows the damage. Paint or erase in it, then Remove.")
    status.native.setWordWrap(True)
    return [
        ComboBox(
            name="layer",
            label="image",
            choices=lambda _: [layer for layer in viewer.layers if isinstance(layer, Image)],
        ),
        ComboBox(name="frames", choices=[("the shown one", "shown"), ("all", "all")]),
        ComboBox(name="model", choices=_models()),
        FloatSlider(
            name="sensitivity",
            value=options.sensitivity,
            max=1,
            step=0.01,
            tooltip="Further to the right, more is taken for damage.",
        ),
        ComboBox(
            name="polarity",
            value=options.polarity,
            choices=POLARITIES,
            tooltip="Brighter or darker than the picture; auto drops faint defects unlike nearly all clear ones.",
        ),
        _row("size", "size, px", [min_size, Label(value="to"), max_size]),
        _row("edge", "grow, px", [grow, Label(value="feather"), feather]),
        ComboBox(name="provider", label="run on", choices=[("auto", "auto"), *((v, k) for k, v in RUNS_ON.items())]),
        _row(
            "buttons",
            "",
            [
                PushButton(name="find", text="Find", tooltip="Show what would be removed."),
                PushButton(name="remove", text="Remove", tooltip="Make the restored layer; your painting counts."),
            ],
        ),
        _row("running", "", [ProgressBar(name="progress", max=1), PushButton(name="cancel", text="Cancel")]),
        status,
    ]


def _models() -> list[tuple[str, str]]:
    """Return the installed models, the best one first; where there is none, the sentence comes when it is asked for."""
    models = [(f"{info.name} · {info.loss}", str(info.path)) for info in reversed(list_models())]
    return models or [("3", "3")]


def _row(name: str, label: str, widgets: list[Widget]) -> Container:
    row = Container(name=name, label=label, widgets=widgets, layout="horizontal", labels=False)
    row.margins = (0, 0, 0, 0)
    return row
