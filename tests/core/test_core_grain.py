import cv2
import numpy as np
import pytest

import dsr_core
from dsr_core import grain
from dsr_core.grain import add_grain


def grainy(strength, size=(300, 400), seed=1):
    """Return film of one tone with grain of this standard deviation, which three pixels share."""
    noise = np.random.default_rng(seed).normal(0, 1, (*size, 3))
    noise = cv2.GaussianBlur(noise, (0, 0), 0.7)
    return 0.5 + strength * noise / noise.std()


def specks(size=(300, 400)):
    rng, holes = np.random.default_rng(2), np.zeros(size, np.uint8)
    for y, x in rng.integers(20, 280, (40, 2)):
        cv2.circle(holes, (int(x), int(y)), 5, 1, -1)
    return holes > 0


def filled(film, holes):
    return np.where(holes[..., None], 0.5, film)


def regrained(repaired, samples, holes, wanted=None):
    result = repaired.copy()
    add_grain(result, samples, holes, holes if wanted is None else wanted, linear=False)
    return result


def strength(image, where):
    image = image.astype(np.float64) / dsr_core.pixels.full_scale(image.dtype)
    return (image - cv2.GaussianBlur(image, (0, 0), 1))[where].std()


def encoded(values, dtype):
    return dsr_core.pixels.encode(values, np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_fill_gets_the_grain_of_the_film(dtype):
    film, holes = encoded(grainy(0.03), dtype), specks()
    smooth = encoded(filled(grainy(0.03), holes), dtype)
    result = regrained(smooth, film, holes)
    assert strength(smooth, holes) < 0.35 * strength(film, holes)
    assert 0.75 * strength(film, holes) < strength(result, holes) < 1.1 * strength(film, holes)
    assert np.array_equal(result[~holes], smooth[~holes])
    assert abs(result[holes].mean() / smooth[holes].mean() - 1) < 0.01
    assert np.array_equal(regrained(smooth, film, holes), result)


def test_grey_gets_grey_grain():
    film, holes = encoded(grainy(0.03)[..., :1], "uint16"), specks()
    smooth = encoded(filled(grainy(0.03)[..., :1], holes), "uint16")
    assert strength(regrained(smooth, film, holes)[..., 0], holes) > 0.75 * strength(film[..., 0], holes)


def test_what_has_no_grain_gets_none():
    holes = specks()
    flat = encoded(np.full((*holes.shape, 3), 0.5), "uint8")
    assert np.array_equal(regrained(flat, flat, holes), flat)


def test_grain_that_is_there_is_not_doubled():
    film, holes = encoded(grainy(0.03), "uint16"), specks()
    result = regrained(film, film, holes)
    assert strength(result, holes) < 1.15 * strength(film, holes)


def test_texture_is_not_taken_for_grain():
    film, holes = grainy(0.01), np.zeros((300, 400), np.bool_)
    film[:, 200:] += 0.3 * (np.indices((300, 200)).sum(axis=0) // 3 % 2)[..., None]  # a knit beside the sky
    holes[100:200, 184:192] = True
    film = encoded(film, "uint16")
    smooth = encoded(filled(film / 65535, holes), "uint16")
    result = regrained(smooth, film, holes)
    sky = np.zeros_like(holes)
    sky[:, 20:120] = True
    assert strength(result, holes) < 1.5 * strength(film, sky)


def test_only_what_is_wanted_changes():
    film, holes = encoded(grainy(0.03), "uint16"), specks()
    smooth = encoded(filled(grainy(0.03), holes), "uint16")
    wanted = holes.copy()
    wanted[:, 200:] = False
    result = regrained(smooth, film, holes, wanted)
    assert np.array_equal(result[~wanted], smooth[~wanted])
    assert (result[wanted] != smooth[wanted]).mean() > 0.9


def test_neither_blocks_nor_crops_show(monkeypatch):
    film, holes = grainy(0.03, (600, 500)).astype(np.float32), specks((600, 500))
    holes[40:560, 90:96] = holes[254:259, 40:460] = True
    smooth = filled(film, holes).astype(np.float32)
    blocks = regrained(smooth, film, holes)
    crop = np.s_[101:551, 37:403]
    part = regrained(smooth[crop], film[crop], holes[crop])
    inside = slice(grain.REACH, -grain.REACH)
    assert np.array_equal(part[inside, inside], blocks[crop][inside, inside])
    monkeypatch.setattr(grain, "_BLOCK", 600)
    assert np.array_equal(regrained(smooth, film, holes), blocks)


def test_nothing_around_is_no_error():
    film = encoded(grainy(0.03, (20, 30)), "uint8")
    holes = np.ones((20, 30), np.bool_)
    assert np.array_equal(regrained(film, film, holes), film)
