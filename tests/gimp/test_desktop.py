"""The filter worked by hand, so to speak, on a virtual screen: menu, slider, preview, OK, undo, Cancel."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from dsr_core import Options, restore
from tests.gimp.roots import SUITES, Job

WIDTH, HEIGHT = 1200, 900


def landscape() -> np.ndarray:
    """Return a dirty 16-bit scan, big enough to move about in the preview."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    picture = np.stack([0.75 + 0 * y, 0.6 + 0.15 * y / HEIGHT, 0.45 + 0.2 * y / HEIGHT], -1)
    for number, (top, colour) in enumerate(
        ((520, (0.45, 0.42, 0.4)), (620, (0.33, 0.33, 0.28)), (740, (0.2, 0.24, 0.17)))
    ):
        picture[
            y > top + 60 * np.sin(x / (130 + 40 * number) + number) + 25 * np.sin(x / 37 + 2 * number)
        ] = colour
    picture = cv2.GaussianBlur(picture, (0, 0), 2) + rng.normal(0, 0.018, (HEIGHT, WIDTH, 1))
    for _ in range(160):
        centre, axes = rng.integers(0, (WIDTH, HEIGHT)), rng.integers(1, 4, 2)
        cv2.ellipse(
            picture,
            centre.tolist(),
            axes.tolist(),
            rng.uniform(0, 180),
            0,
            360,
            (0.95, 0.95, 0.93),
            -1,
            cv2.LINE_AA,
        )
    for _ in range(8):
        steps = rng.uniform(0, 6.3) + rng.normal(0, 0.25, 30).cumsum()
        hair = rng.integers(0, (WIDTH, HEIGHT)) + 4 * np.stack([np.cos(steps), np.sin(steps)], -1).cumsum(0)
        cv2.polylines(picture, [np.int32(hair)], False, (0.93, 0.93, 0.9), 2, cv2.LINE_AA)
    return np.rint(picture.clip(0, 1) * 65535).astype(np.uint16)


def run_desktop(job: Job, screen: int, scan: np.ndarray) -> Job:
    """Work the filter on a scan; the screenshots and what was seen lie in the job's folder afterwards."""
    cv2.imwrite(str(job.folder / "in" / "scan.png"), scan[..., ::-1])
    job.dsr_gimp("install")
    done = job.run("python3", "/job/inside/desktop.py", str(screen), check=False)
    assert done.returncode == 0, done.stderr + (job.folder / "out" / "desktop.log").read_text()
    return job


@pytest.fixture(scope="module")
def desktops(make_job: Callable[[str], Job]) -> dict[str, Future[Job]]:
    """Start the desktop of every GIMP at once; they share the network, so each has a screen of its own."""
    pool = ThreadPoolExecutor(len(SUITES))
    jobs = {version: make_job(version) for version in SUITES}
    return {
        version: pool.submit(run_desktop, job, 77 + n, landscape())
        for n, (version, job) in enumerate(jobs.items())
    }


@pytest.mark.parametrize("version", SUITES)
def test_worked_by_hand(version: str, desktops: dict[str, Future[Job]], toy_model: Path):
    job = desktops[version].result()
    out = job.folder / "out"
    report = json.loads((out / "report.json").read_text())
    assert report["workers"] == 1
    assert report["layers"] == ["scan (repairs)", "scan"]
    assert report["undone"] == ["scan"]  # one step
    assert report["repeated"] is True
    assert [name for name, _ in report["before_cancel"]] == ["scan (repairs)", "scan (repairs)", "scan"]
    assert report["cancelled_in_dialog"] == report["before_cancel"]
    assert report["cancelled_in_progress_bar"] == report["before_cancel"]

    # The slider was moved two pages, to 0.7, and the settings were remembered.
    wanted = restore(landscape(), Options(sensitivity=0.7), model=toy_model, provider="cpu").mask
    for name in ("mask", "mask-repeated"):
        mask = np.frombuffer((out / f"{name}.raw").read_bytes(), np.uint8).reshape(HEIGHT, WIDTH)
        np.testing.assert_array_equal(mask, wanted * np.uint8(255))

    # The preview followed: the slider added outlines, the zoom and "After" showed something else.
    shots = {
        name: cv2.imread(str(out / f"{name}.png"))
        for name in ("dialog-first", "dialog", "dialog-zoomed", "dialog-after")
    }
    first, moved, zoomed, after = (shot[:, : shot.shape[1] // 2].astype(int) for shot in shots.values())
    assert np.abs(moved - first).max(-1).astype(bool).sum() > 200
    assert np.abs(zoomed - moved).max(-1).astype(bool).mean() > 0.3
    red = [((picture[..., 2] > 200) & (picture[..., 1] < 90)).sum() for picture in (first, moved, after)]
    assert red[1] > red[0] > 1000
    assert red[2] < 50
