"""Plates small enough for tests: what draws and packs them is on trial, not they."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from training.damage import details, drawing, plates


@contextmanager
def tiny_plates() -> Iterator[pytest.MonkeyPatch]:
    """Draw two plates of damage and small details, whatever is asked for."""

    def two_plates(_folder, rng, *, frames, count):  # noqa: ARG001
        return [plates.procedural_plate(400, density, rng) for density in (1, 4)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "damage_plates", two_plates)
        patch.setattr(drawing, "detail_plates", partial(details.detail_plates, size=256))
        yield patch
