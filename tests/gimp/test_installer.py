"""Installing, removing and examining, without a GIMP."""

import errno
import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from dsr_core import DsrError, Options
from dsr_core.options import described
from dsr_gimp import cli, doctor, installer
from dsr_gimp.clean import RECIPE
from dsr_gimp.profiles import Profile, find_profiles

NAME = "dust_scratch_removal"
DOCS = Path(__file__).parents[2] / "docs"


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "3.0" / "plug-ins").mkdir(parents=True)
    return Profile(tmp_path / "3.0", "native")


@pytest.fixture
def pythons(monkeypatch: pytest.MonkeyPatch):
    """Decide which Pythons can load GIMP's bindings."""
    able: set[str] = set()
    monkeypatch.setattr(installer, "can_run_plugins", able.__contains__)
    monkeypatch.setattr(doctor, "can_run_plugins", able.__contains__)
    monkeypatch.setattr(installer.shutil, "which", lambda _: "/shims/python3")
    monkeypatch.setattr(installer, "_PYTHONS", ("/nowhere/python3", sys.executable))
    return able


@pytest.mark.parametrize(
    ("platform", "env", "folders"),
    [
        (
            "linux",
            {},
            [
                ".config/GIMP/3.0",
                ".config/GIMP/3.2",
                ".var/app/org.gimp.GIMP/config/GIMP/3.0",
                "snap/gimp/current/.config/GIMP/3.0",
            ],
        ),
        ("linux", {"XDG_CONFIG_HOME": "xdg"}, ["xdg/GIMP/3.10"]),
        ("linux", {"GIMP3_DIRECTORY": "mine"}, ["mine", ".config/GIMP/3.0"]),
        ("win32", {"APPDATA": "roaming"}, ["roaming/GIMP/3.0"]),
        ("win32", {}, ["AppData/Roaming/GIMP/3.0"]),
        ("darwin", {}, ["Library/Application Support/GIMP/3.0"]),
    ],
)
def test_profiles_on_every_system(tmp_path: Path, platform: str, env: dict[str, str], folders: list[str]):
    for folder in (*folders, ".config/GIMP/2.10", ".config/GIMP/3.0.bak"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    env = {name: str(tmp_path / value) for name, value in env.items()}
    found = find_profiles(env, tmp_path, platform)
    assert [str(each.path.relative_to(tmp_path)) for each in found] == folders
    if len(folders) == 4:
        assert [each.kind for each in found] == ["native", "native", "flatpak", "snap"]


def test_no_gimp_is_a_sentence(tmp_path: Path):
    with pytest.raises(DsrError, match="start GIMP 3 once"):
        find_profiles({}, tmp_path, "linux")


def test_install_is_idempotent_and_uninstall_exact(profile: Profile, pythons: set[str]):
    pythons.add("/shims/python3")
    before = tree(profile.path)
    files = installer.plugin_files()
    assert len(installer.install(profile)) == len(files) + 1  # engine.json
    plugin = installer.plugin_folder(profile) / f"{NAME}.py"
    assert plugin.read_bytes() == installer.SOURCE.read_bytes()
    assert json.loads((plugin.parent / "engine.json").read_text())["python"] == sys.executable
    assert os.name == "nt" or plugin.stat().st_mode & stat.S_IXUSR
    assert not installer.interpreter_entry(profile).exists()
    assert {name: (plugin.parent / name).read_text() for name in files} == files
    assert installer.install(profile) == []
    for folder in (plugin.parent, plugin.parent / "dsr_core", plugin.parent / "dsr_core" / "editor"):
        (folder / "__pycache__").mkdir()
    assert len(installer.uninstall(profile)) == len(files) + 1
    assert tree(profile.path) == before
    assert installer.uninstall(profile) == []


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="GIMP brings its own Python there")
def test_shebang_trap(profile: Profile, pythons: set[str]):
    """The python3 of the search path has no gi; another one has."""
    pythons.add(sys.executable)
    before = tree(profile.path)
    assert len(installer.install(profile)) == len(installer.plugin_files()) + 2  # engine.json, the entry
    plugin, entry = installer.plugin_folder(profile) / f"{NAME}.py", installer.interpreter_entry(profile)
    first = plugin.read_text().splitlines()[0]
    assert first == installer.OWN_SHEBANG
    assert entry.read_text() == f"{first.split()[1]}={sys.executable}\n"
    assert installer.install(profile) == []
    assert doctor.faults(profile) == []

    pythons.add("/shims/python3")  # the machine was put right: back to the usual first line
    assert f"removed {entry}" in installer.install(profile)
    assert plugin.read_bytes() == installer.SOURCE.read_bytes()
    installer.uninstall(profile)
    assert tree(profile.path) == before


