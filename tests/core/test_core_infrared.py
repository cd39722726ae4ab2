import cv2
import numpy as np
import pytest

import dsr_core
from dsr_core import DsrError, Options
from dsr_core.alignment import Fit, find_shift
from dsr_core.bands import around
from dsr_core.dyes import brightness_of, by_value, logarithm
from dsr_core.infrared import SILVER as SILVER_NOTE
from dsr_core.infrared import find_infrared, register
from dsr_core.pixels import full_scale
from dsr_core.prediction import Prediction
from dsr_core.robust import fit_most, quantile
from tests.infrared_film import LEAKY, SILVER, Film, film

MOST = 0.85  # of the specks; some lie on the edges of letters, where they are hardly to be told from halos
NEAR = np.ones((13, 13), np.uint8)  # infrared is less sharp than the picture


def found(scan: Film, **changes):
    """Return what infrared says about a picture in which the network saw nothing."""
    nothing = np.zeros(scan.dust.shape, np.uint8)
    prediction = Prediction(scan.image, scan.image.copy(), nothing, None, "cpu")
    return find_infrared(prediction, changes.get("infrared", scan.infrared))


def share_of_specks(dust, probability):
    count, labels = cv2.connectedComponents(dust.astype(np.uint8))
    return len(set(labels[probability >= 128]) - {0}) / (count - 1)


def false_pixels(dust, probability):
    away = cv2.dilate(dust.astype(np.uint8), NEAR) == 0
    return int((probability[away] >= 128).sum())


def log(part):
    return np.log(part.astype(np.float32) / 65535 + 0.02)


@pytest.mark.parametrize(
    ("shift", "scale"), [((0, 0), 0.0), ((3.4, -2.3), 0.0), ((0.5, 0.5), 0.0), ((2.0, 5.3), 0.003)]
)
def test_shift_and_scale_are_found_to_a_fifth_of_a_pixel(shift, scale):
    scan = film(shift=shift, scale=scale, specks=150, shape=(600, 800))
    fit = find_shift(
        lambda part: log(scan.image[part]).mean(axis=2),
        lambda part: log(scan.infrared[part]),
        scan.dust.shape,
    )
    assert fit.blocks >= 3
    corners = np.array([[x, y, 1] for x in (0, 800) for y in (0, 600)])
    true = corners[:, :2] * (1 + scale) + shift
    assert np.abs(corners @ fit.matrix.T - true).max() < 0.2


def test_nothing_in_common_is_not_aligned():
    fit = find_shift(
        lambda part: log(film(seed=1).image[part]).mean(axis=2),
        lambda part: log(film(seed=2, leak=(0, 0, 0)).infrared[part]),
        (400, 480),
    )
    assert fit.blocks == 0
    assert np.array_equal(fit.matrix, np.eye(2, 3))


@pytest.mark.parametrize("leak", [(0.0, 0.0, 0.0), (0.12, 0.03, 0.01), LEAKY, (-0.2, -0.05, 0.0)])
def test_dust_is_found_and_the_dyes_are_not_whatever_they_leak(leak):
    scan = film(leak=leak)
    probability, note = found(scan)
    assert share_of_specks(scan.dust, probability) > MOST
    assert false_pixels(scan.dust, probability) < 20  # one in ten thousand: noise in the black of a letter
    assert note.startswith("The infrared channel is used")


@pytest.mark.parametrize(
    ("tones", "dirt", "leak"), [((0.5, 0.9), 0.0, LEAKY), ((0.05, 0.4), 1.0, (-0.05, -0.02, 0.0))]
)
def test_dirt_beyond_all_tones_of_the_film_is_not_explained_by_its_dyes(tones, dirt, leak):
    scan = film(leak=leak, tones=tones, dirt=dirt, specks=250, lettering=False)
    probability, note = found(scan)
    assert note.startswith("The infrared channel is used")  # a fit that begins with the dirt sees silver
    assert share_of_specks(scan.dust, probability) > 0.35  # 0.40 and 0.65; the network sees such dirt, too
    assert false_pixels(scan.dust, probability) == 0


def test_a_clean_film_stays_clean():
    scan = film(leak=LEAKY, specks=0)
    assert (found(scan)[0] >= 128).sum() == 0


