"""By which names an infrared scan is known."""

import pytest

from dsr_core.infrared_names import seems_infrared


@pytest.mark.parametrize(
    ("name", "scan", "it_is"),
    [
        ("scan_ir", "scan", True),
        ("Scan-Infrared.TIF", "scan.tif", True),
        ("scan infrared", "scan", True),
        ("scan.ir.tif", "scan.tif", True),
        ("IR", "Background", True),
        ("infrared", "anything", True),
        ("other_ir", "scan", False),
        ("fir", "f", False),
        ("stairs", "sta", False),
        ("scan", "scan", False),
    ],
)
def test_names(name: str, scan: str, it_is: bool):
    assert seems_infrared(name, "no such", scan) is it_is
