"""The plan of a training against the clock: the dataclasses behind ``training/configs/sprint.yaml``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict

from dsr_core.errors import DsrError
from dsr_core.nn.unet import UNetConfig
from training.reading import STRICT, Changes, read_yaml, structure


@dataclass(frozen=True)
class Joining:
    """A network that joins an ensemble.

    Parameters
    ----------
    checkpoint
        Its file.
    share
        Of its logit in the mean.
    shrink
        1: it sees the picture as it is; 2: at half its size.
    """

    checkpoint: str
    share: float
    shrink: int = 1


@dataclass(frozen=True)
class Leg:
    """One network, trained for a time.

    Parameters
    ----------
    name
        Of the leg and its file.
    seconds
        From its first step to its last.
    network
        Fields of ``UNetConfig``, for a network that starts from nothing.
    initial
        A checkpoint, or the name of an earlier leg, to start from instead.
    members
        Networks that find damage together with ``initial``.
    together
        Train the members, too, instead of leaving them as they are. Each network is written by itself as
        well: ``NAME-0.pt`` is the one that repairs.
    decoder
        Train the decoder alone.
    crop, batch
        Side of the crops in pixels, and their number a step.
    rate
        Peak of the learning rate.
    warm
        Share of the leg over which the rate rises.
    late
        From this share of the leg on, ``late_conditions`` hold.
    settle
        From this share of the leg on the norms keep the statistics that they have then: what is trained is
        what will run, however few pictures are in a batch. 0: those of the checkpoint.
    mine
        How often the averaged network looks for its own false alarms in clean photographs.
    loss
        1, 2 or 3: adds this perceptual loss, weighed so that it begins half as large as the other terms.
    conditions, late_conditions
        Changes to ``training.damage.Conditions``.
    info
        What the model says about itself.
    """

    name: str
    seconds: float
    network: UNetConfig = field(default_factory=UNetConfig)
    initial: str | None = None
    members: tuple[Joining, ...] = ()
    together: bool = False
    decoder: bool = False
    crop: int = 256
    batch: int = 72
    rate: float = 0.012
    warm: float = 0.02
    late: float = 0.62
    settle: float = 1.0
    mine: int = 0
    loss: Literal[0, 1, 2, 3] = 0
    conditions: Changes = field(default_factory=dict)
    late_conditions: Changes = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    legs: tuple[Leg, ...]


def read_plan(path: Path) -> list[Leg]:
    """Read a plan: ``common``, fields that all legs share, and ``legs``.

    Raises
    ------
    DsrError
        The file cannot be read, or a field or condition is unknown, missing or of the wrong kind.
    """
    plan = read_yaml(path)
    common, legs = plan.pop("common", {}), plan.get("legs")
    if isinstance(common, dict) and isinstance(legs, list):
        plan["legs"] = [common | leg if isinstance(leg, dict) else leg for leg in legs]
    return list(structure(_Plan, plan, path).legs)


def choose(legs: Sequence[Leg], names: Sequence[str], folder: Path) -> list[Leg]:
    """Return the legs of these names, or all, in their order, after a look at what they start from.

    Parameters
    ----------
    legs
        Of a plan.
    names
        None: all legs.
    folder
        Where the checkpoints of legs trained before lie.

    Raises
    ------
    DsrError
        There is no such leg, or nothing for a leg to start from: better now than when its turn comes.
    """
    if unknown := set(names) - {leg.name for leg in legs}:
        raise DsrError(f"The plan has no leg {', '.join(sorted(unknown))}; name some that it has.")
    chosen = [leg for leg in legs if not names or leg.name in names]
    for number, leg in enumerate(chosen):
        earlier = {other.name for other in chosen[:number]}
        found = leg.initial in earlier or checkpoint(leg, folder).is_file()
        if leg.initial and not found:
            raise DsrError(f"Leg {leg.name} starts from {leg.initial}, which is no earlier leg and no file.")
        if leg.together and (leg.decoder or not leg.members):
            raise DsrError(
                f"Leg {leg.name} trains members together: it needs some, and not the decoder alone."
            )
        missing = [member.checkpoint for member in leg.members if not Path(member.checkpoint).is_file()]
        if missing:
            raise DsrError(f"A member of leg {leg.name}, {missing[0]}, is no file.")
    return chosen


def checkpoint(leg: Leg, folder: Path) -> Path:
    """Return the file that a leg starts from: of a leg trained before, if there is one of that name."""
    earlier = folder / f"{leg.initial}.pt"
    return earlier if earlier.exists() else Path(str(leg.initial))
