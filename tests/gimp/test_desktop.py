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


def infrared_of(shape: tuple[int, ...]) -> np.ndarray:
    """Return an infrared scan with dirt around the middle that the landscape does not show."""
    rng = np.random.default_rng(4)
    light = rng.normal(45_000, 300, shape[:2])
    for down in (-100, 0, 100):
        for right in (-150, -50, 50, 150):
            cv2.circle(light, (shape[1] // 2 + right, shape[0] // 2 + down), 6, 9_000, -1)
    return light.astype(np.uint16)


MISS = (600, 420, 660, 420, 660, 460, 600, 460)
"""Corners, x and y, of what is selected and mended."""


def run_desktop(job: Job, screen: int) -> Job:
    """Work the filter on the landscape; screenshots and what was seen lie in the job's folder afterwards."""
    scan = landscape()
    (job.folder / "in" / "miss.json").write_text(json.dumps(MISS))
    infrared_of(scan.shape).tofile(job.folder / "in" / "infrared.raw")
    job.on_screen("desktop.py", screen, scan)
    return job


@pytest.fixture(scope="module")
def desktops(make_job: Callable[[str], Job]) -> dict[str, Future[Job]]:
    """Start the desktop of every GIMP at once; they share the network, so each has a screen of its own."""
    pool = ThreadPoolExecutor(len(SUITES))
    jobs = {version: make_job(version) for version in SUITES}
    return {version: pool.submit(run_desktop, job, 77 + n) for n, (version, job) in enumerate(jobs.items())}


def reds(shot: np.ndarray) -> int:
    """Return how many pixels of a picture are as red as an outline."""
    return int(((shot[..., 2] > 200) & (shot[..., 1] < 90)).sum())


@pytest.mark.parametrize("version", SUITES)
def test_worked_by_hand(version: str, desktops: dict[str, Future[Job]], toy_model: Path):
    job = desktops[version].result()
    out = job.folder / "out"
    report = json.loads((out / "report.json").read_text())
    assert report["workers"] == 1
    assert report["size"][0] <= 1366
    assert report["size"][1] <= 768 - 60  # with a panel and the window's own bar
    assert report["refused"] is True  # the dialog stayed, for its fields contradict one another
    assert report["help"].endswith("dust_scratch_removal/help.html\n")
    assert report["layers"] == report["mended"] == ["scan (repairs)", "scan"]
    assert report["undone"] == ["scan"]  # one step
    assert report["repeated"] is True
    assert "at work on this picture already" in report["second_run"]
    assert [name for name, _ in report["before_cancel"]] == ["scan (repairs)"] * 2 + ["scan", "other"]
    assert report["cancelled_in_dialog"] == report["before_cancel"]
    assert report["cancelled_in_progress_bar"] == report["before_cancel"]
    assert report["after_deletion"] == ["scan (repairs)", "other"]

    # The slider was moved two pages, to 0.7, the largest defect taken out, and the settings were remembered.
    found = restore(landscape(), Options(sensitivity=0.7), model=toy_model, provider="cpu")
    wanted = found.mask & (found.labels != np.argmax(np.bincount(found.labels[found.mask])))
    masks = {
        name: np.frombuffer((out / f"{name}.raw").read_bytes(), np.uint8).reshape(HEIGHT, WIDTH)
        for name in ("mask", "mask-mended", "mask-unmended", "mask-repeated")
    }
    for name in ("mask", "mask-unmended"):
        np.testing.assert_array_equal(masks[name], wanted * np.uint8(255))
    np.testing.assert_array_equal(masks["mask-repeated"], found.mask * np.uint8(255))
    assert not wanted[420:460, 600:660].all()
    wanted[420:460, 600:660] = True
    np.testing.assert_array_equal(masks["mask-mended"], wanted * np.uint8(255))

    log = (out / "desktop.log").read_text(errors="replace")
    assert "“scan” was deleted while the filter was at work" in log
    assert "The picture was closed while the filter was at work" in log
    assert "running on the CPU" not in log  # where it runs was left to the filter
    ours = [line for line in log.splitlines() if "dust_scratch_removal" in line]
    assert not [line for line in ours if "CRITICAL" in line or "assertion" in line]

    # The preview followed: the slider added outlines, the zoom and "After" showed something else.
    shots = {
        name: cv2.imread(str(out / f"{name}.png"))
        for name in ("dialog-first", "dialog", "dialog-zoomed", "dialog-after", "dialog-clicked")
    }
    first, moved, zoomed, after, clicked = (
        shot[:, : shot.shape[1] // 2].astype(int) for shot in shots.values()
    )
    assert np.abs(moved - first).max(-1).astype(bool).sum() > 200
    assert np.abs(zoomed - moved).max(-1).astype(bool).mean() > 0.3
    red = [reds(picture) for picture in (first, moved, after)]
    assert red[1] > red[0] > 1000
    assert red[2] < 50
    infrared = [cv2.imread(str(out / f"dialog-{name}infrared.png"))[:420, :515] for name in ("", "no-")]
    assert reds(infrared[0]) > reds(infrared[1]) + 300  # twelve specks more
    below = shots["dialog"][-161:-147, 24:500]  # the line below the count: nobody asked where it runs
    assert below.std() < 1
    yellow = (clicked[..., 2] > 200) & (clicked[..., 1] > 170) & (clicked[..., 0] < 90)
    assert yellow.sum() > 200  # what was taken out
    both = [cv2.imread(str(out / f"dialog-{name}.png"))[100:400, 40:500] for name in ("one", "other")]
    assert abs(np.median(both[0].astype(int) + both[1]) - 255) < 4  # one layer is the other's negative
    large = cv2.imread(str(out / "dialog-large.png"))
    assert large.shape[:2] == (800, 1300)
    assert large[200:520, 560:760].std() > 5  # the picture has grown with the window
