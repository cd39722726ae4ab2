"""Which tests provoke the sentences that GIMP's plug-in, its installer and napari's dock refuse with.

A new sentence needs a row. Those of the core, which all of them hand on, are provoked one by one in
``tests/core/test_core_sentences.py``, and what refuses nothing in ``test_core_remarks.py``.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.core.box import refuses, trees, words

TESTS = Path(__file__).parents[1]
ROWS = {
    "gimp/test_installer.py": (
        "No GIMP 3 was found",
        "There is no folder",
        "cannot be started",
        "GIMP did not clean all of the scans",
        "No model is installed",
        "The speck in the test picture was not found",
        "ended unexpectedly",
        "cannot be written (",
        "cannot be removed (",
        "start GIMP 3 once",
        "does not know its Python environment",
    ),
    "gimp/test_batch.py": (
        "cannot be repaired; change it with",
        "does not touch the layer",
        "Nothing is selected to repair",
        "Nothing is selected; draw around",
        "must be 0, which is no limit, or at least",
        "is a channel: turn it into the selection",
        "is to be repaired; choose its infrared scan",
        "is in another picture",
        "does not cover",
        "only be repaired in place",
        "is locked",
        "is not a plain layer",
        "are locked, or those of its group",
        "dust-scratch-removal is not in",
    ),
    "gimp/test_desktop.py": (
        "at work on this picture already",
        "The picture was closed",
        "was deleted while the filter was at work",
    ),
    "napari/test_napari_results.py": (
        "There is no image layer",
        "as separate frames",
        "as its last axis",
    ),
    "napari/test_napari_running.py": (
        "first (numpy.moveaxis(data,",
        "The network stopped",
        "Dust removal failed",
    ),
    "core/test_core_editor.py": (
        "cannot be started",
        "do not fit together",
        "has not answered for",
        "does not speak this protocol",
        "A message is damaged",
        "There is no memory for",
    ),
}
"""Where a test asks for these words."""
RARE = ("GIMP refused the result", "The infrared scan was deleted")
"""What GIMP has never been brought to do in a test."""


def sentences():
    """Return the constant parts of every sentence with its place."""
    for path, tree in trees("dsr_gimp", "dsr_napari", "dsr_core/editor"):
        if path.name in {"session.py", "worker.py"}:
            continue
        for node in filter(refuses, ast.walk(tree)):
            yield pytest.param(words(node.args[0]), id=f"{path.stem}, line {node.lineno}")
        if path.name == "infrared.py" and path.parent.name == "dust_scratch_removal":
            for node in ast.walk(tree):
                if isinstance(node, ast.Return) and isinstance(node.value, ast.JoinedStr):
                    yield pytest.param(words(node.value), id=f"{path.stem}, line {node.lineno}")


@pytest.mark.parametrize("sentence", list(sentences()))
def test_the_sentence_has_a_row(sentence):
    handed_on = not re.search("[a-z]{2}", sentence)
    assert handed_on or any(row in sentence for rows in (*ROWS.values(), RARE) for row in rows)


@pytest.mark.parametrize("name", ROWS)
def test_the_rows_are_asked_for(name):
    text = re.sub(r'"\s*r?f?"', "", (TESTS / name).read_text(encoding="utf-8")).replace("\\", "")
    assert [row for row in ROWS[name] if row not in text] == []
