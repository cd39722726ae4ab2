import numpy as np
import pytest

from dsr_core import DsrError, Options, Prediction, compose, composite, detect, engine, predict, run
from dsr_core.pixels import DTYPES
from tests.dusty import dusty, encoded


def made_up(probability, image=None, repaired=None):
    """Return a prediction as if a network had found ``probability`` (0 to 1)."""
    shape = probability.shape
    image = np.full((*shape, 3), 100, np.uint8) if image is None else image
    repaired = np.full((*shape, 3), 50, np.uint8) if repaired is None else repaired
    return Prediction(image, repaired, np.rint(probability * 255).astype(np.uint8), None, "cpu")


def found(prediction, **options):
    """Return the mask without growth."""
    return compose(prediction, Options(grow=0, **options)).mask


def test_compose_never_runs_the_network(toy_model, monkeypatch):
    prediction = run(predict(dusty(), model=toy_model, provider="cpu"))
    monkeypatch.delattr(engine.Engine, "__call__")
    for sensitivity in (0, 0.3, 1):
        compose(prediction, Options(sensitivity=sensitivity))


def test_a_faint_tail_is_kept_with_its_strong_head_but_not_alone():
    probability = np.zeros((20, 40))
    probability[5, 5:30] = 0.15  # a hair that fades ...
    probability[5, 5:8] = 0.9  # ... from a clear end
    probability[15, 5:30] = 0.15
    mask = found(made_up(probability), sensitivity=0.5)
    assert mask[5, 5:30].all()
    assert mask.sum() == 25


@pytest.mark.parametrize(("sensitivity", "count"), [(0, 0), (0.4, 1), (0.5, 2), (0.9, 3), (1, 4)])
def test_more_sensitivity_finds_more(sensitivity, count):
    probability = np.zeros((20, 40))
    probability[10, [5, 15, 25, 35]] = 0.75, 0.55, 0.15, 0.04
    assert found(made_up(probability), sensitivity=sensitivity).sum() == count


