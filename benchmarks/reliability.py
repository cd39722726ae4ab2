"""Try to break the product, and write down what happened: ``python -m benchmarks.reliability``.

Readers get damaged files, the command is killed at random moments, and other programs get in its way.
Everything is made up here, with a fixed seed; a finding belongs into ``tests/core/test_core_promises.py``.
"""

import argparse
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from io import BytesIO
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import tifffile

from dsr_core import DsrError
from dsr_core.editor.wire import MAGIC, PlugInError, read_header
from dsr_core.io import read_picture
from dsr_core.tifftags import Tag, from_exif, to_exif, without_thumbnail

_ROWS = 480


def seeds() -> dict[str, bytes]:
    """Return a small good file of every kind that is read."""
    pixels = np.random.default_rng(1).integers(40, 200, (20, 24, 3), np.uint8)
    found = {
        "PNG": cv2.imencode(".png", pixels)[1].tobytes(),
        "JPEG": cv2.imencode(".jpg", pixels)[1].tobytes(),
        "BMP": cv2.imencode(".bmp", pixels)[1].tobytes(),
        "PNM": cv2.imencode(".ppm", pixels)[1].tobytes(),
        "WebP": imagecodecs.webp_encode(pixels, lossless=True),
        "JPEG 2000": imagecodecs.jpeg2k_encode(pixels, level=0),
    }
    for compression in (None, "lzw", "zlib", "jpeg", "packbits", "zstd", "lzma"):
        for order, big in (("<", False), (">", True)):
            file = BytesIO()
            tifffile.imwrite(
                file, pixels, photometric="rgb", compression=compression, byteorder=order, bigtiff=big
            )
            found[f"TIFF, {compression or 'uncompressed'}, {order}"] = file.getvalue()
    return {name: bytes(data) for name, data in found.items()}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return data with bytes changed, cut or added."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(min(len(result), chance.choice([64, 512, 1 << 20])))
        kind = chance.choice(["set", "set", "set", "cut", "add"])
        if kind == "set":
            result[at] = chance.choice(
                [0, 1, 255, chance.randrange(256), result[at] ^ 1 << chance.randrange(8)]
            )
        elif kind == "cut":
            del result[at : at + chance.choice([1, 4, 64, 1 << 20])]
        else:
            result[at:at] = chance.randbytes(chance.randint(1, 9))
        if not result:
            break
    return bytes(result)


def fuzz(seconds: float) -> Counter[str]:
    """Feed damaged files, EXIF blocks and messages to their readers for a while; count what comes of it."""
    chance, files = random.Random(7), list(seeds().values())  # noqa: S311 -- no secret
    exif = to_exif({271: Tag(2, b"Scanner\0"), 34665: Tag(4, below={33434: Tag(5, bytes(8))})})
    message = MAGIC + (13).to_bytes(4, "little") + (3).to_bytes(8, "little") + b'{"type": "x"}abc'
    counted: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for data in files:
            counted["files"] += 1
            try:
                read_picture(damaged(data, chance))
            except DsrError:
                counted["refused with a sentence"] += 1
        for _ in range(20):
            block = damaged(exif, chance)
            from_exif(block, [])
            without_thumbnail(block)
            counted["EXIF blocks"] += 1
            try:
                read_header(BytesIO(damaged(message, chance)))
            except (PlugInError, EOFError):
                counted["messages refused"] += 1
            counted["messages"] += 1
    return counted


