"""The judge itself: what a comparison must see, and how much it may let pass."""

import numpy as np
import pytest

from shared import differences
from shared.cases import Case, in_dtype, tolerance
from shared.differences import Mismatch, difference, flatten

NAN, INF = np.nan, np.inf


def error(got, wanted, dtype=None):
    return difference({"x": np.asarray(got)}, {"x": np.asarray(wanted)}, dtype).error


def test_the_table_of_tolerances_is_as_strict_as_it_was():
    table = differences.LAYER, differences.RUN, differences.FLOAT32, differences.FINITE
    assert table == (1e-12, 1e-10, 1e-5, 1e-6)


def test_a_case_is_as_strict_as_its_dtype():
    case = Case("f", (np.ones(2),), None)
    assert tolerance(case) == 1e-12
    assert tolerance(in_dtype(case, "float32")) == 1e-5


@pytest.mark.parametrize("got", ["float64", "float16"])
def test_another_precision_than_was_asked_for_is_a_mismatch(got):
    with pytest.raises(Mismatch, match=f"x has dtype {got}, wanted float32"):
        error(np.ones(2, got), np.ones(2), "float32")


def test_precision_is_asked_of_floating_point_numbers_alone():
    assert error(np.ones(2, "float32"), np.ones(2, "float64"), "float32") == 0
    assert error(np.ones(2, bool), np.ones(2, bool), "float32") == 0


@pytest.mark.parametrize("got", [np.ones(2, int), np.ones(2, bool)])
def test_whole_numbers_are_no_floating_point_numbers(got):
    with pytest.raises(Mismatch, match=r"x has dtype \w+, wanted float64"):
        error(got, np.ones(2))
    with pytest.raises(Mismatch, match="x has dtype float64, wanted"):
        error(np.ones(2), got)


def test_other_leaves_and_shapes_are_a_mismatch():
    a, b = {"a": np.ones(2)}, {"b": np.ones(2)}
    for got, wanted in ((a, b), (a, a | b), (a | b, a)):
        with pytest.raises(Mismatch, match="leaves differ"):
            difference(got, wanted)
    for got in (np.ones((2, 1)), np.ones((1, 2)), np.ones(1), np.array(1.0)):
        with pytest.raises(Mismatch, match="x has shape"):
            error(got, np.ones(2))


@pytest.mark.parametrize(
    ("got", "wanted", "found"),
    [
        ([1.0, 4.0], [1.0, 5.0], 0.2),  # relative to the largest that is wanted
        ([1.0, 6.0], [1.0, 5.0], 0.2),
        ([0.5, 0.0], [0.0, 0.0], 0.5),  # or absolute, where all that is wanted is 0
        ([5.5, INF], [5.0, INF], 0.1),  # infinities are no scale
        ([1.0, NAN], [1.0, NAN], 0),
        ([1.0, NAN], [1.0, 1.0], INF),
        ([1.0, 1.0], [1.0, NAN], INF),
        ([INF], [-INF], INF),
        ([INF], [1.0], INF),
        ([1.0], [INF], INF),
        ([], [], 0),
    ],
)
def test_the_error_of_a_leaf(got, wanted, found):
    assert error(got, wanted) == pytest.approx(found)


def test_the_worst_element_of_the_worst_leaf_is_named():
    wanted = {"params": {"W": np.ones((2, 3)), "b": np.ones(3)}}
    got = {"params": {"W": np.ones((2, 3)), "b": np.ones(3)}}
    got["params"]["W"][1, 2], got["params"]["b"][0] = 0.5, 0.9
    found = difference(flatten(got, "grads"), flatten(wanted, "grads"))
    assert str(found) == "grads['params']['W'][1, 2]: got 0.5, wanted 1 (relative error 5.0e-01)"
