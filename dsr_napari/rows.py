"""The rows of the dock, without behaviour."""

from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    FloatSpinBox,
    Label,
    ProgressBar,
    PushButton,
    Slider,
    SpinBox,
    Widget,
)
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtWidgets import QSizePolicy

from dsr_core.engine import choose_provider
from dsr_core.infrared_names import AUTO, OFF
from dsr_core.models import list_models
from dsr_core.options import Described, described
from dsr_napari.infrared import fitting
from dsr_napari.work import made_of_another

RUNS_ON = {"cuda": "the graphics card", "cpu": "the processor"}
_WITHOUT = (("automatic", AUTO), ("none", OFF))
START = "Find shows the damage; paint or erase in it, then Remove."
HIDDEN = "The fourth channel is shown as opacity; if it is infrared, split it off."
_WHITEST = 2.0**32
_LABEL_WIDTH = 98
_TOGETHER = {"grow": "feather"}
"""Options that share a row."""


def make_rows(viewer: Viewer) -> list[Container[Widget]]:
    """Return the dock's rows, from top to bottom; what a person uses in them has a name."""

    def scans(_: Any) -> list[Image]:
        layers = [layer for layer in viewer.layers if isinstance(layer, Image)]
        return [layer for layer in layers if not made_of_another(layer, viewer)]

    status = Label(name="status", value=START)
    status.native.setWordWrap(True)
    status.native.setMinimumHeight(3 * status.native.fontMetrics().lineSpacing())
    # Its text must not set the dock's width.
    status.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    frames = ComboBox(
        name="frames",
        choices=[("the shown one", "shown"), ("all", "all")],
        tooltip="Work on the frame of the stack that is shown, or on all of them.",
    )
    planes = CheckBox(
        name="planes",
        text="planes are frames",
        tooltip="Tick this if the three or four planes are pictures of their own, not the colours of one.",
    )
    scan = ComboBox(name="layer", choices=scans, tooltip="The scan that the dock works on.")

    def infrareds(_: Any) -> list[tuple[str, Any]]:
        return [*_WITHOUT, *((layer.name, layer) for layer in fitting(scan.value, viewer))]

    infrared = ComboBox(
        name="infrared",
        choices=infrareds,
        tooltip="A grey layer of the scan's size in which dirt is dark and the picture hardly shows. "
        "Automatic takes the one whose name says so, such as scan_ir.",
    )
    split = _button(
        "split",
        "Split off",
        "napari shows the fourth channel as opacity; make it a layer of its own, if it is infrared.",
    )
    return [
        _row("Image", scan),
        _row("Frames", frames, planes),
        _row("Infrared", infrared, split),
        *_option_rows(),
        _row(
            "Model", ComboBox(name="model", choices=_models(), tooltip="The network that looks for damage.")
        ),
        _row("Run on", _provider()),
        _row("White is", _white()),
        _row(
            "",
            PushButton(name="find", text="Find", tooltip="Show what would be removed, as a layer of labels."),
            PushButton(
                name="remove", text="Remove", tooltip="Put the restored picture into a layer of its own."
            ),
        ),
        _row(
            "",
            ProgressBar(name="progress", max=1, tooltip="How far it is."),
            PushButton(name="cancel", text="Cancel", tooltip="Stop at once and change nothing."),
        ),
        _row("", status),
        _row(
            "",
            _button("previous", "◀", "Show the defect before in the list (key: comma)."),
            _button("next", "▶", "Show the next defect in the list (key: full stop)."),
            _button("reject", "Take out / in", "Leave this defect alone, or repair it after all (key: R)."),
            _button("mend", "Mend", "Take the brush, to paint over damage that was missed."),
            _button(
                "undo", "Undo", "Take the latest decision back: a click, a stroke of the brush or the eraser."
            ),
        ),
        _row(
            "Compare",
            Slider(
                name="compare",
                max=100,
                tooltip="Draw it to the right to wipe over the restored picture with the scan as it was.",
            ),
        ),
    ]


def _button(name: str, text: str, tooltip: str) -> PushButton:
    button = PushButton(name=name, text=text, tooltip=tooltip)
    button.native.setMinimumWidth(button.native.fontMetrics().horizontalAdvance(text) + 12)
    return button


def _option_rows() -> list[Container[Widget]]:
    options = {option.name: option for option in described()}
    others = {name: options.pop(other) for name, other in _TOGETHER.items()}
    return [
        _option_row(option, *([others[name]] if name in others else [])) for name, option in options.items()
    ]


def _option_row(option: Described, *others: Described) -> Container[Widget]:
    """Return the row of an option, and of others that stand beside it."""
    fields = [_field(option)]
    for other in others:
        fields += [Label(value=_words(other).lower()), _field(other)]
    return _row(_words(option), *fields, *([Label(value=option.unit)] if option.unit else []))


def _words(option: Described) -> str:
    return option.label.replace("_", "")


def _field(option: Described) -> Widget:
    """Return the field of an option: a list, a slider where the limits are close, else a box."""
    tooltip = f"{option.help[:1].upper()}{option.help[1:]}."
    start: dict[str, Any] = {"name": option.name, "value": option.default, "tooltip": tooltip}
    limits: dict[str, Any] = {"min": option.low, "max": option.high}
    if option.choices:
        return ComboBox(choices=[(text, value) for value, text in option.choices.items()], **start)
    if isinstance(option.default, int):
        return SpinBox(**limits, **start)
    if option.high - option.low <= 1:
        return FloatSlider(**limits, **start, step=0.01)
    return FloatSpinBox(**limits, **start)


def _provider() -> ComboBox:
    providers = [("automatic", "auto"), *((text, name) for name, text in RUNS_ON.items())]
    why = choose_provider("auto")[1]
    return ComboBox(
        name="provider",
        choices=providers,
        tooltip=f"Where the network runs. Automatic takes the graphics card where that works. {why}".strip(),
    )


def _white() -> FloatSpinBox:
    field = FloatSpinBox(
        name="white",
        max=_WHITEST,
        step=1,
        tooltip="The number that means white, such as 4095 or 255; automatic goes by the type, "
        "the samples and the contrast limits.",
    )
    field.native.setSpecialValueText("automatic")
    return field


def _models() -> list[tuple[str, str]]:
    """Return the installed models, the best one first; a missing one is an error when the filter runs."""
    return [(info.name, str(info.path)) for info in reversed(list_models())] or [("3", "3")]


def _row(label: str, *widgets: Widget) -> Container[Widget]:
    row: Container[Widget] = Container(
        name=f"{label} row", widgets=widgets, layout="horizontal", labels=False
    )
    if label:
        row.insert(0, Label(value=label))
        row[0].min_width = _LABEL_WIDTH
        row[0].tooltip = next(widget.tooltip for widget in widgets)
    row.margins = (0, 0, 0, 0)
    return row
