"""What the dock makes."""

import numpy as np
import pytest
from napari.layers import Image
from scans import make_scan

import dsr_core


def test_find_then_remove(open_dock, told, shipped_model):
    scan = make_scan()
    dock = open_dock(Image(scan.copy(), name="scan"))
    dock.click("find")
    expected = dsr_core.restore(scan, model=shipped_model)
    assert expected.defects > 0
    assert np.array_equal(dock["defects of scan"].data, expected.labels)
    assert "scan restored" not in dock.viewer.layers
    dock.click("remove")
    assert np.array_equal(dock["scan restored"].data, expected.image)
    assert np.array_equal(dock["scan"].data, scan)
    assert told() == []
