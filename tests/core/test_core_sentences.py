"""Every sentence that refuses something, and what provokes it: a new one without a row here fails.

Those of the plug-in, of training and of export are in ``tests/repo/test_repo_sentences.py``.
"""

import ast
import errno
import re
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import imagecodecs
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

import dsr_core
from dsr_core import Coding, DsrError, Options, atomic, engine, infrared, job, models
from dsr_core.atomic import write_all
from dsr_core.composite import check_mask
from dsr_core.editor.session import Session, _slices
from dsr_core.io import Picture, Wishes, check_target, read_picture, write_mask, write_picture
from dsr_core.models import find_model
from tests.core.box import refuses, trees, words
from tests.core.made_files import LONG, SHORT, UNDEFINED, mpf, page, png, segment, tiff
from tests.dusty import dusty
from tests.roll import sentences as sentences_of_rolls

GREY = dusty(channels=0, dtype="uint8")


def answer(box, **request):
    """Ask the worker for something; raise what it answers."""
    raise DsrError(box.ask(**request))


def link(box):
    """Return a link to itself."""
    path = box.folder / "loop.tif"
    path.symlink_to(path)
    return path


def saved(mode, form, **options):
    out = BytesIO()
    Image.new(mode, (8, 8)).save(out, form, **options)
    return out.getvalue()


def jpeg(*segments):
    data = cv2.imencode(".jpg", GREY)[1].tobytes()
    return data[:2] + b"".join(segments) + data[2:]


def of_components(count):
    data = bytearray(jpeg())
    data[data.index(b"\xff\xc0") + 9] = count
    return bytes(data)


def bmp(at, value):
    data = bytearray(cv2.imencode(".bmp", GREY)[1].tobytes())
    data[at] = value
    return bytes(data)


def tagged(*tags, pixels=GREY, photometric=None):
    return tiff(page(pixels, *tags, photometric=photometric))


def small_mask(box):
    (box.folder / "m.png").write_bytes(png(GREY[1:]))
    box.run("scan.tif", "--fill", "m.png")


def no_space(box):
    box.fails(atomic, "_settle", OSError(errno.ENOSPC, "No space left on device"))
    box.run("scan.tif", "-o", "out.tif")


def neither_old_nor_new(box):
    box.patch.setattr(atomic, "_undone", lambda *_: False)
    place, done = Path.replace, []

    def once(self, target):
        if done:
            raise OSError(errno.EBUSY, "busy")
        done.append(target)
        return place(self, target)

    box.patch.setattr(Path, "replace", once)
    names = [box.folder / "a.bin", box.folder / "b.bin"]
    write_all({name: lambda path: path.write_bytes(b"x") and None for name in names}, overwrite=True)


def protected(box):
    box.scan.chmod(0o444)
    box.run("scan.tif", "-o", "scan.tif", "--overwrite")


def no_rights(box):
    box.patch.setattr(atomic.os, "access", lambda *_: False)
    box.run("scan.tif", "-o", "out.tif")


def grown(box):
    stamps = iter([(1,), (2,)])
    box.patch.setattr(job.Job, "_stamp", lambda _: next(stamps))
    box.run("scan.tif", "-o", "out.tif")


def two_of_one_result(box):
    (box.folder / "other").mkdir()
    (box.folder / "other" / "scan.tif").write_bytes(box.scan.read_bytes())
    box.run("scan.tif", "other/scan.tif", "--output-dir", "results")


def into_a_file(box):
    (box.folder / "taken").write_bytes(b"")
    box.run("scan.tif", "--output-dir", "taken")


def deaf_stdout(box):
    with Path("/dev/full").open("wb", buffering=0) as full:
        box.patch.setattr(sys, "stdout", SimpleNamespace(buffer=full))
        box.run("scan.tif", "-o", "-", "--format", "png")


def no_memory(box, module, name):
    box.fails(module, name, MemoryError())
    box.run("scan.tif", "-o", "out.tif")


