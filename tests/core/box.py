"""What the tables of sentences share: a place to provoke them in, and a way to find those in the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from dsr_core import DsrError, cli
from dsr_core.editor.session import Session
from dsr_core.editor.wire import Payload
from tests.core.made_files import page, tiff
from tests.dusty import dusty

REPOSITORY = Path(__file__).parents[2]
ERRORS = {
    "DsrError",
    "UsageError",
    "UnsuitableError",
    "PassedOverError",
    "ChangedResultError",
    "ProviderError",
    "PlugInError",
}


class Box:
    """A folder with a scan in it, in which we are, a model, and a way to run the command line."""

    def __init__(self, folder, model, monkeypatch, capsys):
        self.folder, self.model, self.patch, self.capsys = folder, model, monkeypatch, capsys
        self.scan = folder / "scan.tif"
        self.scan.write_bytes(tiff(page(dusty())))
        monkeypatch.chdir(folder)

    def said(self, *arguments, command="restore"):
        """Run the command line and return its exit code and what it said."""
        with_model = ["--model", str(self.model), "--provider", "cpu"] if command == "restore" else []
        code = cli.main([command, *map(str, arguments), *with_model])
        return code, self.capsys.readouterr().err

    def run(self, *arguments, command="restore"):
        """Run the command line; raise what it said if it failed."""
        code, said = self.said(*arguments, command=command)
        if code:
            raise DsrError(said)

    def ask(self, **request):
        """Ask the worker's session for something and return what it answers."""
        answers = []
        session = Session(SimpleNamespace(write=answers.append, writelines=list, flush=list), set())
        session.answer({"id": 1, **request}, Payload(3))
        return b"".join(answers).decode(errors="replace")

    def fails(self, target, name, error):
        """Make a function fail."""

        def fail(*_, **__):
            raise error

        self.patch.setattr(target, name, fail)

    def copy(self, name):
        """Return a copy of the scan."""
        (self.folder / name).write_bytes(self.scan.read_bytes())
        return self.folder / name


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the sources in these folders; of the core's without the network."""
    for folder in folders:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            if "nn" not in path.relative_to(REPOSITORY / folder).parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def words(node: ast.AST) -> str:
    """Return the constant parts of a text in the sources."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


def refuses(node: ast.AST) -> bool:
    """Return whether something in the sources makes an error of ours."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS
