"""``dsr-gimp``: installs the plug-in into every GIMP 3 of this user, removes, examines and uses it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dsr_core.errors import DsrError
from dsr_core.options import Options, described
from dsr_gimp import doctor, installer
from dsr_gimp.clean import clean, gimp_program
from dsr_gimp.profiles import Profile, find_profiles

_PROVIDERS = ("auto", "cuda", "cpu")  # those in the plug-in's dialog


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="dsr-gimp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install the filter, or bring it up to date; then restart GIMP")
    commands.add_parser("uninstall", help="remove exactly what install wrote")
    commands.add_parser("doctor", help="say for each GIMP whether the filter will appear, and if not, why")
    command = commands.add_parser("clean", help="clean a folder of scans in GIMP; results keep their layers")
    command.add_argument("scans", type=Path, metavar="FOLDER", help="TIFF, PNG and JPEG files")
    command.add_argument("-o", "--output-dir", type=Path, help="where an .xcf for each goes; FOLDER/repaired")
    command.add_argument("--gimp", metavar="PROGRAM", help="GIMP's program without a window")
    for option in described():
        limits = {"choices": tuple(option.choices)} if option.choices else {"type": type(option.default)}
        name = f"--{option.name.replace('_', '-')}"
        command.add_argument(
            name, default=option.default, help=f"{option.help}; default: %(default)s", **limits
        )
    command.add_argument("--model", default="3", help="as for dsr-core; default: %(default)s")
    command.add_argument("--provider", choices=_PROVIDERS, default="auto", help="default: %(default)s")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    actions = {"install": _install, "uninstall": _uninstall, "doctor": _doctor}
    parsed = parse_args(arguments)
    try:
        return _clean(parsed) if parsed.command == "clean" else actions[parsed.command](find_profiles())
    except DsrError as error:
        sys.stderr.write(f"dsr-gimp: {error}\n")
        return 1


def _clean(parsed: argparse.Namespace) -> int:
    chosen = {option.name: getattr(parsed, option.name) for option in described()}
    options = Options(**chosen)  # refuses what is out of range
    settings = {name.replace("_", "-"): getattr(options, name) for name in chosen}
    settings |= {"model": parsed.model, "provider": parsed.provider}
    results = parsed.output_dir or parsed.scans / "repaired"
    for line in clean(parsed.gimp or gimp_program(), parsed.scans, results, settings):
        _say(line)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _install(profiles: list[Profile]) -> int:
    for profile in profiles:
        _say(profile.label)
        for line in installer.install(profile) or ["everything is in place already"]:
            _say(f"  {line}")
    _say("Restart GIMP; the filter is Filters > Enhance > Remove dust & scratches.")
    return 0


def _uninstall(profiles: list[Profile]) -> int:
    for profile in profiles:
        _say(profile.label)
        for line in installer.uninstall(profile) or ["nothing to remove"]:
            _say(f"  {line}")
    return 0


def _doctor(profiles: list[Profile]) -> int:
    healthy = True
    pythons: dict[str, None] = {}
    for profile in profiles:
        found = doctor.faults(profile)
        _say(f"{profile.label}: the filter will {'not work' if found else 'appear'}")
        for fault in found:
            _say(f"  {fault}")
        healthy = healthy and not found
        settings = installer.read_settings(installer.plugin_folder(profile))
        if not found:
            pythons[str(settings["python"])] = None
    for python in pythons or {sys.executable: None}:
        try:
            _say(f"{python}: {doctor.round_trip(python)}")
        except DsrError as error:
            healthy = False
            _say(f"{python}: {error}")
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