def test_the_picture_itself_tells_what_the_dyes_darken_wherever_the_network_found_nothing():
    scan = film(leak=LEAKY)
    nothing = np.zeros(scan.dust.shape, np.uint8)
    smoother = cv2.GaussianBlur(scan.image, (0, 0), 1.0)  # as networks are
    prediction = Prediction(scan.image, smoother, nothing, None, "cpu")
    assert np.array_equal(find_infrared(prediction, scan.infrared)[0], found(scan)[0])


def test_a_single_speck_is_believed():
    scan = film(specks=1)
    assert share_of_specks(scan.dust, found(scan)[0]) == 1


def test_a_shifted_scan_is_laid_over_the_picture():
    scan = film(shift=(4.0, -3.0), specks=80)
    probability, note = found(scan)
    assert share_of_specks(scan.dust, probability) > MOST
    assert false_pixels(scan.dust, probability) == 0
    assert "aligned by up to 5" in note


def test_where_a_scan_lies_can_be_told_beforehand():
    scan = film(shift=(4.0, -3.0), specks=80)
    nothing = np.zeros(scan.dust.shape, np.uint8)
    prediction = Prediction(scan.image, scan.image.copy(), nothing, None, "cpu")
    probability, note = find_infrared(prediction, scan.infrared, register(scan.image, scan.infrared))
    assert note == found(scan)[1]
    assert np.array_equal(probability, found(scan)[0])
    assert "too few marks" in find_infrared(prediction, scan.infrared, Fit(np.eye(2, 3), 0))[1]


def test_bands_and_strips_leave_no_trace(monkeypatch):
    scan = film(shape=(1100, 480), specks=80)
    whole = found(scan)[0]
    for module in ("dirt", "infrared"):
        monkeypatch.setattr(f"dsr_core.{module}.STRIP", 7)
    assert np.array_equal(found(scan)[0], whole)
    monkeypatch.setattr("dsr_core.bands._THREADS", 1)
    monkeypatch.setattr("dsr_core.bands.BAND", 2000)  # one band
    assert np.array_equal(found(scan)[0], whole)


def test_whatever_rows_surround_a_band_are_told():
    assert around(slice(20, 30), 5, 100) == (slice(15, 35), slice(5, 15))
    assert around(slice(0, 30), 5, 32) == (slice(0, 32), slice(0, 30))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_a_curve_from_a_table_is_the_curve(dtype):
    rng = np.random.default_rng(0)
    samples = (rng.random((9, 11, 3)) * full_scale(np.dtype(dtype))).astype(dtype)
    white = full_scale(samples.dtype)
    logs = by_value(lambda values: np.stack([logarithm(values, white)] * 2, axis=-1), samples.dtype)
    for channel in range(3):
        plane = samples[:, :, channel]
        assert logs(plane)[:, :, 1] == pytest.approx(logarithm(plane, white), abs=1e-6)  # rounding
    mean = brightness_of(samples)((slice(1, 4), slice(2, 9)))
    assert mean == pytest.approx(logarithm(samples, white).mean(axis=2)[1:4, 2:9], abs=1e-5)


def test_halos_at_lettering_are_no_dust():
    scan = film(halo=0.1)
    probability, _ = found(scan)
    assert false_pixels(scan.dust, probability) == 0
    assert share_of_specks(scan.dust, probability) > MOST


@pytest.mark.parametrize("specks", [0, 40])
def test_silver_leaves_the_picture_alone_and_says_so(specks):
    probability, note = found(film(leak=SILVER, specks=specks))
    assert not probability.any()
    assert note == SILVER_NOTE


def test_the_holder_around_the_film_is_no_dust():
    scan = film()
    image, infrared, dust = scan.image.copy(), scan.infrared.copy(), scan.dust.copy()
    for part in (image, infrared, dust):
        part[:, :50] = part[:70] = 0
    probability, _ = found(Film(image, scan.clean, infrared, dust))
    assert false_pixels(dust, probability) == 0
    assert share_of_specks(dust, probability) > MOST


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_any_type_of_infrared_serves(dtype):
    scan = film()
    values = scan.infrared / 65535
    infrared = (values if dtype == "float32" else values * np.iinfo(dtype).max).astype(dtype)
    probability, _ = found(scan, infrared=infrared)
    assert share_of_specks(scan.dust, probability) > MOST
    assert false_pixels(scan.dust, probability) == 0


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_outside_the_mask_every_bit_stays_and_the_fourth_channel_everywhere(toy_model, channels):
    scan = film()
    image = np.concatenate([scan.image, scan.infrared[:, :, None]], axis=2)[:, :, :channels]
    kept = scan.infrared.copy()
    result = dsr_core.restore(image, model=toy_model, provider="cpu", infrared=scan.infrared)
    assert np.array_equal(scan.infrared, kept)
    assert result.image[~result.mask].tobytes() == image[~result.mask].tobytes()
    if channels == 4:
        assert np.array_equal(result.image[:, :, 3], scan.infrared)
    assert result.sources["infrared"] > 0


