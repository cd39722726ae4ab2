"""The plug-in as napari sees it: every name in the manifest leads somewhere, and the menus show it."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from magicgui.widgets import Widget
from napari._app_model.constants import MenuId
from napari._app_model.constants._menus import is_menu_contributable
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name

import dsr_napari

PLUGIN = "dust-scratch-removal"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(Path(dsr_napari.__file__).with_name("napari.yaml"))


def test_name_is_the_distributions_name(manifest):
    (entry,) = entry_points(group="napari.manifest", name=PLUGIN)
    assert entry.value == "dsr_napari:napari.yaml"
    assert manifest.name == entry.dist.name == PLUGIN
    assert PluginManifest.from_distribution(PLUGIN).contributions == manifest.contributions


def test_every_command_leads_to_something_callable(manifest):
    for command in manifest.contributions.commands:
        assert callable(import_python_name(command.python_name)), command.id


def test_every_contribution_names_a_command(manifest):
    contributions = manifest.contributions
    commands = {command.id for command in contributions.commands}
    used = {item.command for items in contributions.menus.values() for item in items}
    used |= {item.command for item in [*contributions.widgets, *contributions.sample_data]}
    assert used == commands


def test_every_menu_is_one_that_napari_lets_plugins_fill(manifest):
    for menu, items in manifest.contributions.menus.items():
        assert menu in {entry.value for entry in MenuId}
        assert is_menu_contributable(menu)
        assert all(item.when is None for item in items), "a clause would hide the entry"


def _entries(menu):
    """Map the paths of all entries in a Qt menu to their actions."""
    found = {}
    for action in menu.actions():
        name = action.text().replace("&&", "\0").replace("&", "").replace("\0", "&")
        if action.menu() is not None:
            action.menu().aboutToShow.emit()
            found |= {(name, *path): entry for path, entry in _entries(action.menu()).items()}
        else:
            found[(name,)] = action
    return found


ENTRY = "Remove dust & scratches (Dust Scratch Removal)"


@pytest.mark.parametrize("menu", [("Layers", "Filter"), ("Plugins",)])
def test_the_entry_is_in_the_windows_menus_and_opens_the_dock(make_napari_viewer, menu):
    viewer = make_napari_viewer()
    action = _entries(viewer.window._qt_window.menuBar())[(*menu, ENTRY)]
    assert action.isVisible()
    assert action.isEnabled()
    action.trigger()
    (dock,) = viewer.window._wrapped_dock_widgets.values()
    assert isinstance(dock.inner_widget(), Widget)
    assert dock.name == ENTRY


def test_the_sample_is_in_the_menu_and_opens(make_napari_viewer):
    viewer = make_napari_viewer()
    entries = _entries(viewer.window._qt_window.menuBar())
    entries["File", "Open Sample", "Damaged film scan (Dust Scratch Removal)"].trigger()
    (layer,) = viewer.layers
    assert layer.rgb
    assert layer.name == "scan"
