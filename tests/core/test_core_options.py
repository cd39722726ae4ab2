import numpy as np
import pytest

from dsr_core import DsrError, Options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sensitivity", -0.1),
        ("sensitivity", 1.1),
        ("sensitivity", float("nan")),
        ("sensitivity", "high"),
        ("sensitivity", True),
        ("polarity", "grey"),
        ("min_size", -1),
        ("max_size", 1.5),
        ("grow", 101),
        ("feather", -1.0),
        ("feather", float("inf")),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(name, value):
    with pytest.raises(DsrError, match=f"^{name} must be .*{value!r}"):
        Options(**{name: value})


def test_limits_that_exclude_each_other_are_refused():
    with pytest.raises(DsrError, match="max_size"):
        Options(min_size=10, max_size=5)


def test_whole_numbers_of_numpy_are_taken():
    assert Options(grow=np.int64(2), sensitivity=np.float32(0.25)).grow == 2
