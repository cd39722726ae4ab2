"""Fixtures that several tests of the core share."""

import pytest

from dsr_core import engine
from tests.core.box import Box


@pytest.fixture
def box(tmp_path, toy_model, monkeypatch, capsys):
    engine.forget_engine()
    yield Box(tmp_path, toy_model, monkeypatch, capsys)
    engine.forget_engine()