def kill(times: int) -> Counter[str]:
    """Kill the command at random moments; count what it leaves."""
    chance, counted = random.Random(7), Counter[str]()  # noqa: S311 -- no secret
    picture = np.random.default_rng(2).integers(40, 200, (_ROWS, 640, 3), np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tifffile.imwrite(folder / "in.tif", picture, photometric="rgb")
        before = (folder / "in.tif").read_bytes()
        command = [Path(sys.executable).with_name("dsr-core"), "restore", "in.tif", "-o", "out.tif"]
        command += ["--mask", "mask.png", "--overlay", "seen.png", "--overwrite", "--provider", "cpu"]
        start = time.monotonic()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        whole = time.monotonic() - start
        for _ in range(times):
            child = subprocess.Popen(
                command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(whole * chance.uniform(0.3, 1.1))
            child.send_signal(signal.SIGKILL)
            child.wait()
            counted["killed"] += child.returncode == -signal.SIGKILL
            counted["input harmed"] += (folder / "in.tif").read_bytes() != before
            for result in ("out.tif", "mask.png", "seen.png"):
                try:
                    counted["half files"] += read_picture(folder / result).pixels.shape[0] != _ROWS
                except DsrError:
                    counted["half files"] += 1
            counted["temporary files seen"] += len(list(folder.glob(".dsr-*")))
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        counted["files left over after the next run"] += len(list(folder.iterdir())) - 4
    return counted


def situations() -> dict[str, str]:
    """Bring the command into situations of other programs' making; return what it says in each."""
    program, said = Path(sys.executable).with_name("dsr-core"), {}
    picture = np.random.default_rng(3).integers(40, 200, (_ROWS, 640, 3), np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scan = folder / "in.tif"
        tifffile.imwrite(scan, picture, photometric="rgb")

        def start(*arguments: str, before: str = "") -> subprocess.Popen[str]:
            command = [program, "restore", *arguments, "--provider", "cpu"]
            shell = ["sh", "-c", f'{before} exec "$@"', "sh", *command]
            return subprocess.Popen(
                shell, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )

        def end(child: subprocess.Popen[str]) -> str:
            _, errors = child.communicate()
            last = (errors.splitlines() or ["nothing"])[-1].removeprefix("dsr-core: ")
            last = last if child.returncode else "restored"
            return f"exit code {child.returncode}: {last}"

        child = start("in.tif", "-o", "grown.tif")
        while child.poll() is None:
            with scan.open("ab") as file:
                file.write(b"more")
            time.sleep(0.05)
        said["a scan that grows while it is restored"] = end(child)
        pair = [start("in.tif", "-o", "one.tif") for _ in range(2)]
        said["two processes, one result"] = "; ".join(sorted(end(child) for child in pair))
        for limit in (400, 600, 800, 1000):
            child = start("in.tif", "-o", f"{limit}.tif", before=f"ulimit -v {limit << 10};")
            said[f"{limit} MiB of memory to address"] = end(child)
        header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
        claim = b"\x89PNG\r\n\x1a\n"
        for chunk in (b"IHDR" + header, b"IDAT" + zlib.compress(bytes(1000)), b"IEND"):
            claim += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        (folder / "claim.png").write_bytes(claim)
        said["a picture that claims 2.5 gigapixels"] = end(start("claim.png"))
        said["the same with --most-megapixels 3000"] = end(
            start("claim.png", "--most-megapixels", "3000", before="ulimit -v 4194304;")
        )
        kept = {"in.tif", "claim.png", "one.tif", *(f"{limit}.tif" for limit in (400, 600, 800, 1000))}
        said["files that nobody asked for"] = str(len({path.name for path in folder.iterdir()} - kept))
    return said


def main() -> None:
    """Run all of it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="for damaged files")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--markdown", type=Path, required=True)
    chosen = parser.parse_args()
    parts = [
        "# What was tried to break it\n",
        "Written by `python -m benchmarks.reliability --markdown docs/reliability.md`. The tests in",
        "`tests/core` (`test_core_promises.py`, `test_core_writing.py`, `test_core_files.py`) hold",
        "the same, and more, at each change: full disk, protected folder, failing renames, closed",
        "pipes, random pictures.\n",
    ]
    for title, counted in (
        (f"Damaged files and messages, {chosen.seconds / 60:g} minutes", fuzz(chosen.seconds)),
        (f"`dsr-core restore` killed at {chosen.kills} random moments", kill(chosen.kills)),
    ):
        parts += [f"## {title}\n", "| what | how often |", "|---|---:|"]
        parts += [f"| {what} | {number:,} |" for what, number in counted.items()]
        parts += ["| anything else than a picture or a sentence | 0 |\n" if "files" in counted else ""]
    parts += ["## What other programs and machines do\n", "| what | what is said |", "|---|---|"]
    parts += [f"| {what} | {said} |" for what, said in situations().items()]
    chosen.markdown.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
