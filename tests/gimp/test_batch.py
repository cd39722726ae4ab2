"""The filter in a real GIMP, called as scripts call it; every comparison is exact, to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from dsr_core import Options, Restoration, restore
from dsr_core.editor.patches import blend_selected, occupied
from tests.gimp.batches import PRECISIONS, Outcome
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
    assert "not a plain layer" in result["refused"]
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
    assert batch.result("menu") == [["<Image>/Filters/Enhance"], "Remove dust & scratches…"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("model", "There is no model /job/none.onnx"),
        ("cuda", "CUDA"),
        ("locked", "are locked; unlock them"),
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


def test_a_layer_that_is_blended_is_remarked_upon(batch: Outcome):
    batch.result("refusals")
    assert "“scan” is blended or filtered" in batch.process.stdout + batch.process.stderr


def test_cancel_leaves_no_process_and_no_change(batch: Outcome):
    assert batch.result("cancel_leaves_no_orphan")["left"] == []
    assert batch.result("cancel_leaves_no_orphan")["layers"] == 1
