"""The arguments of the command line."""

import argparse
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any

from dsr_core.options import PROVIDERS, described

FORMATS = {"tif": "tiff", "png": "png", "jpg": "jpeg", "webp": "webp"}
"""What --format takes -> format."""

_MOST_MEGAPIXELS = 1000


def make_parser(run: Mapping[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """Return the parser for these commands; the first line of a function's documentation is its help."""
    parser = argparse.ArgumentParser(
        prog="dsr-core", description="Remove dust, hairs and scratches from scanned film."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    restore = commands.add_parser("restore", help="write restored images", description=run["restore"].__doc__)
    restore.add_argument(
        "inputs",
        nargs="+",
        type=_name,
        metavar="INPUT",
        help="TIFF, PNG, JPEG, WebP, PNM, BMP or JPEG 2000; a folder of them; - is standard input",
    )
    target = restore.add_mutually_exclusive_group()
    target.add_argument(
        "-o",
        "--output",
        type=Path,
        help="where one result goes (INPUT.restored.* beside it); - is standard output",
    )
    target.add_argument("--output-dir", type=Path, help="folder for the results; made if it does not exist")
    restore.add_argument("--mask", type=Path, metavar="FILE", help="write what was repaired: 255, else 0")
    restore.add_argument("--overlay", type=Path, metavar="FILE", help="write a picture of the defects in red")
    restore.add_argument(
        "--fill",
        type=Path,
        metavar="FILE",
        help="repair what this mask marks white, instead of what is found; it may come from --mask",
    )
    restore.add_argument("--format", choices=FORMATS, help="what to write; default: what the input is")
    restore.add_argument("--keep-date", action="store_true", help="give results the date of their inputs")
    _add_roll(restore)
    restore.set_defaults(command=run["restore"])

    detect = commands.add_parser("detect", help="write only the mask", description=run["detect"].__doc__)
    detect.add_argument(
        "input", type=_name, metavar="INPUT", help="one file; for a folder use restore with --mask-dir"
    )
    detect.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MASK", help="where the mask goes"
    )
    detect.set_defaults(command=run["detect"], format=None, keep_date=False, **_ONE)

    for command in (restore, detect):
        _add_options(command)
        command.add_argument(
            "--size-um",
            type=_numbers(float, "MIN,MAX"),
            metavar="MIN,MAX",
            help="size limits in micrometres of film, 0 is none; for files that state their resolution",
        )
        command.add_argument(
            "--only",
            type=_numbers(int, "X,Y,WIDTH,HEIGHT"),
            metavar="X,Y,WIDTH,HEIGHT",
            help="change nothing outside of this region, in pixels as the upright picture shows it",
        )
        _add_reading(command)
        command.add_argument(
            "--model",
            default="3",
            metavar="fast|1|2|3|PATH",
            help="3 is the usual one; 1 and 2 are the same, trained with other losses; fast is for CPUs, a "
            "small one: in less than half the time it finds less; or an ONNX file; default: %(default)s",
        )
        command.add_argument(
            "--provider",
            choices=PROVIDERS,
            default="auto",
            help="where the network runs; auto is CUDA where it loads, else the CPU; default: %(default)s",
        )
        command.add_argument(
            "--mask-kinds",
            action="store_true",
            help="in the mask 64 stands for specks, 128 for hairs, 192 for scratches, 255 for others",
        )
        command.add_argument("--overwrite", action="store_true", help="replace files that exist")
        command.add_argument("--json", action="store_true", help="one line of JSON for each file")

    models = commands.add_parser("models", help="list the models", description=run["models"].__doc__)
    models.set_defaults(command=run["models"])
    doctor = commands.add_parser("doctor", help="check the installation", description=run["doctor"].__doc__)
    doctor.set_defaults(command=run["doctor"])
    export = commands.add_parser(
        "export-onnx", help="turn a checkpoint into a model", description=run["export-onnx"].__doc__
    )
    export.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    export.add_argument("output", type=Path, metavar="OUTPUT")
    export.set_defaults(command=run["export-onnx"])
    return parser


_ONE = {
    **dict.fromkeys(("output_dir", "report", "contact_sheet", "scheduler", "fill")),
    "resume": False,
    "jobs": 1,
}
"""What the options for rolls are for a command that takes one file."""


def _add_roll(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("rolls").add_argument
    add("--recursive", action="store_true", help="take folders within folders, too")
    add("--mask-dir", type=Path, metavar="DIR", help="folder for a mask of each file")
    add("--overlay-dir", type=Path, metavar="DIR", help="folder for a picture of each file's defects in red")
    add(
        "--jobs",
        type=int,
        metavar="N",
        help="files at the same time; default: as many as cores and free memory hold, at most 4, "
        "one for every 20 megapixels",
    )
    add("--resume", action="store_true", help="pass over what is done, by content and options")
    add(
        "--roll",
        action="store_true",
        help="look at all files first: a faint line that many have at the same place is a scratch",
    )
    add("--watch", action="store_true", help="go on with each file that comes into the folder, until Ctrl+C")
    add("--dry-run", action="store_true", help="only say what would be done, and how long it takes here")
    add("--scheduler", metavar="tcp://HOST:PORT", help="hand the files to the Dask cluster of this scheduler")
    add("--report", type=Path, metavar="FILE.html", help="write a page that shows each file before and after")
    add("--contact-sheet", type=Path, metavar="FILE.jpg", help="write a picture of all files, small")
    add(
        "--except",
        type=Path,
        dest="excepted",
        metavar="LIST",
        help="leave the files alone that this list names, one a line, as the report saves it",
    )


def _name(text: str) -> Path:
    """Return the path of a name, which is not empty: that would be the folder we are in."""
    if not text:
        raise argparse.ArgumentTypeError("a name is empty; is a variable not set?")
    return Path(text)


def _positive(text: str) -> float:
    """Return a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < inf:
        raise argparse.ArgumentTypeError(f"give a number above 0, not {text!r}")
    return value


def _numbers(kind: type, names: str) -> Callable[[str], tuple[Any, ...]]:
    """Return what turns a text of as many numbers as there are names into a tuple."""

    def split(text: str) -> tuple[Any, ...]:
        try:
            values = tuple(kind(part) for part in text.split(","))
        except ValueError:
            values = ()
        if len(values) != len(names.split(",")) or not all(0 <= value < 1 << 31 for value in values):
            raise argparse.ArgumentTypeError(f"give {names}, numbers from 0 on, not {text!r}")
        return values

    return split


def _add_options(parser: argparse.ArgumentParser) -> None:
    for option in described():
        limits: dict[str, Any] = {"type": type(option.default), "metavar": option.unit.upper() or "NUMBER"}
        if option.choices:
            limits = {"choices": tuple(option.choices)}
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            default=option.default,
            help=f"{option.help}; default: %(default)s",
            **limits,
        )


def _add_reading(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--linear",
        action=argparse.BooleanOptionalAction,
        help="samples are linear light, or are not; default: what the file says",
    )
    add(
        "--white",
        type=_positive,
        metavar="VALUE",
        help="the number that means white; default: by the samples",
    )
    add(
        "--infrared",
        default="auto",
        metavar="auto|off|FILE",
        help="infrared scan of the same film; auto takes a page, a fourth channel, or INPUT_ir.* beside it",
    )
    add("--picture-only", action="store_true", help="leave out layers and further pictures of a file")
    add(
        "--most-megapixels",
        type=_positive,
        default=_MOST_MEGAPIXELS,
        metavar="MP",
        help="refuse larger pictures; default: %(default)s",
    )
