import threading
import tracemalloc
import weakref
from types import SimpleNamespace

import cv2
import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

import dsr_core
from dsr_core import DsrError, Options, Prediction, engine, filling, sweep
from dsr_core.models import find_model
from dsr_core.pixels import DTYPES
from dsr_core.stretch import PLAIN
from tests.dusty import SPECKS, dusty
from tests.toy_model import write_toy_model

# One tile or many: the toy's 9x9 mean lies within its margin, so that only the order of sums differs.
TOLERANCE = 2e-6
REAL_ENGINE = engine.Engine


def predicted(image, model, **more):
    return dsr_core.run(dsr_core.predict(image, model=model, provider="cpu", **more))


def restored(image, model, **options):
    return dsr_core.restore(image, Options(**options), model=model, provider="cpu")


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 2, 40))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
@pytest.mark.usefixtures("small_tiles")
def test_outside_the_mask_every_bit_stays(toy_model, dtype, channels):
    image = dusty(channels=channels, dtype=dtype)
    before = image.copy()
    result = restored(image, toy_model)
    assert np.array_equal(image, before)
    assert result.image.shape == image.shape
    assert result.image.dtype == image.dtype
    assert result.mask.shape == image.shape[:2]
    assert result.image[~result.mask].tobytes() == image[~result.mask].tobytes()
    if channels in (2, 4):
        assert result.image[..., -1].tobytes() == image[..., -1].tobytes()
    for row, column, side in SPECKS:
        middle = (row + side // 2, column + side // 2)
        assert result.mask[middle]
        assert (result.image[middle] != image[middle]).any()
    assert result.defects == len(SPECKS) == result.labels.max()
    assert np.array_equal(result.labels > 0, result.mask)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 300), (3, 3), (17, 5), (41, 83)])
@pytest.mark.parametrize("channels", [0, 4])
@pytest.mark.usefixtures("small_tiles")
def test_every_size_is_taken(toy_model, size, channels):
    image = np.full((*size, channels) if channels else size, 77, np.uint8)
    result = restored(image, toy_model)
    assert np.array_equal(result.image, image)
    assert result.defects == 0


@pytest.mark.parametrize("channels", [0, 3])
def test_tiled_equals_whole(toy_model, channels, monkeypatch):
    image = dusty(150, 170, channels, "float32") * np.float32(0.9)
    whole = predicted(image, toy_model)
    monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 3, 48))
    tiled = predicted(image, toy_model)
    assert np.abs(tiled.repaired - whole.repaired).max() <= TOLERANCE
    assert np.abs(tiled.probability.astype(int) - whole.probability).max() <= 1  # 1/255 by rounding
    assert np.array_equal(
        dsr_core.compose(tiled).mask,
        dsr_core.compose(whole).mask,
    )


def test_floats_above_white_pass_outside_the_mask(toy_model):
    image = dusty(dtype="float32")
    image[60:75, 20:60] = 1  # one plateau, so that its inside is no damage for the toy
    image[64:70, 30:50] = 3.5
    result = restored(image, toy_model)
    assert not result.mask[66:68, 36:44].any()
    assert (result.image[66:68, 36:44] == 3.5).all()


def test_linear_light_is_restored_in_linear_light(toy_model):
    light = dusty(dtype="float32") ** np.float32(2.2)
    prediction = predicted(light, toy_model, linear=True)
    calm = (slice(60, 78), slice(5, 50))  # without specks the mean of smooth light is that light
    assert np.abs(prediction.repaired[calm] - light[calm]).max() < 0.01
    assert dsr_core.compose(prediction).defects == len(SPECKS)


def test_repairs_have_the_grain_of_the_film(toy_model):
    film = np.random.default_rng(0).normal(0.5, 0.01, (120, 160, 3)).astype(np.float32)
    specks = np.zeros(film.shape[:2], np.bool_)
    specks[16:112:24, 16:150:24] = True
    film[specks] = 1
    # the toy goes by differences: it must see the film as it is
    prediction = predicted(film, toy_model, stretch=PLAIN)
    marked = np.roll(specks, (12, 12), axis=(0, 1))
    marked_too = dsr_core.run(dsr_core.fill(prediction, marked))
    assert prediction.repaired[specks].std() > 0.003  # the toy's mean alone has 0.001
    assert marked_too.repaired[marked].std() > 0.003


