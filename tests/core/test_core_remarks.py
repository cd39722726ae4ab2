"""Every sentence that tells something and refuses nothing, and what provokes it: a new one needs a row.

Those that refuse are in ``test_core_sentences.py``.
"""

import ast
import re
from io import BytesIO
from types import SimpleNamespace

import cv2
import distributed
import numpy as np
import pytest
import tifffile
from PIL import Image

import dsr_core
from dsr_core import Coding, Prediction, cli, crowds, infrared, job, lights
from dsr_core.coding import guess
from dsr_core.editor.session import Session
from dsr_core.io import Picture, Wishes, losses, read_picture
from dsr_core.io.infrared import find_infrared_scan
from dsr_core.io.kinds import check_depth
from dsr_core.region import Region
from dsr_core.roll import cluster
from tests.core.box import refuses, trees, words
from tests.core.made_files import (
    BYTE,
    LONG,
    UNDEFINED,
    exif_with_thumbnail,
    mpf,
    page,
    png,
    segment,
    tiff,
    with_bad_tag,
)
from tests.core.test_core_installation import put_an_old_card_in
from tests.core.test_core_wide import blotches
from tests.dusty import dusty

GREY = dusty(channels=0, dtype="uint8")
COLOUR = dusty(dtype="uint8")
BAD_EXIF = b"II*\0" + b"\xff" * 4 + bytes(8)


def told(box, *arguments):
    """Run the command line and return what it said."""
    return box.said(*arguments)[1]


def listed(box):
    """List the models and return what was written."""
    cli.main(["models"])
    return box.capsys.readouterr().out


def notes(data, **wishes):
    return lambda _: " ".join(read_picture(data, Wishes(**wishes)).notes)


def jpeg(*segments):
    data = cv2.imencode(".jpg", COLOUR)[1].tobytes()
    return data[:2] + b"".join(segments) + data[2:]


def with_transparency():
    """Return a PNG with a transparent grey, which makes it another kind, and with a background."""
    return png(GREY, (b"tRNS", b"\0\3"), (b"bKGD", b"\0\0"))


def compressed(kind):
    out = BytesIO()
    tifffile.imwrite(out, COLOUR, photometric="rgb", compression=kind)
    return out.getvalue()


def no_alpha():
    out = BytesIO()
    samples = dusty(channels=4)
    samples[..., 3] = 9
    tifffile.imwrite(out, samples, photometric="rgb", extrasamples=["assocalpha"])
    return out.getvalue()


def lost(picture, form):
    return lambda _: " ".join(losses(picture, form))


def asked(box, error):
    """Return what the worker answers where an action ends so."""
    box.fails(Session, "_margin", error)
    return box.ask(type="margin")


def infrared_of(picture, choice="auto", source=None):
    return find_infrared_scan(choice, picture, source, Wishes())[1]


def from_a_file(_):
    Image.fromarray(GREY).save("ir.png")
    return infrared_of(Picture(COLOUR, "tiff"), "ir.png")


def of_film(scan):
    image = np.random.default_rng(2).integers(3000, 60_000, (75, 75), np.uint16)
    image = cv2.resize(image, (300, 300), interpolation=cv2.INTER_CUBIC)
    prediction = Prediction(
        np.dstack([image] * 3), np.dstack([image] * 3), np.zeros((300, 300), np.uint8), None, "cpu"
    )
    return infrared.find_infrared(prediction, image * (scan == "silver"))[1]


def stopped(box):
    def stop(*_, **__):
        raise KeyboardInterrupt

    box.patch.setattr(job, "restore_steps", stop)
    return told(box, "scan.tif")


def workers_killed(_):
    killed = distributed.KilledWorker.__new__(distributed.KilledWorker)
    job = SimpleNamespace(source="scan.tif")
    return str(cluster._from(SimpleNamespace(exception=lambda: killed), job).error)


def on_an_old_card(box):
    put_an_old_card_in(box.patch)
    return " ".join(dsr_core.restore(dusty(), model=box.model, provider="auto").notes)


def of_another_input(box, name):
    box.copy(name)
    return told(box, "scan.tif", name)


def measured_on_film(box):
    tifffile.imwrite("film.tif", COLOUR, photometric="rgb", resolution=(2000, 2000), resolutionunit="inch")
    return told(box, "film.tif", "--size-um", "20,900")


def blotch():
    tifffile.imwrite("blotch.tif", (255 * blotches((300, 950))).astype(np.uint8))
    return "blotch.tif"


def nothing_marked(box):
    Image.fromarray(np.zeros_like(GREY)).save("black.png")
    return told(box, "scan.tif", "--fill", "black.png")


