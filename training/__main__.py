"""One command for all of the training: ``python -m training COMMAND ...``.

A command is a module with ``add_arguments(parser)``, which declares what it takes, and ``command(args)``,
which does it and returns what to tell. Only the module of the command that is asked for is imported. What
goes wrong for reasons that a person can mend is one sentence on stderr, and the exit status 1.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from dsr_core.errors import DsrError

COMMANDS = {
    "fit": ("training.fit", "train a model in stages of steps"),
    "sprint": ("training.sprint", "train networks for a number of seconds each"),
    "pack": ("training.pack", "pack photographs and drawn film damage into one archive, for sprint"),
    "simulate": ("training.simulate", "damage photographs as film scans are, to look at"),
    "mine": ("training.mine", "find what a model takes for damage in clean photographs"),
    "pairs": ("training.measure.pairs", "make the validation pairs"),
    "evaluate": ("training.measure.evaluate", "measure models on the pairs"),
    "infrared": ("training.measure.infrared", "measure what an infrared scan adds"),
    "real": ("training.measure.real", "measure models on real film"),
    "scratches": ("training.measure.scratches", "measure the finding of faint scratches"),
    "ranges": ("training.measure.ranges", "measure what is found in narrow ranges"),
    "dense": ("training.measure.dense", "measure what is taken of print, stars and paint"),
    "kinds": ("training.measure.kinds", "measure how kinds of defects are told apart"),
    "card": ("training.measure.card", "write the card of a model"),
    "compare": ("training.measure.compare", "set short trainings side by side"),
    "slider": ("training.measure.slider", "draw what each sensitivity does to real film"),
    "rates": ("training.measure.rates", "measure how often a model takes clean pictures for damaged"),
    "quantize": ("training.quantize", "make the 8-bit form of a model"),
    "convert-vgg": ("training.convert_vgg", "make VGG features of a Keras VGG16"),
    "pretrain-vgg": ("training.pretrain_vgg", "train VGG features on photographs"),
}
"""Name of each command: its module, and what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, without the program's name, and return the exit status."""
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="python -m training",
        usage="%(prog)s COMMAND ...",
        description="Train dust and scratch removal, and measure it. COMMAND --help tells what each takes.",
        epilog="commands:\n" + "\n".join(f"  {name:{width}}  {does}" for name, (_, does) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    module, does = COMMANDS[chosen.command]
    try:
        command = import_module(module)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"This needs {error.name}; run pip install 'dust-scratch-removal[train]' first.\n")
        return 1
    own = argparse.ArgumentParser(
        prog=f"{parser.prog} {chosen.command}", description=f"{does[0].upper()}{does[1:]}."
    )
    command.add_arguments(own)
    args = own.parse_args(chosen.arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        said = command.command(args)
    except (DsrError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
