"""Other programs and machines get in the way: kills, full disks, too little memory, broken models."""

import math
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import onnx
import psutil
import tifffile
import torch
import yaml
from numpy.typing import NDArray
from onnx import numpy_helper

from dsr_core import DsrError
from dsr_core.io import read_picture
from dsr_core.nn.checkpoint import load_checkpoint
from tests.toy_model import write_toy_model

_ROWS = 480
_PROGRAM = Path(sys.executable).with_name("dsr-core")
_STEPS = 60
_LIMITS = (200, 400, 600, 800, 1000, 1500)  # MiB
_TRAINER = """
from tests.training.tiny import tiny_plates
from training import restorer
from training.__main__ import main

with tiny_plates() as patch:
    patch.setattr(restorer, "VALIDATION_CROPS", 4)
    patch.setattr(restorer, "VALIDATION_SIZE", 64)
    raise SystemExit(main(["fit", "--config", "run.yaml", "--output-dir", "run", "--devices", "1"]))
"""


def _picture(rows: int, columns: int, seed: int = 2) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (rows, columns, 3), np.uint8)


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that holds a scan, ``in.tif``."""
    with tempfile.TemporaryDirectory() as name:
        tifffile.imwrite(Path(name, "in.tif"), _picture(_ROWS, 640), photometric="rgb")
        yield Path(name)


def _start(command: list[str], folder: Path, before: str = "") -> subprocess.Popen[str]:
    """Start a command in a folder, with our sources at hand; ``before`` is what a shell does first."""
    paths = {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        ["sh", "-c", f'{before} exec "$@"', "sh", *command],
        cwd=folder,
        env={**os.environ, **paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _kill(
    command: list[str], folder: Path, times: int, check: Callable[[], Iterator[str]]
) -> Iterator[dict[str, int]]:
    """Kill a command at random moments, and yield after each what ``check`` has found so far.

    A moment is an amount of processor time, for what else the machine does must not move it. In the end the
    command is let finish once.
    """
    chance, counted = random.Random(7), Counter[str]()  # noqa: S311 -- no secret
    whole = _work(_start(command, folder), math.inf)
    for _ in range(times):
        child = _start(command, folder)
        _work(child, whole * chance.uniform(0.2, 1.1))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            child.communicate()
            counted["killed"] += 1
        else:
            counted["ended before"] += 1
        counted.update(check())
        yield dict(counted)
    child = _start(command, folder)
    counted["next run failed"] = int(not _end(child).startswith("exit code 0"))
    yield dict(counted)


def _work(child: subprocess.Popen[str], seconds: float) -> float:
    """Let a command work for so many seconds of processor time, or to its end; return how many it took."""
    took, process = 0.0, psutil.Process(child.pid)
    while took < seconds:
        with suppress(psutil.Error):  # it has ended
            took = sum(process.cpu_times()[:2])
        try:
            child.communicate(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
        break
    return took


def kill_restore(times: int) -> Iterator[dict[str, int]]:
    """Kill the command line at random moments; count what it leaves."""
    with _folder() as folder:
        before = (folder / "in.tif").read_bytes()

        def check() -> Iterator[str]:
            if (folder / "in.tif").read_bytes() != before:
                yield "input harmed"
            for result in ("out.tif", "mask.png", "seen.png"):
                if not _is_whole(folder / result):
                    yield "half files"
            if list(folder.glob(".dsr-*")):
                yield "temporary files there"

        command = [str(_PROGRAM), "restore", "in.tif", "-o", "out.tif", "--mask", "mask.png"]
        command += ["--overlay", "seen.png", "--overwrite", "--model", "fast", "--provider", "cpu"]
        counted: dict[str, int] = {}
        for counted in _kill(command, folder, times, check):
            yield {"input harmed": 0, "half files": 0, **counted}
        left = len(list(folder.iterdir())) - 4
        yield {"input harmed": 0, "half files": 0, **counted, "files left over after the next run": left}


def _is_whole(result: Path) -> bool:
    try:
        return read_picture(result).pixels.shape[0] == _ROWS
    except DsrError:
        return False


def kill_fit(times: int) -> Iterator[dict[str, int]]:
    """Kill a small training at random moments; count what it leaves."""
    with tempfile.TemporaryDirectory() as name:
        folder, run = Path(name), Path(name, "run")
        photo = folder / "photos" / "one.png"
        photo.parent.mkdir()
        cv2.imwrite(str(photo), _picture(160, 160))
        before, reached = photo.read_bytes(), 0
        stage = {"name": "plain", "steps": _STEPS, "crop": 32, "batch": 2}
        plan = {"name": "small", "loss": 1, "photos": "photos", "validation_photos": "photos"}
        network = {"widths": [8, 16], "encoder_blocks": [1, 1], "decoder_blocks": [1]}
        plan |= {"training_data": "none", "network": network, "stages": [stage], "vgg": "random:0"}
        plan |= {"validate_every": 30, "checkpoint_every": 2}
        (folder / "run.yaml").write_text(yaml.safe_dump(plan))

        def check() -> Iterator[str]:
            nonlocal reached
            if photo.read_bytes() != before:
                yield "input harmed"
            steps = _steps(run / "last.ckpt", reached)
            if steps < reached:
                yield "checkpoint older than before, or broken"
            elif steps > reached:
                yield "runs that left a newer checkpoint"
            reached = steps
            if (run / "model.pt").exists():
                try:
                    load_checkpoint(run / "model.pt")
                except DsrError:
                    yield "half models"
                shutil.rmtree(run)  # it is done: begin again
                reached = 0

        command = [sys.executable, "-c", _TRAINER]
        zeros = dict.fromkeys(["input harmed", "half models", "checkpoint older than before, or broken"], 0)
        for counted in _kill(command, folder, times, check):
            yield {
                **zeros,
                **counted,
                f"steps of {_STEPS} that the last run reached": _steps(run / "last.ckpt", 0),
            }


def _steps(checkpoint: Path, missing: int) -> int:
    """Return how far a checkpoint is, -1 if it is broken, ``missing`` if there is none."""
    if not checkpoint.exists():
        return missing
    try:
        return int(torch.load(checkpoint, weights_only=True)["global_step"])
    except Exception:  # noqa: BLE001 -- whatever a broken file leads to
        return -1


def _end(child: subprocess.Popen[str]) -> str:
    """Wait for a command and return how it ended and what it said last."""
    _, errors = child.communicate()
    if not child.returncode:
        return "exit code 0"
    last = (errors.splitlines() or ["nothing"])[-1].removeprefix("dsr-core: ")
    return f"exit code {child.returncode}: {re.sub(r'/[^ ]*/', '', last)}"


def situations() -> dict[str, str]:
    """Bring the command into situations of other programs' making; return what it says in each."""
    said: dict[str, str] = {}
    with _folder() as folder:
        scan = folder / "in.tif"

        def start(*arguments: str, before: str = "", model: str = "fast") -> subprocess.Popen[str]:
            command = [str(_PROGRAM), "restore", *arguments, "--model", model, "--provider", "cpu"]
            return _start(command, folder, before)

        child = start("in.tif", "-o", "grown.tif")
        while child.poll() is None:
            with scan.open("ab") as file:
                file.write(b"more")
            time.sleep(0.05)
        said["the scan grows while it is restored"] = _end(child)

        (folder / "gone").mkdir()
        os.mkfifo(folder / "pipe")
        child = start("-", "-o", "gone/out.tif", before="exec < pipe;")
        with (folder / "pipe").open("wb") as pipe:  # takes more than it holds only when somebody reads
            pipe.write(scan.read_bytes())
            (folder / "gone").rmdir()
        said["the folder goes while the scan is read"] = _end(child)

        (folder / "small").mkdir()
        small = "mount -t tmpfs -o size=300k none small &&"
        command = [str(_PROGRAM), "restore", "in.tif", "-o", "small/out.tif", "--mask", "small/mask.png"]
        inside = ["unshare", "-rm", "sh", "-c", f'{small} "$@"; code=$?; ls -A small >&2; exit $code', "sh"]
        full = _start([*inside, *command, "--model", "fast", "--provider", "cpu"], folder)
        said["the disk is full (300 KiB)"] = _end(full)

        pair = [start("in.tif", "-o", "one.tif") for _ in range(2)]
        said["two processes, one result"] = "; ".join(sorted(_end(child) for child in pair))
        pair = [start("in.tif", "-o", "one.tif", "--overwrite") for _ in range(2)]
        said["the same with --overwrite"] = "; ".join(sorted(_end(child) for child in pair))
        said["... and the result is"] = "whole" if _is_whole(folder / "one.tif") else "broken"

        for limit in _LIMITS:
            child = start("in.tif", "-o", f"{limit}.tif", before=f"ulimit -v {limit << 10};", model="3")
            said[f"{limit} MiB of memory to address (`ulimit -v`)"] = _end(child)

        for fault, name in _broken_models(folder).items():
            said[f"a model {fault}"] = _end(start("in.tif", "-o", "never.tif", model=name))

        (folder / "claim.png").write_bytes(_claim(50_000))
        said["a picture that claims 2.5 gigapixels"] = _end(start("claim.png"))
        more = start("claim.png", "--most-megapixels", "3000", before="ulimit -v 4194304;")
        said["the same with `--most-megapixels 3000` and 4 GiB"] = _end(more)
        limits = {f"{limit}.tif" for limit in _LIMITS}
        asked = {"in.tif", "one.tif", "small", "pipe", "claim.png", *limits, *_broken_models(folder).values()}
        said["files that nobody asked for"] = str(len({path.name for path in folder.iterdir()} - asked))
    return said


