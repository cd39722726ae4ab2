import numpy as np
import pytest

from dsr_core import DsrError
from dsr_core.pixels import DTYPES, check, from_network, luminance, painted, to_network
from tests.dusty import encoded

# What a float32 network can tell apart: exact up to 16 bits, 23 of 32 bits, half of a half's last digit.
TOLERANCE = {"uint8": 0, "uint16": 0, "uint32": 512, "float16": 5e-4, "float32": 1e-6, "float64": 1e-6}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_to_the_network_and_back(dtype, channels):
    values = np.linspace(0, 1, 64 * channels).reshape(8, 8, channels)
    samples = encoded(values, dtype)
    planes = np.empty((3, 8, 8), np.float32)
    to_network(samples, planes, linear=False)
    assert np.allclose(planes.transpose(1, 2, 0), values, atol=3e-3)  # half a step of 8 bits
    back = np.empty_like(samples)
    from_network(planes, back, linear=False)
    assert np.abs(back.astype(np.float64) - samples.astype(np.float64)).max() <= TOLERANCE[dtype]


def test_linear_light_goes_through_the_srgb_curve_and_back():
    light = np.array([0.0, 0.001, 0.0031308, 0.214, 0.5, 1.0], np.float32).reshape(1, 6, 1).repeat(3, axis=2)
    planes = np.empty((3, 1, 6), np.float32)
    to_network(light, planes, linear=True)
    # Values of IEC 61966-2-1, rounded to four digits.
    assert np.allclose(planes[0, 0], [0, 0.01292, 0.04045, 0.5, 0.7354, 1], atol=2e-4)
    back = np.empty_like(light)
    from_network(planes, back, linear=True)
    assert np.allclose(back, light, atol=1e-6)


def test_the_network_never_sees_what_lies_beyond_black_and_white():
    planes = np.empty((3, 1, 2), np.float32)
    to_network(np.array([[[-1.0] * 3, [7.5] * 3]]), planes, linear=False)
    assert planes.min() == 0
    assert planes.max() == 1


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((0, 5)), "no pixels"),
        (np.zeros((4, 0, 3), np.uint8), "no pixels"),
        (np.zeros((4, 5, 5), np.uint8), r"\(4, 5, 5\)"),
        (np.zeros((2, 4, 5, 3), np.uint8), "frames"),
        (np.zeros(7), r"\(7,\)"),
        (np.zeros((4, 5), np.int16), "int16"),
        (np.zeros((4, 5), bool), "bool"),
        (np.zeros((4, 5), complex), "complex128"),
        (np.full((4, 5), np.nan), "NaN"),
        (np.full((4, 5, 3), np.inf, np.float16), "infinity"),
        ([[1, 2], [3, 4]], "list"),
    ],
)
def test_what_is_no_image_is_refused_in_one_sentence(image, words):
    with pytest.raises(DsrError, match=words):
        check(image)


def test_nan_in_alpha_is_nobodys_business():
    image = np.zeros((4, 5, 4), np.float32)
    image[..., 3] = np.nan
    check(image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_painted_shows_the_mask_in_red(dtype, channels):
    mask = np.eye(6, dtype=bool)
    shown = painted(encoded(np.full((6, 6, channels), 0.5), dtype), mask)
    assert shown.shape == (6, 6, 3)
    assert (shown[mask] == (255, 0, 0)).all()
    assert np.abs(shown[~mask].astype(int) - 127.5).max() <= 1


def test_a_pixels_luminance_does_not_depend_on_its_neighbours():
    samples = np.random.default_rng(0).integers(0, 65536, (1000, 3), np.uint16)
    together = luminance(samples)
    assert (together == [luminance(samples[n : n + 1])[0] for n in range(1000)]).all()
    assert np.allclose(together, samples / 65535 @ [0.2126, 0.7152, 0.0722], atol=1e-6)  # float32
