"""From a fresh profile to a repaired file, on a machine whose `python3` has no gi."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dsr_core import Options, restore
from dsr_gimp.installer import plugin_files
from tests.gimp.roots import SUITES, Job
from tests.gimp.scene import scene

SCRIPT = """(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "/job/in/scan.png")))
                   (layers (car (gimp-image-get-layers image))))
  (plug-in-dust-scratch-removal #:run-mode RUN-NONINTERACTIVE #:image image #:drawables layers
                                #:provider "cpu" #:output "in-place")
  (file-png-export #:run-mode RUN-NONINTERACTIVE #:image image #:file "/job/out/scan.png"))"""

FLATTEN = """(let* ((image (car (gimp-file-load RUN-NONINTERACTIVE "/job/out/cleaned/scan.png.xcf"))))
  (gimp-image-flatten image)
  (file-png-export #:run-mode RUN-NONINTERACTIVE #:image image #:file "/job/out/seen.png"))"""


@pytest.mark.parametrize("version", SUITES)
def test_install_run_and_uninstall(version: str, make_job: Callable[[str], Job], toy_model: Path):
    job = make_job(version)
    trap = job.folder / "trap" / "python3"
    trap.parent.mkdir()
    trap.write_text('#!/bin/sh\nexec "$DSR_PYTHON" "$@"\n')
    trap.chmod(0o755)
    path = "/job/trap:/usr/bin:/bin"
    picture = scene("u16", 3)
    cv2.imwrite(str(job.folder / "in" / "scan.png"), picture[..., ::-1])

    assert "interpreters/dust_scratch_removal.interp" in job.dsr_gimp("install", path=path).stdout
    examined = job.dsr_gimp("doctor", path=path).stdout
    assert f"GIMP {version} (/job/home/.config/GIMP/{version}): the filter will appear" in examined
    assert "model 3 on cpu, which finds the speck" in examined

    job.batch(SCRIPT, "plug-in-script-fu-eval", path=path)
    result = cv2.imread(str(job.folder / "out" / "scan.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(result, restore(picture, model=toy_model, provider="cpu").image)

    (job.folder / "in" / "broken.png").write_text("this is no picture")
    results = job.folder / "out" / "cleaned"
    cleaned = job.dsr_gimp("clean", "/job/in", "--output-dir", "/job/out/cleaned", "--grow", "2", check=False)
    assert "scan.png: saved as scan.png.xcf" in cleaned.stdout
    assert "broken.png: " in cleaned.stdout
    assert cleaned.returncode == 1, cleaned.stdout + cleaned.stderr
    assert "did not clean all of the scans" in cleaned.stderr
    assert [path.name for path in results.iterdir()] == ["scan.png.xcf"]
    job.batch(FLATTEN, "plug-in-script-fu-eval", path=path)
    seen = cv2.imread(str(job.folder / "out" / "seen.png"), cv2.IMREAD_UNCHANGED)[..., ::-1].astype(int)
    wanted = restore(picture, Options(grow=2), model=toy_model, provider="cpu").image
    assert np.abs(seen - wanted).max() <= 1  # of 65535: GIMP blends layers in floats
    assert np.abs(seen - picture).max() > 10000

    before = {file.relative_to(job.profile) for file in job.profile.rglob("*")}
    job.dsr_gimp("uninstall", path=path)
    gone = before - {file.relative_to(job.profile) for file in job.profile.rglob("*")}
    folder = Path("plug-ins") / "dust_scratch_removal"
    written = {
        *(folder / name for name in plugin_files()),
        folder / "engine.json",
        Path("interpreters") / "dust_scratch_removal.interp",
    }
    assert written <= gone
    assert gone - written <= {
        *(parent for path in written for parent in path.parents),  # folders that the installer had made
        *(path for path in gone if "__pycache__" in path.parts),
    }
    (job.folder / "out" / "scan.png").unlink()
    assert (
        "plug-in-dust-scratch-removal"
        in job.batch(SCRIPT, "plug-in-script-fu-eval", path=path, check=False).stderr
    )
    assert not (job.folder / "out" / "scan.png").exists()
