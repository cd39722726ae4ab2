"""The promises, tried on what nobody would think of: random pictures, options, tags, and damaged files."""

import contextlib
import struct
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import dsr_core
from dsr_core import Coding, DsrError, Options, sweep
from dsr_core.coding import guess, plain
from dsr_core.editor.wire import MAGIC, PlugInError, read_header
from dsr_core.io import read_picture, write_picture
from dsr_core.pixels import full_scale
from dsr_core.stretch import PLAIN
from dsr_core.tifftags import Tag, from_exif, to_exif, without_thumbnail
from tests.core.made_files import page, png, tiff
from tests.dusty import dusty

CALM = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
SHAPES = st.tuples(st.integers(1, 70), st.integers(1, 70), st.sampled_from([0, 1, 2, 3, 4])).map(
    lambda sides: sides if sides[2] else sides[:2]
)
DTYPES = st.sampled_from(["uint8", "uint16", "uint32", "float32", "float64"])
OPTIONS = st.builds(
    Options,
    sensitivity=st.floats(0, 1),
    polarity=st.sampled_from(["auto", "bright", "dark", "both"]),
    grow=st.integers(0, 5),
    feather=st.floats(0, 5),
)


@st.composite
def pictures(draw):
    """Draw pictures with specks: noise of any type and shape."""
    dtype, shape = np.dtype(draw(DTYPES)), draw(SHAPES)
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    values = rng.random(shape) * 0.5
    values[rng.random(shape[:2]) > 0.99] = 1
    return (values * (np.iinfo(dtype).max if dtype.kind == "u" else draw(st.sampled_from([1, 255])))).astype(
        dtype
    )


@CALM
@given(image=pictures(), options=OPTIONS)
def test_outside_the_mask_nothing_changes(toy_model, image, options):
    result = dsr_core.restore(image, options, model=toy_model, provider="cpu")
    assert result.image.shape == image.shape
    assert result.image.dtype == image.dtype
    assert np.array_equal(result.image[~result.mask], image[~result.mask])
    if image.ndim == 3 and image.shape[2] in (2, 4):
        assert np.array_equal(result.image[..., -1], image[..., -1])


@CALM
@given(image=pictures(), everything=st.booleans())
def test_a_mask_of_nothing_and_one_of_everything(toy_model, image, everything):
    if image.dtype.kind == "f":
        image = np.clip(image, 0, 1)
    prediction = dsr_core.run(dsr_core.predict(image, model=toy_model, provider="cpu"))
    result = dsr_core.compose(prediction, mask=np.full(image.shape[:2], everything))
    assert result.defects == int(everything)
    assert everything or np.array_equal(result.image, image)


def predicted(image, model):
    """Return the repairs of an image, in steps of eight bits, and the probability of damage."""
    prediction = dsr_core.run(dsr_core.predict(image, model=model, provider="cpu"))
    steps = prediction.repaired / full_scale(image.dtype) * 255
    return steps, prediction.probability.astype(int)


SURELY_WITHOUT_GRAIN = 20  # of 255; what is found gets grain, which depends on what lies around
TURNS = {
    "flip": lambda image: image[::-1],
    "mirror": lambda image: image[:, ::-1],
    "quarter": np.rot90,
    "half": lambda image: np.rot90(image, 2),
    "three quarters": lambda image: np.rot90(image, 3),
    "transpose": lambda image: image.swapaxes(0, 1),
}


@CALM
@given(image=pictures(), turn=st.sampled_from(sorted(TURNS)))
def test_a_turned_picture_gets_the_turned_repairs(toy_model, image, turn):
    """Up to one step of eight bits, for sums are made in another order; grain is copied from elsewhere."""
    turned = TURNS[turn]
    repairs, probability = map(turned, predicted(image, toy_model))
    again, once_more = predicted(np.ascontiguousarray(turned(image)), toy_model)
    assert np.abs(once_more - probability).max() <= 1
    plain = probability < SURELY_WITHOUT_GRAIN
    assert np.abs(again - repairs)[plain].max(initial=0) <= 1


@CALM
@given(image=pictures(), tile=st.sampled_from([24, 40, 56]), batch=st.integers(1, 3))
def test_another_grid_of_tiles_gives_the_same(toy_model, monkeypatch, image, tile, batch):
    """Up to one step of eight bits."""
    repairs, probability = predicted(image, toy_model)
    with monkeypatch.context() as patch:
        patch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", batch, tile))
        again, once_more = predicted(image, toy_model)
    assert np.abs(once_more - probability).max() <= 1
    plain = probability < SURELY_WITHOUT_GRAIN
    assert np.abs(again - repairs)[plain].max(initial=0) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_second_pass_changes_less_than_the_first(toy_model, seed):
    rng = np.random.default_rng(seed)
    image = dusty(channels=3, dtype="float32") + rng.normal(0, 0.005, (80, 96, 3)).astype("float32")

    def restored(scan):  # as it is: drawn out, noise is dust to the toy
        steps = dsr_core.predict(scan, model=toy_model, provider="cpu", stretch=PLAIN)
        return dsr_core.compose(dsr_core.run(steps))

    first = restored(image)
    second = restored(first.image)
    change = np.abs(first.image - image).sum()
    assert first.defects == 3
    assert np.abs(second.image - first.image).sum() < change / 10


