"""The film-damage simulator."""

from training.damage.conditions import KINDS, Conditions
from training.damage.simulator import FilmDamage, Triplet
from training.damage.visible import VISIBLE

__all__ = ["KINDS", "VISIBLE", "Conditions", "FilmDamage", "Triplet"]