PLAIN = Picture(GREY, "png")
ROWS = {
    "What --model takes; 3 is the default": listed,
    # what a file holds
    "were white; --white": lambda _: guess(dusty(channels=0) >> 4)[1],
    "is white in this file": notes(b"P5 8 8 1023\n" + bytes(128)),
    "taken for linear light": notes(tiff(page(dusty(), (50706, BYTE, [1, 4, 0, 0]), photometric=34892))),
    "do not fit and are left out": notes(tiff(page(dusty(), (50706, BYTE, [1, 4, 0, 0]), photometric=34892))),
    "is said to be alpha, and is not": notes(no_alpha()),
    "is replaced by one without loss": notes(compressed("jpeg")),
    "Damaged and left out": notes(with_bad_tag(tiff(page(GREY)), 34665, LONG, 1, 1 << 30)),
    "Damaged, and carried along": notes(jpeg(segment(0xE1, b"Exif\0\0" + BAD_EXIF))),
    "Its layers are left out": notes(
        tiff(page(GREY, (37724, UNDEFINED, b"Adobe Photoshop Document Data Block\0"))), picture_only=True
    ),
    "pictures only the largest": notes(
        tiff(page(COLOUR), page(dusty(60, 96, dtype="uint8"))), picture_only=True
    ),
    "pictures only the first": notes(jpeg(segment(0xE2, mpf([0x030000, 0]))), picture_only=True),
    "The thumbnail of the scan is left out": notes(tiff(page(dusty(40, 48)), page(dusty(80, 96)))),
    "The thumbnail in it is left out": notes(jpeg(segment(0xE1, exif_with_thumbnail(jpeg())))),
    "The preview in it is left out": notes(jpeg(segment(0xE2, mpf([0x030000, 0x010002])))),
    "gain map (for HDR screens)": notes(
        jpeg(segment(0xE1, b"http://ns.adobe.com/hdr-gain-map/1.0/"), segment(0xE2, mpf([0x030000, 0])))
    ),
    "index of further pictures is damaged": notes(jpeg(segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff"))),
    "lacks its end marker": notes(jpeg()[:-2]),
    "went with the kind of its pixels": notes(with_transparency()),
    # what the result cannot hold
    "samples; write a .tif file instead": lambda _: check_depth("jpeg", dusty()),
    "JPEG cannot hold an alpha channel": lambda _: check_depth("jpeg", dusty(channels=4, dtype="uint8")),
    "knows no premultiplied alpha": lost(
        Picture(GREY, "tiff", coding=Coding(255, premultiplied=True)), "png"
    ),
    "holds one picture: its": lost(Picture(GREY, "tiff", pages=(PLAIN,)), "png"),
    "has no place for": lost(read_picture(png(GREY, (b"gAMA", bytes(4)))), "tiff"),
    "JPEG is not exact": lost(PLAIN, "jpeg"),
    # infrared
    "Infrared is taken from page": lambda _: infrared_of(
        Picture(dusty(), "tiff", pages=(Picture(GREY, "tiff"),))
    ),
    "from the fourth channel": lambda _: infrared_of(
        Picture(dusty(channels=4), "tiff", saving={"extra": (0,)})
    ),
    "Infrared is taken from ": from_a_file,
    "shows the picture itself": lambda _: of_film("silver"),
    "The infrared channel is blank": lambda _: of_film("blank"),
    # what was asked for
    "pixels per inch, --size-um is": measured_on_film,
    "marks nothing; white is repaired": nothing_marked,
    "lie outside of the region": lambda _: Region(0, 0, 1, 1).remarks(np.ones((2, 2), np.bool_))[0],
    # what was found
    "may be lamps, stars or snow": lambda _: lights.remark(100),
    "that is implausibly dense": lambda _: crowds.remark(100, 0.1, screened=False),
    "made of a regular screen of dots": lambda _: crowds.remark(9, 0.001, screened=True),
    "like damage that is too wide to be repaired": lambda box: told(box, blotch()),
    # runs
    "Stopped; nothing was left behind": stopped,
    "is the result of another input": lambda box: of_another_input(box, "scan.restored.tif"),
    "is the infrared scan of another input": lambda box: of_another_input(box, "scan_ir.tif"),
    "took several workers with it": workers_killed,
    "Going on with the CPU": on_an_old_card,
    "request is not understood": lambda box: asked(box, KeyError("model")),
    "There is not enough memory; select": lambda box: asked(box, MemoryError()),
}


@pytest.mark.parametrize("fragment", list(ROWS))
def test_it_is_told(box, fragment):
    assert fragment in ROWS[fragment](box)


def sentences():
    """Return the sentences in the core's sources that are neither documentation nor arguments of errors."""
    for path, tree in trees("dsr_core"):
        others = set()
        for node in ast.walk(tree):
            error = refuses(node) or (isinstance(node, ast.ClassDef) and node.name.endswith("Error"))
            if error or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                others |= set(ast.walk(node))
            elif isinstance(node, ast.JoinedStr):
                others |= {inner for value in node.values for inner in ast.walk(value)}
        for node in ast.walk(tree):
            text = (
                words(node) if isinstance(node, ast.JoinedStr | ast.Constant) and node not in others else ""
            )
            if re.search(r"[a-z]{2} .*\.\s*$", text) and path.name != "arguments.py":  # what --help says
                yield pytest.param(text, id=f"{path.stem}, line {node.lineno}")


@pytest.mark.parametrize("sentence", list(sentences()))
def test_what_is_told_has_a_row(sentence):
    assert any(fragment in sentence for fragment in ROWS)