def without_cuda(box):
    box.patch.setattr(engine, "cuda_fault", lambda: "there is no card")
    engine.choose_provider("cuda")


def refused_cuda(box):
    info = find_model(box.model)
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    box.patch.setattr(engine.ort, "InferenceSession", lambda *_, **__: session)
    engine.Engine(info, "cuda", (64, 64))


def ask_after_a_run(box, **request):
    box.patch.setattr(Session, "_ready", lambda _: None)
    answer(box, **request)


def run_fails(box):
    info = find_model(box.model)
    box.fails(engine.ort, "InferenceSession", RuntimeError("no kernel image"))
    engine.Engine(info, "cpu", (64, 64))


def model_fails(box, words):
    (box.folder / "new.onnx").write_bytes(box.model.read_bytes())
    box.fails(engine.ort, "InferenceSession", RuntimeError(words))
    find_model(box.folder / "new.onnx")


def other_input(box):
    model = onnx.load(box.model)
    model.graph.input[0].name = "picture"
    for node in model.graph.node:
        node.input[:] = ["picture" if name == "image" else name for name in node.input]
    onnx.save(model, box.folder / "other.onnx")
    find_model(box.folder / "other.onnx")


def external(box):
    model = onnx.load(box.model)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    path = box.folder / "outside.onnx"
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="weights")
    find_model(path)


def no_such_model(box):
    box.patch.setattr(models, "models_folder", lambda: box.folder)
    find_model("3")


def no_models(box):
    box.patch.setattr(models, "models_folder", lambda: box.folder)
    box.run(command="models")


def unreadable_model(box):
    locked = box.copy("locked.onnx")
    box.fails(Path, "read_bytes", PermissionError(errno.EACCES, "Permission denied"))
    find_model(locked)


def without_torch(box):
    box.patch.setitem(sys.modules, "dsr_core.nn.export", None)
    box.run("a.pt", "b.onnx", command="export-onnx")


def broken_runtime(box, module):
    box.patch.setitem(sys.modules, "onnxruntime", module)
    box.patch.delitem(sys.modules, "dsr_core.runtime")
    import_module("dsr_core.runtime")


def read(data, **options):
    return lambda _: read_picture(data, **options)


def restore(image):
    return lambda box: dsr_core.restore(image, model=box.model, provider="cpu")