def test_files_of_an_earlier_version_do_not_stay(profile: Profile, pythons: set[str], monkeypatch):
    pythons.add("/shims/python3")
    before, files = tree(profile.path), installer.plugin_files()
    old = installer.plugin_folder(profile) / "old.py"
    monkeypatch.setattr(installer, "plugin_files", lambda: {**files, "old.py": ""})
    installer.install(profile)
    assert old.exists()
    monkeypatch.setattr(installer, "plugin_files", files.copy)
    assert f"removed {old}" in installer.install(profile)
    monkeypatch.setattr(installer, "plugin_files", lambda: {**files, "old.py": ""})
    installer.install(profile)
    monkeypatch.setattr(installer, "plugin_files", files.copy)
    installer.uninstall(profile)
    assert tree(profile.path) == before


def test_uninstall_leaves_what_others_put_there(profile: Profile, pythons: set[str]):
    pythons.add(sys.executable)
    installer.install(profile)
    other = profile.path / "interpreters" / "other.interp"
    other.write_text("other=/bin/other\n")
    note = installer.plugin_folder(profile) / "notes.txt"
    note.write_text("mine")
    installer.uninstall(profile)
    assert other.exists()
    assert note.exists()


@pytest.mark.usefixtures("pythons")
def test_packed_gimps_bring_their_python(profile: Profile):
    assert installer.plugin_python(Profile(profile.path, "flatpak")) is None
    assert installer.plugin_python(profile) is None  # none can: doctor says so
    installer.install(profile)
    assert "gir1.2-gimp-3.0" in doctor.faults(profile)[0]


def spoil_nothing(_: Profile) -> None:
    pass


def remove(profile: Profile) -> None:
    installer.uninstall(profile)


def make_old(profile: Profile) -> None:
    plugin = installer.plugin_folder(profile) / f"{NAME}.py"
    plugin.write_text(plugin.read_text() + "# older\n")


def lose_a_neighbour(profile: Profile) -> None:
    (installer.plugin_folder(profile) / "dsr_core" / "editor" / "wire.py").unlink()


def forbid(profile: Profile) -> None:
    (installer.plugin_folder(profile) / f"{NAME}.py").chmod(0o644)


def look_elsewhere(profile: Profile) -> None:
    (profile.path / "gimprc").write_text('(plug-in-path "/usr/lib/gimp/3.0/plug-ins")\n')


def move_python(profile: Profile) -> None:
    (installer.plugin_folder(profile) / "engine.json").write_text('{"python": "/nowhere/python"}')


def break_shebang(profile: Profile) -> None:
    plugin = installer.plugin_folder(profile) / f"{NAME}.py"
    plugin.write_text(plugin.read_text().replace(installer.SHEBANG, installer.OWN_SHEBANG, 1))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_nothing, ""),
        (remove, "not installed here"),
        (make_old, "another version"),
        (lose_a_neighbour, "another version"),
        (forbid, "not executable"),
        (look_elsewhere, "Preferences > Folders > Plug-ins"),
        (move_python, "is gone (/nowhere/python)"),
        (break_shebang, "does not know"),
    ],
)
def test_doctor_names_the_reason(profile: Profile, pythons: set[str], spoil, reason: str):
    pythons.add("/shims/python3")
    (profile.path / "gimprc").write_text('(plug-in-path "${gimp_dir}/plug-ins:/usr/lib/gimp/3.0/plug-ins")\n')
    installer.install(profile)
    spoil(profile)
    found = doctor.faults(profile)
    assert len(found) == bool(reason)
    assert not reason or reason in found[0]


