"""What the dock says while a person works with it."""

from napari.layers import Image

from tests.napari.scans import make_scan


def test_the_dock_says_what_it_does(open_dock, network):
    network.seconds = 0.05
    layer = Image(make_scan(), name="scan")
    dock = open_dock(layer)
    assert dock.status == "Find shows the damage; paint or erase in it, then Remove."
    dock.click("find", wait=False)
    assert dock.status == "Looking for dust and scratches …"
    dock.click("cancel")
    assert dock.status == "Cancelled; nothing was changed."
    dock.click("remove", wait=False)
    assert dock.status == "Removing dust and scratches …"
    dock.settled()
    dock.click("reject")
    assert dock.status == "Choose a defect first: in the list, or with a click on it."
    dock.click("mend")
    assert dock.status == "Paint over what was missed; the keys [ and ] change the brush's width."
    dock.fields["sensitivity"].value = 0.3
    assert dock.status == "Not up to date yet; the layers follow in a moment."
    dock.settled()
    assert "defects" in dock.status
    layer.data = make_scan(seed=1)
    assert dock.status == "The image has changed; Find looks at it again."