@pytest.mark.usefixtures("small_tiles")
def test_progress_counts_tiles_and_a_closed_run_ends(toy_model):
    steps = dsr_core.predict(dusty(), model=toy_model, provider="cpu")
    first = next(steps)
    assert first.done == 0
    assert next(steps).done == 2  # a batch of two
    steps.close()
    seen = []
    dsr_core.run(dsr_core.predict(dusty(), model=toy_model, provider="cpu"), seen.append)
    assert [step.done for step in seen] == [*range(0, first.total, 2), first.total]
    assert {step.total for step in seen} == {first.total}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.usefixtures("small_tiles")
def test_an_image_is_read_no_further_than_it_has_come(toy_model, dtype):
    whole = dusty(dtype=dtype)
    image, rest = np.zeros_like(whole), threading.Event()

    def wait_for(rows):
        assert 0 < rows <= len(image)
        if rows == len(image):
            assert rest.wait(60)
        image[:rows] = whole[:rows]

    if dtype == "float32":
        rest.set()  # floats are all looked at first, for NaN

    # to measure the range of more than 8 bits, all would have to be there
    stretch = None if dtype == "uint8" else PLAIN
    steps = dsr_core.predict(image, model=toy_model, provider="cpu", wait_for=wait_for, stretch=stretch)
    next(steps), next(steps)
    rest.set()
    prediction = dsr_core.run(steps)
    at_once = predicted(whole, toy_model, stretch=PLAIN)
    assert np.array_equal(prediction.probability, at_once.probability)
    assert np.array_equal(prediction.repaired, at_once.repaired)


def test_an_image_that_is_not_contiguous_is_taken(toy_model):
    image = dusty(channels=3)
    turned = image[:, ::-1].transpose(1, 0, 2)
    result = restored(turned, toy_model)
    assert np.array_equal(result.image[~result.mask], turned[~result.mask])


def test_memory_does_not_grow_beyond_what_the_result_needs(toy_model, monkeypatch):
    monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 1, 128))
    image = dusty(1000, 1500)
    restored(dusty(), toy_model)  # what is loaded once does not count
    tracemalloc.start()
    restored(image, toy_model)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside the image of 6 bytes a pixel: repaired and result 12, probability, candidates, mask 3, labels 8,
    # distance 4. Nothing that holds the image as floats (12 more) fits below this bound.
    assert peak / (1000 * 1500) < 28


class Greedy:
    """A session that holds no more than ``limit`` pixels at a time on each provider."""

    def __init__(self, session, limit, error):
        self.session, self.limit, self.error = session, limit, error

    def run(self, names, inputs, options=None):
        if inputs["image"].size // 3 > self.limit:
            raise self.error
        return self.session.run(names, inputs, options)


@pytest.fixture
def limited(monkeypatch):
    """Return a function that limits what providers can hold, and makes CUDA seem to load."""

    def limit(cuda, cpu, error):
        class Limited(engine.Engine):
            def __init__(self, model, provider, size):
                super().__init__(model, "cpu", size)
                self.provider = provider
                self._session = Greedy(self._session, {"cuda": cuda, "cpu": cpu}[provider], error)

        engine.forget_engine()
        monkeypatch.setattr(engine, "Engine", Limited)
        monkeypatch.setattr(engine, "cuda_fault", lambda: "")
        monkeypatch.setattr(sweep, "SMALLEST_TILE", 32)
        monkeypatch.setitem(sweep.LOADS, "cuda", sweep.Load("cuda", 4, 64))
        monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 1, 64))

    yield limit
    engine.forget_engine()