@pytest.mark.usefixtures("pythons")
def test_flatpak_cannot_see_the_systems_python(profile: Profile, monkeypatch: pytest.MonkeyPatch):
    packed = Profile(profile.path, "flatpak")
    monkeypatch.setattr(sys, "executable", "/usr/bin/env")
    installer.install(packed)
    assert "a flatpak cannot see /usr/bin/" in doctor.faults(packed)[0]


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "GIMP" / "3.0").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GIMP3_DIRECTORY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    for command, said in (
        ("install", "wrote "),
        ("install", "in place already"),
        ("install", "Restart GIMP; the filter is Filters > Enhance > Remove dust & scratches."),
        ("uninstall", "removed "),
    ):
        assert cli.main([command]) == 0
        assert said in capsys.readouterr().out
    assert cli.main(["doctor"]) == 1
    assert (
        "the filter will not work\n  it is not installed here: run `dsr-gimp install`"
        in capsys.readouterr().out
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    assert cli.main(["install"]) == 1
    assert "start GIMP 3 once" in capsys.readouterr().err


def test_round_trip_of_an_environment_without_the_package():
    with pytest.raises(DsrError, match="ended unexpectedly"):
        doctor.round_trip("/bin/false")


@pytest.mark.parametrize(
    ("models", "changed", "sentence"),
    [
        ([], 0, "No model is installed; install the package again."),
        (["3"], 0, "The speck in the test picture was not found (model 3 on cpu)"),
    ],
)
def test_a_worker_that_finds_nothing_is_a_sentence(models: list[str], changed: int, sentence: str):
    answer = {"provider": "cpu", "changed": changed}, b""
    client = SimpleNamespace(models=models, send=lambda *_, **__: 1, wait=lambda _: answer)
    with pytest.raises(DsrError, match=re.escape(sentence)):
        doctor._exchange(client)


@pytest.mark.usefixtures("pythons")
def test_a_folder_of_somebody_else_is_a_sentence(profile: Profile, monkeypatch: pytest.MonkeyPatch):
    def forbidden(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    installer.install(profile)
    monkeypatch.setattr(installer, "_write", forbidden)
    with pytest.raises(DsrError, match=r"cannot be written \(Permission denied\); check the folder's owner"):
        installer.install(profile)
    monkeypatch.setattr(installer, "_remove", forbidden)
    with pytest.raises(DsrError, match=r"cannot be removed \(Permission denied\); check the folder's owner"):
        installer.uninstall(profile)


@pytest.mark.usefixtures("pythons")
def test_a_plug_in_without_its_settings_is_a_sentence(profile: Profile):
    installer.install(profile)
    (installer.plugin_folder(profile) / "engine.json").unlink()
    code = "import settings; settings.worker_python()"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installer.plugin_folder(profile),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PlugInError: The filter does not know its Python environment" in ran.stderr


def test_options_for_the_plug_in_are_those_of_the_filter():
    told = json.loads(installer.plugin_files()["options.json"])
    assert {option["name"]: option["default"] for option in told} == asdict(Options())


@pytest.fixture
def sleeper(tmp_path: Path) -> str:
    """A Python that does not come to an end, and whose child would hold its pipes even when it is killed."""
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\nsleep 30 &\nwait\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_hangs_cannot_run_plugins(sleeper: str):
    assert installer.can_run_plugins(sleeper, patience=0.5) is False


def test_a_worker_that_hangs_is_given_up(sleeper: str):
    with pytest.raises(DsrError, match="has not answered for 1 seconds"):
        doctor.round_trip(sleeper, patience=1)


def test_a_flatpak_alone_owns_the_folder_that_it_shares(tmp_path: Path):
    (tmp_path / ".config" / "GIMP" / "3.0").mkdir(parents=True)
    (tmp_path / ".var" / "app" / "org.gimp.GIMP").mkdir(parents=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    env = {"PATH": str(programs)}
    assert [each.kind for each in find_profiles(env, tmp_path, "linux")] == ["flatpak"]
    (programs / "gimp-3.0").touch(0o755)
    assert [each.kind for each in find_profiles(env, tmp_path, "linux")] == ["native"]


def test_the_script_in_the_documentation_is_the_one_that_runs():
    page = (Path(__file__).parents[2] / "docs" / "gimp-scripts.md").read_text(encoding="utf-8")
    assert f"```python\n{RECIPE.read_text(encoding='utf-8')}```" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "There is no folder nowhere"),
        ([".", "--gimp", "/no/gimp"], "/no/gimp cannot be started"),
        ([".", "--sensitivity", "7"], "sensitivity must be"),
        ([".", "--gimp", "/bin/false"], "GIMP did not clean all of the scans: it said nothing"),
        (["."], "No GIMP 3 was found"),
    ],
)
def test_what_keeps_a_folder_from_being_cleaned_is_a_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    gimp = [] if len(arguments) > 2 or arguments == ["."] else ["--gimp", "/bin/true"]
    assert cli.main(["clean", *arguments, *gimp]) == 1
    assert sentence in capsys.readouterr().err


def test_every_argument_is_documented():
    text = (DOCS / "gimp-scripts.md").read_text().replace("\n", " ")
    for option in described():
        choices = f" ({', '.join(f'`{choice}`' for choice in option.choices)})" if option.choices else ""
        assert f"`{option.name.replace('_', '-')}`{choices}" in text


def test_every_row_of_the_dialog_has_a_letter_of_its_own():
    sources = "".join(path.read_text() for path in installer.SOURCE.parent.glob("*.py"))
    shown = set(re.findall(r'"((?:_[A-Z]|[A-Z][a-z ]*_[a-z])[a-z ]*)"', sources))
    labels = [option.label for option in described()] + sorted(shown - {"Repair what is sele_cted"})
    gimps_own = list("crlos")  # Cancel, Reset, Load Saved Settings, OK, Save Settings
    assert {"_Take", "_Before", "_Help"} <= shown
    letters = gimps_own + [label[label.index("_") + 1].lower() for label in labels]
    assert len(set(letters)) == len(letters)