def test_size_is_the_longer_side_of_the_box():
    probability = np.zeros((30, 30))
    probability[2:4, 2:12] = 1  # 10 wide
    probability[10:13, 10:13] = 1  # 3
    probability[20, 20] = 1
    prediction = made_up(probability)
    assert found(prediction, min_size=3).sum() == 29
    assert found(prediction, max_size=3).sum() == 10
    assert found(prediction, min_size=2, max_size=9).sum() == 9


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_polarity(dtype, full):
    repaired = np.full((30, 60, 3), full // 2 or 0.5, dtype)
    image = repaired.copy()
    probability = np.zeros((30, 60))
    image[5:15, 5:25] = full  # large, bright, clear
    probability[5:15, 5:25] = 1
    image[20:22, 30:32] = 0  # small, dark, faint
    probability[20:22, 30:32] = 0.6
    image[20:22, 40:42] = 0  # small, dark, clear
    probability[20:22, 40:42] = 1
    prediction = made_up(probability, image, repaired)
    assert found(prediction, polarity="both").sum() == 208
    assert found(prediction, polarity="bright").sum() == 200
    assert found(prediction, polarity="dark").sum() == 8
    assert found(prediction, polarity="auto").sum() == 204  # the faint one of the rare kind is dropped


def test_auto_keeps_all_where_both_kinds_are_common():
    image = np.full((30, 60, 3), 128, np.uint8)
    repaired = image.copy()
    probability = np.zeros((30, 60))
    for column, value, chance in ((5, 255, 1), (20, 0, 1), (35, 0, 0.6)):
        image[5:8, column : column + 3] = value
        probability[5:8, column : column + 3] = chance
    assert found(made_up(probability, image, repaired), polarity="auto").sum() == 27


def test_grow_widens_and_feather_softens_inside_the_mask():
    probability = np.zeros((21, 21))
    probability[10, 10] = 1
    prediction = made_up(probability)
    result = compose(prediction, Options(grow=2, feather=1))
    assert result.mask[8, 10]
    assert result.mask.sum() == 21  # a disc of radius 2.5, as far as pixels can draw it
    grey = result.image[..., 0].astype(int)
    assert grey[10, 10] == 50
    assert grey[8, 10] == 75  # the outermost ring of a feather of 1 is half repaired
    assert (grey[~result.mask] == 100).all()
    assert (compose(prediction, Options(grow=2, feather=0)).image[result.mask] == 50).all()


@pytest.mark.parametrize("grow", [1, 2, 5, 30, 100])
def test_what_is_grown_is_a_disc(grow):
    side = 2 * grow + 9
    probability = np.zeros((side, side))
    probability[side // 2, side // 2] = 1
    mask = compose(made_up(probability), Options(grow=grow)).mask
    rows, columns = np.mgrid[:side, :side] - side // 2
    distance = np.hypot(rows, columns) / (grow + 0.5)
    assert mask[distance < 0.98].all()  # the chamfer distance is right to 2 %
    assert not mask[distance > 1.02].any()
    for turned in (mask.T, mask[::-1], mask[:, ::-1]):
        assert np.array_equal(mask, turned)


@pytest.mark.parametrize("grow", [2, 7, 10])
def test_growing_by_discs_is_growing_by_distances(grow, monkeypatch):
    prediction = made_up(np.random.default_rng(grow).random((700, 40)) > 0.995)
    masks = []
    for dilated in (0, grow):
        monkeypatch.setattr(detect, "_DILATED", dilated)
        masks.append(compose(prediction, Options(grow=grow)).mask)
    assert 0.05 < masks[0].mean() < 0.95
    assert np.array_equal(*masks)


@pytest.mark.parametrize("height", [1, 2, 3, 41, 90])
def test_there_is_no_seam_where_the_rows_are_halved(height):
    rng = np.random.default_rng(height)
    probability = np.zeros((height, 50))
    probability[height // 2, rng.integers(0, 50, 4)] = 1
    margin = np.zeros((60, 50))
    options = Options(grow=6, feather=9)
    alone = compose(made_up(probability), options)
    for top in (0, 1, 25, 60):
        framed = np.concatenate([margin[:top], probability, margin[top:]])
        result = compose(made_up(framed), options)
        assert np.array_equal(result.mask[top : top + height], alone.mask)
        assert height < 20 or np.array_equal(result.image[top : top + height], alone.image)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_few_and_many_damaged_pixels_are_blended_alike(dtype, channels, monkeypatch):
    rng = np.random.default_rng(0)
    shape = 53, 40
    image = encoded(rng.random((*shape, channels) if channels else shape), dtype)
    repaired = encoded(rng.random((*shape, 3 if channels > 2 else 1)), dtype)
    prediction = made_up(np.zeros(shape), image, repaired)
    mask = rng.random(shape) < 0.8
    results = []
    for sparse in (0, 1):
        monkeypatch.setattr(composite, "_SPARSE", sparse)
        results.append(compose(prediction, Options(feather=1.5), mask=mask).image)
    assert results[0].tobytes() == results[1].tobytes()
    assert (results[0] == image)[~mask].all()
    assert (results[0] != image)[mask].any()


def test_a_mask_of_ones_own_is_used_as_it_is():
    prediction = made_up(np.ones((12, 12)))
    mask = np.zeros((12, 12), bool)
    mask[3:9, 3:9] = True
    result = compose(prediction, Options(grow=5, min_size=100), mask=mask)
    assert np.array_equal(result.mask, mask)
    assert result.defects == 1
    assert (result.image[~mask] == 100).all()
    assert (result.image[5, 5] == 50).all()
    again = compose(prediction, Options(), mask=result.mask)
    assert np.array_equal(again.image, result.image)


@pytest.mark.parametrize(
    "mask", [np.zeros((3, 3), bool), np.zeros((12, 12), np.uint8), np.zeros((12, 12, 1), bool)]
)
def test_a_mask_that_does_not_fit_is_refused(mask):
    with pytest.raises(DsrError, match="mask must be bool of 12 x 12"):
        compose(made_up(np.ones((12, 12))), mask=mask)


def test_labels_number_the_regions_of_the_mask():
    probability = np.zeros((20, 20))
    probability[3, 3] = probability[3, 5] = probability[15, 15] = 1
    result = compose(made_up(probability), Options(grow=1))
    assert result.defects == 2  # the first two have grown together
    assert result.labels.dtype == np.int32
    assert result.labels[3, 3] == result.labels[3, 5] != result.labels[15, 15]


def test_a_slider_computes_only_what_is_damaged(monkeypatch):
    """Or a large scan would not follow it."""
    probability = np.zeros((200, 300))
    probability[20:26, 30:40] = 0.9
    probability[90, 100:110] = 0.3  # too faint on its own
    computed = {"luminance": [], "blend": []}

    def counted(module, name):
        function = getattr(module, name)

        def count(samples, *rest):
            computed[name].append(len(samples))
            return function(samples, *rest)

        monkeypatch.setattr(module, name, count)

    counted(detect, "luminance")
    counted(composite, "blend")
    result = compose(made_up(probability), Options(sensitivity=0.5, grow=2))
    assert result.mask.sum() > 60
    assert computed["luminance"] == [70, 70]  # the faint one may be damage, too
    assert sum(computed["blend"]) == result.mask.sum()