def test_what_the_network_misses_is_found_and_filled_by_infrared(toy_model):
    scan = film(lettering=False)  # dust of a third of the light: less than the toy takes for damage
    options = Options(polarity="both")
    plain = dsr_core.restore(scan.image, options, model=toy_model, provider="cpu")
    both = dsr_core.restore(scan.image, options, model=toy_model, provider="cpu", infrared=scan.infrared)
    assert share_of_specks(scan.dust, plain.mask * np.uint8(255)) < 0.5
    assert share_of_specks(scan.dust, both.mask * np.uint8(255)) > 0.95

    def error(image):
        return np.abs(image[scan.dust].astype(float) - scan.clean[scan.dust]).mean()

    assert error(both.image) < 0.5 * error(plain.image)
    assert any("infrared" in note for note in both.notes)


@pytest.mark.parametrize(
    ("infrared", "said"),
    [
        (np.zeros((3, 5), np.uint8), "5 x 3 pixels, the picture 480 x 400"),
        (np.zeros((400, 480, 3), np.uint8), "must be grey"),
        (np.zeros((400, 480), np.int16), "numbers like the picture's"),
        ([[1, 2]], "numbers like the picture's"),
    ],
)
def test_what_is_no_infrared_is_refused_before_the_network_runs(infrared, said):
    with pytest.raises(DsrError, match=said):
        dsr_core.restore(film().image, model="no such model", infrared=infrared)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (33, 20), (200, 64)])
@pytest.mark.parametrize("channels", [0, 1, 3])
def test_infrared_of_any_size_gives_a_map_of_that_size(shape, channels):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (*shape, channels)[: 2 + (channels > 0)], np.uint8)
    repaired = image.reshape(*shape, -1)
    prediction = Prediction(image, repaired, np.zeros(shape, np.uint8), None, "cpu")
    for infrared in (rng.integers(0, 255, shape, np.uint8), np.zeros(shape, np.uint8)):
        probability, note = find_infrared(prediction, infrared)
        assert probability.shape == shape
        assert note


def test_a_fit_follows_most_values_and_not_the_others():
    rng = np.random.default_rng(0)
    matrix = np.stack([rng.standard_normal(2000), np.ones(2000)], axis=1)
    seen = matrix @ [0.3, -0.1] + 0.01 * rng.standard_normal(2000)
    seen[:500] -= 1
    solved, weight, spread = fit_most(matrix, seen, [np.ones(2000)])
    assert solved == pytest.approx([0.3, -0.1], abs=0.002)
    assert not weight[:500].any()
    assert spread == pytest.approx(0.01, rel=0.5)


def test_a_fit_goes_on_from_the_first_choice_that_leaves_the_least():
    rng = np.random.default_rng(0)
    matrix = np.stack([rng.standard_normal(130_000), np.ones(130_000)], axis=1)  # first thinned out
    seen = matrix @ [0.3, -0.1] + 0.01 * rng.standard_normal(130_000)
    seen[:60_000] -= 1
    wrong, right = np.zeros((2, 130_000))
    wrong[:60_000], right[60_000:] = 1, 1
    for starts in ([wrong, right], [right, wrong]):
        solved, weight, _ = fit_most(matrix, seen, starts)
        assert solved == pytest.approx([0.3, -0.1], abs=0.002)
        assert not weight[:60_000].any()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("share", [0, 0.5, 0.95, 1])
def test_a_quantile_is_that_of_numpy(size, share):
    values = np.random.default_rng(size).standard_normal(size)
    assert quantile(values, share) == pytest.approx(np.quantile(values, share), rel=1e-12)
