"""YAML files read with types: what is misspelt or of the wrong kind is refused before anything is trained."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import yaml
from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError

from dsr_core.errors import DsrError
from training.damage.conditions import Conditions

T = TypeVar("T")

STRICT = ConfigDict(extra="forbid")
"""For ``__pydantic_config__`` of a dataclass that :func:`structure` makes: no fields but its own."""


@dataclass(frozen=True)
class _Known(Conditions):
    __pydantic_config__: ClassVar[ConfigDict] = STRICT


def _changes(values: dict[str, Any]) -> dict[str, Any]:
    """Return changes to the conditions with every value of its field's type."""
    known = TypeAdapter(_Known).validate_python(values)
    return {name: getattr(known, name) for name in values}


Changes = Annotated[dict[str, Any], AfterValidator(_changes)]
"""Changes to :class:`training.damage.Conditions`, each by its field's name."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds names and values.

    Raises
    ------
    DsrError
        It cannot be read, or holds something else.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DsrError(f"{path} cannot be read: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise DsrError(f"{path} holds no names and values.")
    return values


def structure(kind: type[T], values: dict[str, Any], path: Path) -> T:
    """Make a dataclass of plain values, with dataclasses, tuples and paths within.

    Numbers may be text that reads as one: YAML 1.1, as PyYAML has it, takes ``1e-3`` for text.

    Parameters
    ----------
    kind
        The dataclass; ``__pydantic_config__`` is :data:`STRICT`, which holds for those within as well.
    values
        As :func:`read_yaml` returns them.
    path
        Where they come from.

    Raises
    ------
    DsrError
        A field is unknown, missing or of the wrong kind; the sentence names all of them.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        faults = "; ".join(_fault(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors())
        raise DsrError(f"{path}: {faults}.") from error


def _fault(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """Say what is wrong at a place, such as ``stages.0.conditions.grain``."""
    name = ".".join(map(str, place))
    if kind == "unexpected_keyword_argument":
        return f"there is no field {name}"
    if kind == "missing":
        return f"{name} is missing"
    return f"{name}: {message[0].lower()}{message[1:]}"
