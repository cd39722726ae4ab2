"""What measures infrared, on two small photographs."""

import numpy as np
import pytest

from dsr_core.errors import DsrError
from tests.training.tiny import tiny_plates
from training.__main__ import main
from training.damage.infrared import InfraredScan, infrared_of
from training.measure import infrared


def test_opaque_dirt_is_dark_in_infrared_and_dyes_darken_as_asked():
    clean = np.full((40, 60, 3), 200, np.uint8)
    clean[:, 30:] = 60
    opacity = np.zeros((40, 60), np.float32)
    opacity[10:16, 10:16] = 1
    plain = infrared_of(clean, opacity, InfraredScan(leak=(0, 0, 0), noise=0), np.random.default_rng(0))
    assert plain[13, 13] < 0.3 * plain[30, 13]
    assert plain[30, 45] == pytest.approx(plain[30, 14], rel=0.01)
    leaky = infrared_of(clean, opacity, InfraredScan(leak=(0.2, 0, 0), noise=0), np.random.default_rng(0))
    assert leaky[30, 45] / leaky[30, 14] == pytest.approx((60 / 200) ** 0.2, rel=0.02)


def test_the_table_has_a_row_for_each_scan_and_the_page_keeps_its_text(
    photos, toy_model, tmp_path, monkeypatch
):
    scans = {name: infrared.SCANS[name] for name in ("slide", "clean film")}
    monkeypatch.setattr(infrared, "SCANS", scans)
    page = tmp_path / "infrared.md"
    page.write_text(f"Words.\n\n{infrared.TABLE}\n\nold\n")
    arguments = ["--photos", str(photos), "--model", str(toy_model), "--count", "1", "--size", "192"]
    with tiny_plates():
        assert main(["infrared", *arguments, "--markdown", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("Words.\n")
    assert "old" not in text
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:] == list(
        scans
    )
    page.write_text("no place for a table")
    with pytest.raises(DsrError, match="has no line"):
        infrared.command(_arguments(page))


def _arguments(page):
    class Chosen:
        markdown = page

    return Chosen