def _broken_models(folder: Path) -> dict[str, str]:
    """Write models that cannot run: what is the matter -> name of the file."""
    good = write_toy_model(folder / "toy.onnx")
    data = good.read_bytes()
    (folder / "cut.onnx").write_bytes(data[: len(data) // 2])
    flipped = bytearray(data)
    flipped[40:60] = bytes(20)
    (folder / "flipped.onnx").write_bytes(flipped)
    other = onnx.load(good)
    other.graph.input[0].name = "picture"
    for node in other.graph.node:
        node.input[:] = ["picture" if name == "image" else name for name in node.input]
    onnx.save(other, folder / "face.onnx")
    outside = onnx.load(good)
    for tensor in outside.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    onnx.save(
        outside, folder / "outside.onnx", save_as_external_data=True, size_threshold=0, location="w.bin"
    )
    (folder / "w.bin").unlink(missing_ok=True)
    good.unlink()
    return {
        "that is cut": "cut.onnx",
        "with 20 bytes overwritten": "flipped.onnx",
        "whose input has another name": "face.onnx",
        "whose weights lie in another file": "outside.onnx",
        "that is not there": "missing.onnx",
    }


def _claim(side: int) -> bytes:
    """Return a PNG of a few bytes that claims to be this large."""
    data = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    for chunk in (b"IHDR" + head, b"IDAT" + zlib.compress(bytes(1000)), b"IEND"):
        data += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data