def test_out_of_memory_goes_to_smaller_batches_then_tiles_then_the_cpu(toy_model, limited):
    expected = restored(dusty(), toy_model)
    limited(cuda=100, cpu=64 * 64, error=MemoryError())
    seen = []
    result = dsr_core.run(dsr_core.restore_steps(dusty(), model=toy_model), seen.append)
    notes = [step.note for step in seen if step.note]
    assert [note.split("going on with ")[1] for note in notes] == [
        "2 tiles of 64 pixels at a time on CUDA",
        "1 tile of 64 pixels at a time on CUDA",
        "1 tile of 32 pixels at a time on CUDA",
        "1 tile of 64 pixels at a time on the CPU",
    ]
    assert result.notes == tuple(notes)
    assert result.provider == "cpu"
    assert np.array_equal(result.image, expected.image)


def test_who_asked_for_cuda_gets_an_error_instead_of_the_cpu(toy_model, limited):
    limited(cuda=100, cpu=64 * 64, error=MemoryError())
    with pytest.raises(DsrError, match="Not even 1 tile of 32 pixels at a time on CUDA"):
        dsr_core.restore(dusty(), model=toy_model, provider="cuda")


def test_no_two_engines_are_held_at_once(toy_model, limited, monkeypatch):
    limited(cuda=100, cpu=64 * 64, error=MemoryError)  # an instance would keep the frames that it passed
    alive = weakref.WeakSet()
    make = engine.Engine

    def made(*key):
        assert not alive
        alive.add(new := make(*key))
        return new

    monkeypatch.setattr(engine, "Engine", made)
    assert dsr_core.restore(dusty(), model=toy_model).provider == "cpu"


def test_a_model_that_does_not_fit_goes_to_the_cpu(toy_model, limited, monkeypatch):
    limited(cuda=0, cpu=64 * 64, error=MemoryError())
    real = onnxruntime.InferenceSession

    def session(path, options=None, providers=()):
        if "CUDA" in str(providers):
            raise RuntimeException("CUDA failure 2: out of memory")
        return real(path, options, providers=providers)

    monkeypatch.setattr(engine, "Engine", REAL_ENGINE)
    monkeypatch.setattr(engine.ort, "InferenceSession", session)
    result = dsr_core.restore(dusty(), model=toy_model)
    assert result.provider == "cpu"
    assert result.notes[-1].endswith("going on with 1 tile of 64 pixels at a time on the CPU")


def test_a_lack_of_memory_for_the_samples_counts_too(toy_model, monkeypatch):
    expected = restored(dusty(), toy_model)
    monkeypatch.setattr(sweep, "SMALLEST_TILE", 32)
    monkeypatch.setitem(sweep.LOADS, "cpu", sweep.Load("cpu", 1, 64))
    real = sweep.pixels.to_network

    def limited_to(samples, planes, **kind):
        if samples.shape[0] > 32:
            raise MemoryError
        real(samples, planes, **kind)

    monkeypatch.setattr(sweep, "pixels", SimpleNamespace(to_network=limited_to))
    result = restored(dusty(), toy_model)
    assert np.array_equal(result.image, expected.image)
    assert len(result.notes) == 1


def test_onnxruntimes_own_word_for_it_is_understood(toy_model, limited):
    error = RuntimeException(
        "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 5"
    )
    limited(cuda=64 * 64, cpu=0, error=error)
    result = dsr_core.restore(dusty(), model=toy_model)
    assert result.provider == "cuda"
    assert len(result.notes) == 2


def test_another_fault_of_onnxruntime_is_no_lack_of_memory(toy_model, limited):
    limited(cuda=0, cpu=0, error=RuntimeException("cuDNN is out of order"))
    with pytest.raises(DsrError, match="out of order"):
        dsr_core.restore(dusty(), model=toy_model)


def test_cuda_that_cannot_be_loaded_is_told(toy_model, monkeypatch):
    monkeypatch.setattr(engine, "cuda_fault", lambda: "libcudnn.so.9 is missing")
    result = dsr_core.restore(dusty(), model=toy_model)
    assert result.provider == "cpu"
    assert result.notes == ("CUDA could not be loaded (libcudnn.so.9 is missing), running on the CPU",)
    with pytest.raises(DsrError, match=r"libcudnn\.so\.9 is missing"):
        dsr_core.restore(dusty(), model=toy_model, provider="cuda")
    with pytest.raises(DsrError, match="'tpu'"):
        dsr_core.restore(dusty(), model=toy_model, provider="tpu")