ROWS = {
    # where it goes
    "exists already; choose another name": lambda box: box.run("scan.tif", "-o", box.copy("old.tif")),
    "check its folder and the space on the disk": no_space,
    "There is no folder": lambda box: box.run("scan.tif", "-o", "nowhere/out.tif"),
    "There is no right to write in the folder": no_rights,
    "is a link that leads nowhere": lambda box: atomic._resolved(link(box)),
    "is a folder; give the name of a file": lambda box: box.run("scan.tif", "-o", box.folder),
    "is protected against writing": protected,
    "); choose another name.": lambda box: box.run("scan.tif", "-o", f"{'x' * 300}.tif"),
    "), but ": neither_old_nor_new,
    "is the result of": two_of_one_result,
    "give all of a roll at once": lambda box: box.run("scan.tif", "--roll"),
    "with several inputs use --output-dir": lambda box: box.run("scan.tif", "b.tif", "-o", "out.tif"),
    "cannot be made": into_a_file,
    "Only a restored picture goes to standard output": lambda box: box.run("scan.tif", "--mask", "-"),
    "has changed meanwhile": grown,
    "two of them are the same": lambda box: box.run("scan.tif", "-o", "a.tif", "--mask", "./a.tif"),
    "is the input": lambda box: box.run("scan.tif", "-o", "a.tif", "--mask", "./scan.tif", "--overwrite"),
    "is the infrared scan of": lambda box: box.run(
        "scan.tif", "--mask", box.copy("m.tif"), "--infrared", "m.tif", "--overwrite"
    ),
    "Standard output takes no picture": deaf_stdout,
    "has no suffix that says which format": lambda _: check_target(Path("out.xyz"), GREY),
    "cannot hold uint16 samples": lambda _: check_target(Path("out.jpg"), dusty()),
    "JPEG would blur the mask": lambda box: write_mask(
        box.folder / "m.jpg", np.ones((9, 9), np.uint8), Picture(GREY, "png")
    ),
    " pixels (": lambda box: write_picture(
        box.folder / "a.webp", np.zeros((2, 20_000, 3), np.uint8), Picture(GREY, "png")
    ),
    # what it is
    "is a folder; give one of the files": lambda box: read_picture(box.folder),
    "is empty": read(b""),
    "is not a picture but what a Mac stores": read(b"\0\5\x16\7" + bytes(40)),
    "is not an image that can be read": read(b"nothing at all"),
    "There is no file": lambda box: read_picture(box.folder / "missing.tif"),
    "check its permissions": lambda box: read_picture(link(box)),
    "which is not read; convert it to TIFF": read(b"GIF89a" + bytes(40)),
    "is damaged (": read(tiff(page(GREY))[:60]),
    "million; if that is true, raise --most-megapixels": read(jpeg(), wishes=Wishes(most_pixels=9)),
    "is CMYK": read(saved("CMYK", "JPEG")),
    "channels; save it as grey or RGB": read(of_components(2)),
    "several pages or frames (MPO)": read(jpeg(segment(0xE2, mpf([0x030000, 0x020002])))),
    "several pages or frames; save each as a file of its own first": read(
        png(GREY, (b"acTL", bytes(3) + b"\2" + bytes(4)))
    ),
    "several pages or frames; save each as a file of its own first, or use": read(
        tiff(page(GREY), page(GREY))
    ),
    "is a BMP of a rare kind": read(bmp(30, 4)),
    "is black and white with 1 bit a pixel": read(saved("1", "PNG")),
    "channels; save it as grey or RGB, with or without alpha": read(
        tagged(pixels=np.zeros((8, 8, 5), np.uint8))
    ),
    "samples; convert it to 8 or 16 bits": read(imagecodecs.jpeg2k_encode(GREY.astype(np.int8), level=0)),
    "holds layers": read(tagged((37724, UNDEFINED, b"Adobe Photoshop Document Data Block\0" + bytes(8)))),
    "is compressed with": read(tagged((259, SHORT, [34661]))),
    "holds raw data of a sensor": read(tagged(photometric=32803)),
    "; convert it to RGB or grey first": read(tagged(pixels=dusty(dtype="uint8"), photometric=8)),
    "has colours of kind": read(tagged(photometric=51177)),
    "bits of a rare kind": read(tagged((258, SHORT, [40]))),
    "samples; convert it to 8 or 16 bits, or 32-bit float": read(tagged(pixels=GREY.astype(np.int16))),
    "is a volume": read(tagged((32997, LONG, [2]), pixels=np.vstack([GREY, GREY]))),
    # an array, an option
    "White must be a number other than black": lambda _: Coding(white=0),
    "The mask must be bool": lambda _: check_mask(np.ones((2, 2), np.uint8), (2, 2)),
    "The image must be a numpy array": restore([1, 2]),
    "An image is (H, W)": restore(np.ones((2, 2, 2, 2))),
    "holds no pixels": restore(np.ones((0, 4))),
    "are not supported; convert them": restore(np.ones((4, 4), np.int8)),
    "The image holds NaN or infinity": restore(np.full((4, 4), np.nan)),
    "must be 0 (no limit) or at least min_size": lambda _: Options(min_size=9, max_size=3),
    " must be ": lambda _: Options(sensitivity=2),
    "must be one of": lambda _: Options(polarity="grey"),
    # the worker
    "The plug-in asks for": lambda box: answer(box, type="dance"),
    "The plug-in sent no picture": lambda box: answer(box, type="predict"),
    "too many or too few pixels": lambda box: answer(
        box, type="predict", width=9, height=9, channels=1, dtype="u8", clip=False
    ),
    "asks for a part outside the picture": lambda _: _slices([0, 0, 1 << 40, 1 << 40], (9, 9)),
    "Nothing is selected": lambda box: ask_after_a_run(box, type="fill"),
    "did not ask for it": lambda box: ask_after_a_run(
        box, type="compose", options={}, region=[0, 0, 1, 1], everything=True
    ),
    "The network has not run yet": lambda box: answer(box, type="compose", options={}, region=[0, 0, 1, 1]),
    # what it runs on
    "There is no provider": lambda _: engine.choose_provider("abacus"),
    "; put that right or choose the provider cpu.": without_cuda,
    "onnxruntime refused": refused_cuda,
    "; another provider may.": run_fails,
    "too large for this machine's memory": lambda box: no_memory(box, job, "restore_steps"),
    "fit into memory; close other programs": lambda box: no_memory(box, engine, "load_engine"),
    "There is too little memory for": lambda box: model_fails(box, "std::bad_alloc"),
    "is damaged or not an ONNX model": lambda box: model_fails(box, "no protobuf"),
    "is not a model for this filter": other_input,
    "The infrared channel holds NaN": lambda _: infrared.check_infrared(
        np.full(GREY.shape, np.nan, np.float32), GREY.shape
    ),
    "must hold numbers like the picture's": lambda _: infrared.check_infrared(GREY > 9, GREY.shape),
    "channel must be grey": lambda _: infrared.check_infrared(dusty(), GREY.shape),
    "give the one scanned with it": lambda _: infrared.check_infrared(GREY, (3, 5)),
    "give a mask of the same size": small_mask,
    "is the mask that --fill reads": lambda box: box.run(
        "scan.tif", "--fill", box.copy("m.tif"), "--mask", "m.tif", "--overwrite"
    ),
    "does not lie in the picture": lambda box: box.run("scan.tif", "--only", "0,0,1,999"),
    "does not say its resolution": lambda box: box.run("scan.tif", "--size-um", "9,0"),
    "takes the place of --min-size": lambda box: box.run("scan.tif", "--size-um", "9,0", "--min-size", 3),
    "The second number of --size-um": lambda box: box.run("scan.tif", "--size-um", "9,3"),
    "is in colour; an infrared scan is grey": lambda box: box.run("scan.tif", "--infrared", box.scan),
    "keeps its weights in another file": external,
    "is not part of this installation": no_such_model,
    "; use fast, 1, 2, 3 or the path": lambda _: find_model("nowhere.onnx"),
    "check the file's permissions": unreadable_model,
    "There is no model in": no_models,
    "export-onnx needs": without_torch,
    "onnxruntime is installed only in part": lambda box: broken_runtime(box, ModuleType("onnxruntime")),
    "onnxruntime does not load": lambda box: broken_runtime(box, None),
    # rolls
    **sentences_of_rolls.ROWS,
}


@pytest.mark.parametrize("fragment", list(ROWS))
def test_the_sentence_is_said(box, fragment):
    with pytest.raises(DsrError) as caught:
        ROWS[fragment](box)
    assert fragment in str(caught.value)


def sentences():
    """Return the constant parts of every sentence that the core refuses something with."""
    for path, tree in trees("dsr_core"):
        if path.name in {"wire.py", "client.py"}:  # what is said to GIMP: tests/repo/test_repo_sentences.py
            continue
        for node in filter(refuses, ast.walk(tree)):
            yield pytest.param(words(node.args[0]), id=f"{path.stem}, line {node.lineno}")


@pytest.mark.parametrize("sentence", list(sentences()))
def test_the_sentence_has_a_row(sentence):
    """A sentence that is all placeholders hands on another one, which has its own row."""
    handed_on = not re.search("[a-z]{2}", sentence)
    assert handed_on or any(fragment in sentence for fragment in ROWS)