@CALM
@given(
    image=arrays.arrays(np.uint16, (6, 7, 4)),
    white=st.integers(1, 65535),
    black=st.sampled_from([0, 65536]),
    premultiplied=st.booleans(),
    mask=arrays.arrays(np.bool_, (6, 7)),
)
def test_what_is_opened_is_closed_again(image, white, black, premultiplied, mask):
    coding = Coding(white, black, premultiplied=premultiplied)
    opened = coding.opened(image)
    closed = coding.closed(image, opened, mask)
    assert (opened.dtype, opened.shape) == (image.dtype, image.shape)
    assert np.array_equal(closed[~mask], image[~mask])
    assert np.array_equal(closed[..., 3], image[..., 3])
    assert plain(image).opened(image) is image


VALUES = {
    2: st.binary(min_size=1, max_size=40),
    3: st.binary(min_size=2, max_size=40).map(lambda b: b[: len(b) // 2 * 2]),
}


@CALM
@given(
    tags=st.dictionaries(
        st.integers(60000, 65535),
        st.sampled_from([2, 3]).flatmap(lambda kind: VALUES[kind].map(lambda b: Tag(kind, b))),
    ),
    order=st.sampled_from("<>"),
    compression=st.sampled_from([None, "zlib"]),
)
def test_tags_go_round(tmp_path, tags, order, compression):
    tifffile.imwrite(
        tmp_path / "a.tif", dusty(9, 9), photometric="rgb", byteorder=order, compression=compression
    )
    first = read_picture(tmp_path / "a.tif")
    first.tags.update(tags)
    write_picture(tmp_path / "b.tif", first.pixels, first)
    again = read_picture(tmp_path / "b.tif")
    assert {number: tag for number, tag in again.tags.items() if number >= 60000} == tags
    assert np.array_equal(again.pixels, first.pixels)


def seeds():
    pixels = dusty(20, 24, dtype="uint8")
    yield tiff(page(dusty(20, 24)), page(dusty(20, 24, channels=0)))
    yield tiff(page(dusty(5, 6), below=[page(dusty(20, 24))]), order=">")
    yield png(pixels, (b"gAMA", struct.pack(">I", 45455)), (b"pHYs", struct.pack(">IIB", 9, 9, 1)))
    yield cv2.imencode(".jpg", pixels)[1].tobytes()
    yield b"P6 24 20 255\n" + pixels.tobytes()
    exif = Image.Exif()
    exif[271] = "Scanner"
    for form, extra in (
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("JPEG2000", {}),
        ("JPEG", {}),
        ("PNG", {}),
    ):
        out = BytesIO()
        Image.fromarray(pixels).save(
            out, form, **extra, **({"exif": exif} if form in ("WEBP", "JPEG", "PNG") else {})
        )
        yield out.getvalue()
    for compression in ("lzw", "jpeg", "zlib"):
        out = BytesIO()
        tifffile.imwrite(out, pixels, photometric="rgb", compression=compression, tile=(16, 16))
        yield out.getvalue()


SEEDS = list(seeds())


@st.composite
def damaged(draw, whole):
    """Draw a file with bytes changed, cut or added."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data) - 1, draw(st.sampled_from([40, 400, 100_000])))))
        kind = draw(st.sampled_from(["set", "set", "cut", "add"]))
        if kind == "set":
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.sampled_from([1, 2, 50, 100_000]))]
        else:
            data[at:at] = draw(st.binary(min_size=1, max_size=9))
        if not data:
            break
    return bytes(data)


@settings(CALM, max_examples=1500)
@given(data=damaged(st.sampled_from(SEEDS)))
def test_a_damaged_file_is_read_or_refused_with_a_sentence(data):
    try:
        picture = read_picture(data)
    except DsrError as error:
        said = str(error)
    else:
        assert picture.pixels.ndim in (2, 3)
        return
    assert said.endswith(".")
    assert "\n" not in said


@settings(CALM, max_examples=1000)
@given(
    block=damaged(
        st.just(to_exif({271: Tag(2, b"Scanner\0"), 34665: Tag(4, below={33434: Tag(5, bytes(8))})}))
    )
)
def test_a_damaged_exif_block_is_no_error(block):
    bad = []
    from_exif(block, bad)
    assert len(without_thumbnail(block)) <= len(block)


@settings(CALM, max_examples=500)
@given(message=damaged(st.just(MAGIC + struct.pack("<IQ", 13, 3) + b'{"type": "x"}' + b"abc")))
def test_a_damaged_message_is_a_sentence(message):
    with contextlib.suppress(PlugInError, EOFError):
        read_header(BytesIO(message))


@pytest.mark.parametrize("data", SEEDS, ids=range(len(SEEDS)))
def test_the_seeds_are_good(data):
    assert read_picture(data).pixels.shape[:2] == (20, 24)


@pytest.mark.parametrize(
    ("dtype", "top", "white"), [(np.int16, 4000, 4095), (np.int16, 20_000, 32767), (np.int32, 60_000, 65535)]
)
def test_signed_numbers_with_a_coding_come_back_in_their_own_type(toy_model, dtype, top, white):
    image = (dusty(96, 112, channels=0, dtype="float64") * top).astype(dtype)
    image[0, 0], image[1, 1] = -5, top
    coding, note = guess(image)
    assert coding.white == white
    assert str(white) in note
    result = dsr_core.restore(image, model=toy_model, provider="cpu", coding=coding)
    assert result.image.dtype == dtype
    assert result.defects > 0
    assert np.array_equal(result.image[~result.mask], image[~result.mask])
    assert not np.array_equal(result.image, image)
    with pytest.raises(DsrError, match=np.dtype(dtype).name):
        dsr_core.restore(image, model=toy_model, provider="cpu")
