"""The filter in a real GIMP, called as scripts call it; every comparison is exact, to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from dsr_core import Options, Restoration, compose, fill, predict, restore, run
from dsr_core.editor.patches import blend_selected, occupied
from dsr_core.grain import REACH
from dsr_core.models import find_model
from tests.core.test_core_wide import BLOTCH
from tests.gimp.batches import FILM, PRECISIONS, Outcome
from tests.gimp.scene import HEIGHT, TYPES, WIDTH, scene, tall_scene


@pytest.fixture(scope="session")
def expected(toy_model: Path):
    """Return a function that restores a scene as `dsr-core restore` would."""

    def restored(kind: str, channels: int, seed: int = 0, *, linear: bool = False, **options) -> Restoration:
        picture = scene(kind, channels, seed)
        return restore(picture, Options(**options), model=toy_model, provider="cpu", linear=linear)

    return restored


def patched(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the layer of repairs: an alpha channel in any case, and nothing where nothing is to be shown."""
    if image.shape[2] in (1, 3):
        opaque = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
        image = np.dstack([image, np.full(mask.shape, opaque, image.dtype)])
    layer = np.zeros_like(image)
    for x, y, width, height in occupied(mask):
        here = slice(y, y + height), slice(x, x + width)
        layer[here] = image[here]
    assert (layer[mask] == image[mask]).all()
    return layer


@pytest.mark.parametrize("base", ["RGB", "GRAY"])
@pytest.mark.parametrize("kind", list(TYPES))
def test_every_format_to_the_bit(batch: Outcome, expected, kind: str, base: str):
    batch.result("formats")
    for encoding in (encoding for known, encoding in PRECISIONS if known == kind):
        for alpha in (False, True):
            channels = {"RGB": 3, "GRAY": 1}[base] + alpha
            wanted = expected(kind, channels, int(alpha), linear=encoding == "LINEAR")
            assert 0.02 < wanted.mask.mean() < 0.5
            name = f"formats-{kind}-{encoding}-{base}-{alpha}"
            image = wanted.image.reshape(HEIGHT, WIDTH, channels)
            repairs = (batch.job.folder / "out" / f"{name}-mask.raw").exists()
            image = patched(image, wanted.mask) if repairs else image
            np.testing.assert_array_equal(batch.raw(name, TYPES[kind], *image.shape), image, name)
            if repairs:
                mask = batch.raw(f"{name}-mask", np.uint8, HEIGHT, WIDTH)
                np.testing.assert_array_equal(mask, wanted.mask * np.uint8(255), name)


