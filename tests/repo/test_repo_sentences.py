"""The sentences of the front ends and of training, and where tests provoke each: a new one needs a row.

Those of the core, which every front end hands on, are provoked in ``tests/core/test_core_sentences.py`` and
``test_core_remarks.py``.
"""

from pathlib import Path

from tests.core.box import ERRORS

REPOSITORY = Path(__file__).parents[2]
PLACES = ("dsr_gimp", "dsr_napari", "dsr_core/nn", "training")
TELLING = {*ERRORS, "message", "_say", "append"}
ROWS = {
    "gimp/test_batch.py": (),
}