def test_a_session_is_kept_for_the_same_model_provider_and_size_only(toy_model, tmp_path):
    info = find_model(toy_model)
    first = engine.load_engine(info, "cpu", (32, 32))
    assert engine.load_engine(find_model(toy_model), "cpu", (32, 32)) is first
    assert engine.load_engine(info, "cpu", (32, 48)) is not first
    other = find_model(write_toy_model(tmp_path / "other.onnx"))
    assert engine.load_engine(other, "cpu", (32, 48)) is not first


@pytest.fixture
def no_network(monkeypatch):
    """Return a function after whose call no network runs any more."""

    def forbid():
        def load_engine(*_):
            raise AssertionError("The network ran.")

        monkeypatch.setattr(engine, "load_engine", load_engine)

    return forbid


def test_fill_repairs_what_a_person_marked_and_nothing_else(toy_model, no_network):
    image = dusty()
    prediction = predicted(image, toy_model)
    no_network()
    mask = np.zeros(image.shape[:2], bool)
    mask[30:34, 50:56] = mask[70:73, 5:9] = True  # sound, by the network's lights
    seen = []
    filled = dsr_core.run(dsr_core.fill(prediction, mask), seen.append)
    changed = (filled.repaired != prediction.repaired).any(axis=2)
    assert changed.any()
    assert not changed[~mask].any()
    assert filled.image is image
    assert [(step.done, step.total) for step in seen] == [(0, 2), (1, 2), (2, 2)]
    result = dsr_core.compose(filled, mask=mask)
    assert np.array_equal(result.mask, mask)
    assert np.array_equal(result.image[~mask], image[~mask])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [0, 3, 4])
@pytest.mark.parametrize("linear", [False, True])
def test_marks_are_filled_as_in_one_pass_over_the_picture(
    toy_model, no_network, monkeypatch, dtype, channels, linear
):
    monkeypatch.setattr(filling, "add_grain", lambda *_, **__: None)
    smooth = dusty(160, 200, 3, "float32")
    for row, column, side in SPECKS:
        smooth[row : row + side, column : column + side] = 0.4
    image = smooth[:, :, 0] if channels == 0 else smooth
    if channels == 4:
        image = np.dstack([image, np.linspace(0, 1, image[:, :, 0].size).reshape(160, 200)])
    white = 1 if dtype == "float32" else np.iinfo(dtype).max
    image = (image * white).astype(dtype)
    prediction = predicted(image, toy_model, linear=linear, stretch=PLAIN)
    no_network()
    mask = np.zeros((160, 200), bool)
    mask[:7, 60:75] = mask[150:, 190:] = mask[80:84, :5] = True  # at the picture's borders
    mask[60:64, 60:64] = True
    mask[100:140, 100:135] = True  # wider than any damage that the network repairs
    filled = dsr_core.run(dsr_core.fill(prediction, mask)).repaired.astype(np.float64) / white
    samples = image.reshape(160, 200, -1)[:, :, : filled.shape[2]].astype(np.float64) / white
    for channel in range(filled.shape[2]):
        plane = (samples[:, :, channel] * 65535).astype(np.float32)
        wanted = cv2.inpaint(plane, mask.view(np.uint8), 5, cv2.INPAINT_TELEA) / 65535
        fine = 65535 if int(cv2.__version__.split(".")[0]) >= 5 else 4095  # older ones round otherwise
        step = 1 / (255 if dtype == "uint8" else fine)
        assert np.abs(filled[:, :, channel] - wanted)[mask].max() <= step


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("light", [0.0, 0.5, 1.0])
def test_marks_in_an_even_picture_keep_its_tone(toy_model, dtype, light):
    white = np.iinfo(dtype).max if dtype.startswith("u") else 1
    image = np.full((120, 120), light * white, np.float64).astype(dtype)
    prediction = predicted(image, toy_model)
    mask = np.zeros(image.shape, bool)
    mask[30:90, 30:90] = True
    filled = dsr_core.run(dsr_core.fill(prediction, mask)).repaired[:, :, 0]
    assert np.abs(filled.astype(np.float64) - image).max() <= white / (255 if dtype == "uint8" else 1000)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 3), (17, 5)])