def test_outputs(batch: Outcome, expected):
    result = batch.result("outputs")
    wanted = expected("u16", 3)
    repairs = batch.raw("outputs-repairs-alpha", np.uint16, HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(repairs[..., 3], wanted.mask * np.uint16(65535))
    np.testing.assert_array_equal(repairs[wanted.mask, :3], wanted.image[wanted.mask])
    np.testing.assert_array_equal(batch.raw("outputs-restored", np.uint16, HEIGHT, WIDTH, 3), wanted.image)
    for output in ("selection", "channel"):
        mask = batch.raw(f"outputs-{output}-mask", np.uint8, HEIGHT, WIDTH)
        np.testing.assert_array_equal(mask, wanted.mask * np.uint8(255))
        assert [name for name, _ in result[output]["layers"]] == ["scan"]
        assert result[output]["selected"] == ["scan"]
    assert result["channel"]["channels"] == ["Dust & scratches"]
    assert result["selection"]["channels"] == []
    assert result["restored"]["layers"] == [["scan (restored)", [0, 0]], ["scan", [0, 0]]]
    assert result["repairs-alpha"]["layers"][0] == ["scan (repairs)", [0, 0]]


@pytest.mark.parametrize("kind", ["float", "u16"])  # a hard selection and a soft one
def test_selection_and_offset(batch: Outcome, expected, kind: str):
    assert "does not touch the layer “scan”" in batch.result("selection")
    before, wanted = scene(kind, 3), expected(kind, 3, polarity="both")
    clip = np.zeros((HEIGHT, WIDTH), np.uint8)  # the selection as the layer sees it, which lies at (7, -5)
    for output in ("in-place", "repairs"):
        whole = batch.raw(f"selection-{output}-{kind}-clip", np.uint8, HEIGHT, WIDTH)
        clip[5:, : WIDTH - 7] = whole[:-5, 7:]
        result = blend_selected(before, wanted.image, clip)
        if output == "in-place":
            np.testing.assert_array_equal(
                batch.raw(f"selection-{output}-{kind}", TYPES[kind], HEIGHT, WIDTH, 3), result
            )
            continue
        x, y, width, height = json.loads((batch.job.folder / "out" / f"selection-{kind}.json").read_text())
        part = slice(y + 5, y + 5 + height), slice(x - 7, x - 7 + width)
        pixels = batch.raw(f"selection-{output}-{kind}", TYPES[kind], height, width, 4)
        mask = batch.raw(f"selection-{output}-{kind}-mask", np.uint8, height, width)
        shown = (wanted.mask & (clip > 0))[part]
        np.testing.assert_array_equal(pixels, patched(result[part], shown))
        np.testing.assert_array_equal(mask, shown * np.uint8(255))
        assert not (wanted.mask & (clip > 0)).sum() - (mask > 0).sum()
    if kind == "float":
        assert set(np.unique(clip)) == {0, 255}
        assert (x, y, width, height) == (20, 10, 50, 30)
    else:
        assert len(np.unique(clip)) > 10


def test_groups_and_layer_masks(batch: Outcome, expected):
    result = batch.result("groups_and_masks")
    wanted = expected("u8", 3)
    hidden = np.full((HEIGHT, WIDTH), 255, np.uint8)
    hidden[30:] = 100
    outputs = ("repairs", "repairs-alpha", "restored")
    read = {name: batch.raw(f"groups-{name}-mask", np.uint8, HEIGHT, WIDTH) for name in outputs}
    np.testing.assert_array_equal(read["repairs"], np.where(wanted.mask, hidden, 0))
    np.testing.assert_array_equal(read["repairs-alpha"], hidden)
    np.testing.assert_array_equal(read["restored"], hidden)
    repairs = batch.raw("groups-repairs", np.uint8, HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(repairs, patched(wanted.image, wanted.mask))
    np.testing.assert_array_equal(batch.raw("groups-restored", np.uint8, HEIGHT, WIDTH, 3), wanted.image)
    assert result["names"] == ["roll (repairs)", "roll", "scan"]
    assert "is not a plain layer" in result["refused"]
    assert "only be repaired in place" in result["mask"]


def test_several_layers(batch: Outcome, expected):
    names = batch.result("several_layers")
    assert names == [
        ["scan (repairs)", [0, 0]],
        ["scan", [0, 0]],
        ["scan #1 (repairs)", [40, 20]],
        ["scan #1", [40, 20]],
    ]
    union = np.zeros((HEIGHT, WIDTH), np.bool_)
    union[: HEIGHT - 5, : WIDTH - 9] = expected("u8", 3, 0).mask[5:, 9:]
    union[20:, 40:] |= expected("u8", 3, 1).mask[: HEIGHT - 20, : WIDTH - 40]
    selected = batch.raw("several-selection", np.uint8, HEIGHT, WIDTH)
    np.testing.assert_array_equal(selected, union * np.uint8(255))


def test_several_bands(batch: Outcome, toy_model: Path):
    batch.result("several_bands")
    wanted = restore(tall_scene(), model=toy_model, provider="cpu")
    size = wanted.mask.shape
    for output in ("restored", "in-place"):
        np.testing.assert_array_equal(batch.raw(f"bands-{output}", np.uint8, *size, 3), wanted.image)
    mask = wanted.mask * np.uint8(255)
    np.testing.assert_array_equal(batch.raw("bands-repairs-mask", np.uint8, *size), mask)
    selected = np.zeros_like(mask)
    selected[50:, 3:] = mask[:-50, :-3]
    np.testing.assert_array_equal(batch.raw("bands-selection", np.uint8, *size), selected)
    repairs = batch.raw("bands-repairs", np.uint8, *size, 4)
    np.testing.assert_array_equal(repairs, patched(wanted.image, wanted.mask))


def test_channels(batch: Outcome, expected):
    assert batch.result("channels") == ["plate (restored)", "plate"]
    wanted = expected("u8", 1, linear=True)  # GIMP keeps the channels of such a picture as linear light
    for name in ("channels-copy", "channels-in-place"):
        np.testing.assert_array_equal(batch.raw(name, np.uint8, HEIGHT, WIDTH), wanted.image)


def around(region: tuple[int, int, int, int], margin: int) -> tuple[slice, slice]:
    """Return what the network sees of a region of the scene."""
    x, y, width, height = region
    return slice(max(y - margin, 0), y + height + margin), slice(max(x - margin, 0), x + width + margin)


OUTPUTS = {"repairs": "u16", "repairs-alpha": "u8", "restored": "float", "in-place": "half"}


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_miss_is_mended_into_the_same_result(batch: Outcome, expected, toy_model: Path, output: str):
    said = batch.result("mend")
    layers, (x, y, width, height) = said["results"][output]
    kind, margin = OUTPUTS[output], find_model(str(toy_model)).margin + REACH
    scan, found = scene(kind, 3), expected(kind, 3)
    first = np.zeros((HEIGHT, WIDTH), np.bool_)
    first[5:35, 5:45] = found.mask[5:35, 5:45]
    once = np.where(first[..., None], found.image, scan)
    second = np.zeros_like(first)
    clip = batch.raw(f"mend-{output}-clip", np.uint8, HEIGHT, WIDTH)
    second[: HEIGHT - 2, : WIDTH - 3] = (clip >= 128)[2:, 3:]
    touched = np.zeros_like(first)
    touched[: HEIGHT - 2, : WIDTH - 3] = (clip > 0)[2:, 3:]
    (top, bottom), (left, right) = (np.flatnonzero(touched.any(axis))[[0, -1]] for axis in (1, 0))
    part = around((left, top, right - left + 1, bottom - top + 1), margin)
    seen = (once if output == "in-place" else scan)[part]
    prediction = run(predict(seen, model=toy_model, provider="cpu"))
    mended = compose(run(fill(prediction, second[part])), mask=second[part])
    new = second & ~first if output != "in-place" else second
    twice = once.copy()
    twice[part] = np.where(new[part][..., None], mended.image, once[part])
    assert (first & second).any()
    assert (second & ~found.mask).any()
    if output in ("in-place", "restored"):
        np.testing.assert_array_equal(batch.raw(f"mend-{output}", TYPES[kind], HEIGHT, WIDTH, 3), twice)
        return
    assert layers == [["scan (repairs)", [x, y]], ["scan", [3, 2]]]
    assert (x, y) == (8, 7)
    assert x + width - 3 == right + 1
    shown, part = first | second, (slice(y - 2, y - 2 + height), slice(x - 3, x - 3 + width))
    assert not shown.sum() - shown[part].sum()
    pixels = batch.raw(f"mend-{output}", TYPES[kind], height, width, 4)
    np.testing.assert_array_equal(pixels[shown[part]][:, :3], twice[shown])
    if output == "repairs":
        mask = batch.raw(f"mend-{output}-mask", np.uint8, height, width)
        np.testing.assert_array_equal(mask, shown[part] * np.uint8(255))
        assert (pixels[shown[part]][:, 3] == 65535).all()
    else:
        np.testing.assert_array_equal(pixels[..., 3], shown[part] * np.uint8(255))


def test_to_mend_something_has_to_be_selected(batch: Outcome):
    said = batch.result("mend")
    assert "Nothing is selected; draw around" in said["nothing"]
    assert "“painted” is a channel: turn it into the selection" in said["channel"]


def test_a_second_run_works_on_the_scan(batch: Outcome, expected):
    *runs, original, duplicate, renamed = batch.result("again")
    wanted = expected("u8", 3, sensitivity=0.9)
    for output, layers in zip(("repairs", "repairs-alpha", "restored"), runs, strict=True):
        assert layers == [[f"my {output}", [0, 0]], ["scan", [0, 0]]]
        channels = 3 if output == "restored" else 4
        image = batch.raw(f"again-{output}", np.uint8, HEIGHT, WIDTH, channels)
        np.testing.assert_array_equal(image[wanted.mask][:, :3], wanted.image[wanted.mask])
    assert original == duplicate == ["scan (repairs)", "scan"]
    assert renamed == ["scan (repairs)", "another name"]
    # what the person painted stays, what is found is added to it
    found, bright = expected("u8", 3), expected("u8", 3, polarity="bright")
    mask = np.where(bright.mask, 255, 0)
    mask[:, :2] = 7
    added = batch.raw("again-added-mask", np.uint8, HEIGHT, WIDTH)
    np.testing.assert_array_equal(added, mask)
    pixels = batch.raw("again-added", np.uint8, HEIGHT, WIDTH, 4)
    shown = mask == 255
    np.testing.assert_array_equal(pixels[shown][:, :3], bright.image[shown])
    np.testing.assert_array_equal(pixels[:, :2], patched(found.image, found.mask)[:, :2])


def test_an_infrared_scan_is_a_channel_or_a_layer(batch: Outcome, toy_model: Path):
    said = batch.result("infrared")
    wanted = restore(FILM.image, model=toy_model, provider="cpu", infrared=FILM.infrared)
    assert wanted.sources["infrared"] > 3
    for name in ("channel", "layer"):
        np.testing.assert_array_equal(batch.raw(f"infrared-{name}", np.uint16, 200, 240, 3), wanted.image)
    assert "“film” is to be repaired; choose its infrared scan" in said["itself"]
    assert "“plate” is in another picture" in said["other"]
    assert "“wide” does not cover “film”" in said["beside"]
    assert said["repeated-infrared"] is said["repeated-plate"] is True
    plain = restore(FILM.image, model=toy_model, provider="cpu")
    for name, result in {"infrared": wanted, "plate": plain}.items():
        mask = batch.raw(f"infrared-repeated-{name}", np.uint8, 200, 240)
        np.testing.assert_array_equal(mask, result.mask * np.uint8(255))
    log = batch.process.stdout + batch.process.stderr
    assert "Infrared is taken from “plate”." in log
    assert "The infrared channel is used" in log


def test_locks_are_heeded_before_the_network_runs(batch: Outcome, expected):
    said = batch.result("locks")
    for name in ("layer", "mask", "group"):
        assert "are locked, or those of its group" in said[name]
    assert "“scan (restored)” is locked" in said["earlier"]
    names = ["scan (repairs)", "scan (repairs) #1", "scan (restored)", "scan"]
    outer, inner = said["layers"]
    assert len(outer) == len(inner) + 1 == len(names) + 1
    assert said["copy"] is False
    wanted = expected("u8", 4)
    np.testing.assert_array_equal(batch.raw("locks-restored", np.uint8, HEIGHT, WIDTH, 4), wanted.image)
    for lock in ("position", "visibility", "alpha"):
        pixels = batch.raw(f"locks-set_lock_{lock}", np.uint8, HEIGHT, WIDTH, 4)
        np.testing.assert_array_equal(pixels, wanted.image)


def test_nothing_found_clears_nothing_and_is_said(batch: Outcome):
    assert batch.result("nothing_found") is True
    said = batch.process.stdout + batch.process.stderr
    assert "No dust or scratches were found" in said
    assert "running on the CPU" not in said  # where it was left to the filter


def test_damage_too_wide_to_be_repaired_is_told_of_a_whole_picture(batch: Outcome):
    assert batch.result("wide_damage") == [1, True]
    said = batch.process.stdout + batch.process.stderr
    assert said.count(f"A place looks {BLOTCH}") == 1


def test_script_fu_with_every_argument(batch: Outcome, expected):
    assert batch.result("from_script_fu") is True
    options = {
        "sensitivity": 0.9,
        "polarity": "bright",
        "min_size": 1,
        "max_size": 40,
        "grow": 2,
        "feather": 0.0,
    }
    wanted = expected("u8", 3, **options)
    np.testing.assert_array_equal(batch.raw("script-fu", np.uint8, HEIGHT, WIDTH, 3), wanted.image)


def test_menu(batch: Outcome):
    labels = "Remove dust & scratches…", "Repair what is selected"
    assert batch.result("menu") == [[["<Image>/Filters/Enhance"], label] for label in labels]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("model", "There is no model /job/none.onnx"),
        ("cuda", "CUDA"),
        ("sizes", "must be 0, which is no limit, or at least “Smallest size” (9 px)"),
        ("nothing", "Nothing is selected to repair"),
        ("indexed", "An indexed picture cannot be repaired; change it with Image > Mode > RGB"),
        ("gone", "/nowhere/python, cannot be started"),
        ("empty", "dust-scratch-removal is not in /usr/bin/python3"),
        ("old", "do not fit together; run `dsr-gimp install` again"),
        ("dying", "ended unexpectedly (terminate called"),
        ("sleeping", "ended unexpectedly (exit status -9)"),
        ("halfway", "ended unexpectedly (the second band is too much)"),
        ("unknown", "run `dsr-gimp install` again"),
    ],
)
def test_every_failure_is_a_sentence_and_changes_nothing(batch: Outcome, name: str, sentence: str):
    assert sentence in batch.result("refusals")[name]


def test_what_gimp_hardly_ever_does_is_a_sentence(batch: Outcome):
    said = batch.result("rare")
    assert said["deleted"] == "The infrared scan was deleted; choose another, or none."
    assert said["refused"].startswith("GIMP refused the result: ")


def test_a_layer_that_is_blended_is_remarked_upon(batch: Outcome):
    batch.result("refusals")
    assert "“scan” is blended or filtered" in batch.process.stdout + batch.process.stderr


def test_cancel_leaves_no_process_and_no_change(batch: Outcome):
    assert batch.result("cancel_leaves_no_orphan")["left"] == []
    assert batch.result("cancel_leaves_no_orphan")["layers"] == 1
