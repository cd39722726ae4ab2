"""Which tests provoke what the editors tell, and what they, training, export and the benchmarks refuse with.

A new sentence needs a row. Those of the core, which all of them hand on, are provoked one by one in
``tests/core/test_core_sentences.py``, and what refuses nothing in ``test_core_remarks.py``.
"""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

from tests.core.box import refuses, trees, words

TESTS = Path(__file__).parents[1]
EDITORS = {
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
        "GIMP refused the result",
        "The infrared scan was deleted",
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
TOLD = {
    "gimp/test_installer.py": ("Restart GIMP; the filter is",),
    "gimp/test_batch.py": (
        "Infrared is taken from “",
        "No dust or scratches were found",
        "is blended or filtered",
    ),
    "napari/test_napari_infrared.py": ("Infrared is taken from '", "is shown as opacity; if it is"),
    "napari/test_napari_review.py": ("White is taken to be ",),
    "napari/test_napari_words.py": (
        "Find shows the damage",
        "Cancelled; nothing was changed",
        "Choose a defect first",
        "Paint over what was missed",
        "Not up to date yet",
        "The image has changed",
    ),
}
"""The same of what the editors tell and refuse nothing."""
TRAINING = {
    "nn/test_checkpoint.py": (
        "There is no file",
        "is not a checkpoint of format",
        "do not fit together; train it again",
    ),
    "nn/test_export.py": ("does not end in .onnx", "does not say its ", "nothing was written"),
    "nn/test_unet.py": ("does not hold the weights of torchvision's resnet34",),
    "nn/test_vgg.py": (
        "is no seed; write for example",
        "does not hold the weights of torchvision's vgg16_bn",
        "holds no weights but a ",
        "is damaged or was not written by torch",
        "could not be downloaded",
    ),
    "training/test_training_sentences.py": (
        "holds no figures",
        "is not a readable mask",
        "cannot be written; choose another folder",
        " cannot be written.",
        "Export needs ",
        "The resnet34 encoder has the widths ",
        "There is no encoder ",
    ),
    "training/test_card.py": ("do not hold the figures of",),
    "training/test_commands.py": ("holds no photographs: name a folder of",),
    "training/test_convert_vgg.py": (
        "There is no folder",
        "; run pip install 'dust-scratch-removal[train]'",
        "no ONNX file",
        "', float32 and ",
        " have a mean of ",
    ),
    "training/test_evaluate.py": ("is not empty; name a new folder",),
    "training/test_fit.py": ("no names and values", "cannot be read", "use resnet34"),
    "training/test_infrared.py": ("has no line",),
    "training/test_maker.py": ("What makes the batches has ended",),
    "training/test_measure_marks.py": ("A roll takes ",),
    "training/test_mine.py": ("names none of the photographs", "not a table of"),
    "training/test_pack.py": ("no drawing of the simulator", "is no archive of", "; make it"),
    "training/test_quantize.py": ("make the pairs with `python -m training pairs`", "In 8 bits "),
    "training/test_real.py": (
        "models have one name",
        "no NAME.damaged.jpg",
        "no judged places",
        "differ in size",
        ", on which places were judged",
        "is no list of judged places",
    ),
    "training/test_simulator.py": ("no details ", "not a readable photograph"),
    "training/test_sprint.py": (
        "trains members together: it needs some",
        "no leg ",
        ", which is no earlier leg and no file",
        "A member of leg ",
    ),
    "repo/test_benchmarks.py": (
        "There is nothing to measure (",
        "name a new file",
        "does not know ",
        "no scan of ",
        "dsr-core restore failed: ",
    ),
}
"""The same of what trains, exports and measures."""


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


def explains(node):
    """Return whether this holds the explanation of a field, a button or the plug-in."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", getattr(node.func, "attr", "")) in {"_button", "setToolTip"}
    if isinstance(node, ast.Assign):
        return getattr(node.targets[0], "id", "") == "HELP"
    return isinstance(node, ast.keyword) and node.arg in {"tooltip", "tooltip_text", "help"}


def told():
    """Return what the editors say beside what they refuse with and explain."""
    for path, tree in trees("dsr_gimp", "dsr_napari"):
        others = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr | ast.JoinedStr):
                constant = isinstance(node, ast.JoinedStr) or isinstance(node.value, ast.Constant)
                others |= set(ast.walk(node)) - {node} if constant else set()
            elif refuses(node) or explains(node):
                others |= set(ast.walk(node))
        for node in set(ast.walk(tree)) - others:
            text = words(node) if isinstance(node, ast.JoinedStr | ast.Constant) else ""
            if re.search(r"[a-z]{2} .*\.\s*$", text):
                yield pytest.param(text, id=f"{path.stem}, line {node.lineno}")


def sentences_of_training():
    for path, tree in trees("training", "dsr_core/nn", "benchmarks"):
        for node in filter(refuses, ast.walk(tree)):
            yield pytest.param(words(node.args[0]), id=f"{path.stem}, line {node.lineno}")


def has_a_row(sentence, rows):
    """Return whether it has; one of placeholders alone hands on another, which has its own."""
    return not re.search("[a-z]{2}", sentence) or any(row in sentence for row in rows)


@pytest.mark.parametrize("sentence", list(sentences()))
def test_the_sentence_has_a_row(sentence):
    assert has_a_row(sentence, chain(*EDITORS.values()))


@pytest.mark.parametrize("sentence", sorted(told(), key=lambda each: each.id))
def test_what_is_told_has_a_row(sentence):
    assert has_a_row(sentence, chain(*EDITORS.values(), *TOLD.values()))


@pytest.mark.parametrize("sentence", list(sentences_of_training()))
def test_the_sentence_of_training_has_a_row(sentence):
    assert has_a_row(sentence, chain(*TRAINING.values()))


@pytest.mark.parametrize(
    ("name", "row"),
    [(name, row) for table in (EDITORS, TOLD, TRAINING) for name in table for row in table[name]],
)
def test_the_row_is_asked_for(name, row):
    text = re.sub(r'"\s*r?f?"', "", (TESTS / name).read_text(encoding="utf-8")).replace("\\", "")
    assert row in text