@pytest.mark.parametrize("channels", [0, 3])
def test_fill_takes_every_size_and_a_mask_of_everything(toy_model, size, channels):
    image = np.full((*size, channels) if channels else size, 77, np.uint8)
    prediction = predicted(image, toy_model)
    mask = np.zeros(size, np.bool_)
    mask[0, 0] = True
    for each in (mask, np.ones(size, np.bool_)):
        filled = dsr_core.run(dsr_core.fill(prediction, each))
        assert filled.repaired.shape == prediction.repaired.shape
        if not each.all():
            assert (filled.repaired == 77).all(), "filled from pixels that are not there"


def test_a_mark_that_holds_a_faint_square_leaves_no_trace_of_it(toy_model):
    image = np.full((60, 60, 3), 20_000, np.uint16)
    image[20:40, 20:40] = 22_000  # too faint for the toy
    prediction = predicted(image, toy_model, stretch=PLAIN)
    mask = np.zeros((60, 60), bool)
    mask[18:42, 18:42] = True
    filled = dsr_core.run(dsr_core.fill(prediction, mask))
    centre = filled.repaired[27:33, 27:33].astype(int)
    assert np.abs(centre - 20_000).max() < 400  # 2 % of white's third: no trace of the square


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 65535), (np.float32, 1), (np.float64, 1)])
def test_a_mark_a_little_wider_than_what_was_found_leaves_no_ring(toy_model, dtype, white):
    image = np.full((60, 60, 3), 20_000 / 65535 * white, dtype)
    image[28:32, 28:32] = 60_000 / 65535 * white
    prediction = predicted(image, toy_model)
    mask = np.zeros((60, 60), bool)
    mask[22:38, 22:38] = True
    seen = []
    filled = dsr_core.run(dsr_core.fill(prediction, mask), seen.append)
    assert seen[-1].total == 1
    around = mask.copy()
    around[25:35, 25:35] = False
    repaired = filled.repaired[around].astype(float) * 65535 / white
    assert np.abs(repaired - 20_000).max() < 1000  # painted over, 23,000


@pytest.mark.parametrize(("crowd", "at_once"), [(8, 64), (2, 3)])
def test_places_filled_side_by_side_are_as_one_after_the_other(monkeypatch, crowd, at_once):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 65536, (300, 340, 3), np.uint16)
    mask = np.zeros(image.shape[:2], bool)
    for row, column in rng.integers(0, 300, (60, 2)):  # some apart, some beside each other
        mask[row : row + 4, column : column + 3] = True
    prediction = Prediction(image, image // 2, np.zeros(mask.shape, np.uint8), None, "cpu")
    monkeypatch.setattr(filling, "_CROWD", crowd)
    monkeypatch.setattr(filling, "_AT_ONCE", at_once)
    seen = []
    filled = dsr_core.run(dsr_core.fill(prediction, mask), seen.append)
    assert [step.done for step in seen] == list(range(seen[0].total + 1))
    monkeypatch.setattr(filling, "_batches", lambda parts, _: ([[number]] for number in range(len(parts))))
    assert np.array_equal(filled.repaired, dsr_core.run(dsr_core.fill(prediction, mask)).repaired)


def test_fill_with_nothing_new_runs_nothing(toy_model):
    prediction = predicted(dusty(), toy_model)
    seen = []
    filled = dsr_core.run(dsr_core.fill(prediction, dsr_core.compose(prediction).mask), seen.append)
    assert seen[0].total == 0
    assert np.array_equal(filled.repaired, prediction.repaired)
