"""One run of `inside/batch.py` in a GIMP, judged by many tests."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np

from tests.core.test_core_wide import blotches
from tests.gimp.roots import Job
from tests.gimp.scene import TYPES, scene, tall_scene
from tests.infrared_film import film

# every type, in perceptual and in linear light; "PERCEPTUAL" is GIMP's third way, seldom met
PRECISIONS = [(kind, encoding) for kind in TYPES for encoding in ("NON_LINEAR", "LINEAR")]
PRECISIONS += [("float", "PERCEPTUAL")]
FILM = film(shape=(200, 240), specks=12, lettering=False)


class Outcome:
    """What came of a batch run."""

    def __init__(self, job: Job, process: CompletedProcess[str]) -> None:
        self.job, self.process = job, process

    def result(self, case: str):
        """Return what a case returned; fail with its traceback if it raised."""
        path = self.job.folder / "out" / f"{case}.json"
        assert path.is_file(), self.process.stdout + self.process.stderr
        outcome = json.loads(path.read_text())
        assert "error" not in outcome, outcome["error"]
        return outcome["result"]

    def raw(self, name: str, dtype: object, *shape: int) -> np.ndarray:
        """Return samples that a case kept."""
        return np.frombuffer((self.job.folder / "out" / f"{name}.raw").read_bytes(), dtype).reshape(shape)


def run_batch(version: str, folder: Path, toy_model: Path) -> Outcome:
    job = Job(version, folder, toy_model)
    (job.folder / "in" / "precisions.json").write_text(json.dumps(PRECISIONS))
    for kind in TYPES:
        for channels in (1, 2, 3, 4):
            for seed in (0, 1):
                (job.folder / "in" / f"{kind}-{channels}-{seed}.raw").write_bytes(
                    scene(kind, channels, seed).tobytes()
                )
    (job.folder / "in" / "tall.raw").write_bytes(tall_scene().tobytes())
    wide = np.rint(blotches((300, 950)) * 255).astype(np.uint8)
    (job.folder / "in" / "wide.raw").write_bytes(wide.tobytes())
    (job.folder / "in" / "film.raw").write_bytes(FILM.image.tobytes())
    (job.folder / "in" / "film-infrared.raw").write_bytes(FILM.infrared.tobytes())
    job.dsr_gimp("install")
    return Outcome(job, job.batch("exec(open('/job/inside/batch.py').read())"))
