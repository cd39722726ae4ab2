"""Runs commands beside a real GIMP 3, in Debian roots that are built once and kept in the cache folder."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import cv2
import numpy as np
import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SUITES = {"3.0": "trixie", "3.2": "forky"}
GIMPRC = """(plug-in-path "${gimp_dir}/plug-ins:/job/plug-ins")
(show-welcome-dialog no)
(check-updates no)
(config-version "%s")
"""


def need_root(version: str) -> Path:
    """Return the root of this GIMP, built if need be; skip where that cannot be, but never under CI."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dust-scratch-removal" / "gimp"
    root = cache / SUITES[version]
    able = sys.platform == "linux" and os.geteuid() == 0
    if not root.is_dir() and able and shutil.which("apt-get"):
        subprocess.run([HERE / "make-root.sh", root, SUITES[version]], check=True, timeout=800)
    if not (able and root.is_dir()):
        command = f"tests/gimp/make-root.sh {root} {SUITES[version]}"
        reason = f"GIMP {version} is missing: run {command} as root on Debian"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return root


class Job:
    """A folder that GIMP sees as ``/job``, with a home folder, and commands run beside GIMP."""

    def __init__(self, version: str, folder: Path, toy_model: Path) -> None:
        self.version, self.folder, self.root = version, folder, need_root(version)
        self.profile = folder / "home" / ".config" / "GIMP" / version
        models, plugins = folder / "models", folder / "plug-ins"
        for made in (self.profile, models, plugins, folder / "in", folder / "out"):
            made.mkdir(parents=True)
        # a GIMP that is newer than its settings greets with a dialog of its own
        packages = (self.root / "var" / "lib" / "dpkg" / "status").read_text()
        release = re.search(r"^Package: gimp\n(?:.+\n)*?Version: ([\d.]+)", packages, re.MULTILINE)[1]
        (self.profile / "gimprc").write_text(GIMPRC % release)
        shutil.copy(toy_model, models / "model-3.onnx")
        shutil.copy(toy_model, folder / "toy.onnx")
        shutil.copytree(HERE / "inside", folder / "inside")
        # all of GIMP's own plug-ins would take ten seconds to be asked for their names
        for name in ("python-eval", "script-fu", "file-png"):
            (plugins / name).symlink_to(f"/usr/lib/x86_64-linux-gnu/gimp/3.0/plug-ins/{name}")

    def run(self, *command: str, path: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command beside GIMP, with this test's Python and the repository at their usual places."""
        binds = [
            f"{self.folder}:/job",
            REPOSITORY,
            f"{self.folder / 'models'}:{REPOSITORY / 'onnx_models'}",
            *_python(),
        ]
        line = [HERE / "in-root.sh", self.root]
        for bind in binds:
            line += ["--bind", bind]
        line += ["--env", "HOME=/job/home", "--env", f"DSR_PYTHON={sys.executable}"]
        if path:
            line += ["--env", f"PATH={path}"]
        done = subprocess.run(
            [*line, "--", *command], text=True, capture_output=True, timeout=3600, check=False
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def dsr_gimp(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        """Run the installer."""
        return self.run(sys.executable, "-m", "dsr_gimp.cli", *arguments, **options)

    def on_screen(self, script: str, screen: int, scan: np.ndarray) -> None:
        """Install the plug-in, and work a GIMP that shows a scan ``(H, W, 3)`` with a script of `inside`.

        Its screenshots and its report lie in ``out`` afterwards.
        """
        cv2.imwrite(str(self.folder / "in" / "scan.png"), scan[..., ::-1])
        self.dsr_gimp("install")
        done = self.run("python3", f"/job/inside/{script}", str(screen), check=False)
        log = self.folder / "out" / "desktop.log"
        assert done.returncode == 0, done.stderr + log.read_text(errors="replace")

    def batch(
        self, code: str, interpreter: str = "python-fu-eval", **options
    ) -> subprocess.CompletedProcess[str]:
        """Run code in a GIMP without a screen."""
        return self.run(
            "gimp-console",
            "-i",
            "-d",
            "-f",
            f"--batch-interpreter={interpreter}",
            "-b",
            code,
            "--quit",
            **options,
        )


def _python() -> list[Path | str]:
    """Return what this Python needs to run in a root of another Debian: its own folders."""
    base = Path(sys.base_prefix)
    needed = [base]
    if base == Path("/usr"):
        needed = [Path(sys.executable).resolve(), Path(sysconfig.get_path("stdlib"))]
    for folder in (Path(sys.prefix), *map(Path, sys.path)):
        known = [REPOSITORY, *needed, *([Path("/usr")] if base == Path("/usr") else [])]
        if folder.is_dir() and not any(folder.is_relative_to(place) for place in known):
            needed.append(folder)
    return needed
