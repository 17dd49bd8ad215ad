"""The questions themselves: each must be able to answer no."""

import numpy as np
import pytest

from shared import backends, cases, catalogue
from shared.cases import Bad, Case, in_dtype
from shared.checking import golden, mistakes
from shared.checking.answers import answer, compare, finite_differences, from_oracle, refusal, second_opinions
from shared.differences import FINITE, Mismatch, difference

needs_torch = pytest.mark.skipif("torch" not in backends.installed(), reason="oracles are written in PyTorch")


@pytest.fixture
def wrong():
    """wrong(old, new): losses.py with an edit, and the case of its mean squared error, of more than four elements."""
    text = catalogue.source("numpy", "losses").read_text()

    def planted(old, new):
        assert text.count(old) == 1, old
        return mistakes.load(text.replace(old, new), "losses")

    return planted, cases.find_case("losses", "mse")


GRADIENT, VALUE = "d_error = d_loss * 2 / error.size * error", "loss = np.mean(error * error)"


@pytest.mark.parametrize("directions", [None, 4])
@pytest.mark.parametrize("factor", ["1.00001 *", "-1 *", "2 *"])
def test_finite_differences_disagree_with_a_wrong_gradient(wrong, directions, factor):
    planted, case = wrong
    module = planted(GRADIENT, GRADIENT.replace("= ", f"= {factor} "))
    by_hand, estimated = finite_differences("losses", case, module, directions)
    assert difference(by_hand.grads, estimated.grads).error > 5 * FINITE


@pytest.mark.parametrize("directions", [None, 4])
def test_finite_differences_come_from_the_values(wrong, directions):
    """With other values and the same way back the estimate changes, and the gradient does not."""
    planted, case = wrong
    right = finite_differences("losses", case, directions=directions)
    other = finite_differences("losses", case, planted(VALUE, VALUE.replace("= ", "= 3 * ")), directions)
    assert difference(right[0].grads, other[0].grads).error == 0
    assert difference(other[1].grads, {k: 3 * x for k, x in right[1].grads.items()}).error < FINITE


def test_only_a_value_error_is_a_refusal():
    def says(raised):
        def f(module, x):
            if raised:
                raise raised

        return refusal("numpy", "losses", Bad(f, (1,), "x is 1"))

    assert says(ValueError("x is 1")) == "x is 1"
    for error in (TypeError, IndexError, AssertionError, ZeroDivisionError, RuntimeError):
        with pytest.raises(error):
            says(error("x is 1"))
    with pytest.raises(Mismatch, match="took a bad input"):
        says(None)


def test_every_library_that_is_there_is_asked():
    asked = []
    opinion = lambda x, factor: asked.append(x) or factor * x
    case = Case("f", (np.ones(2),), None, {"factor": 3.0}, second={"numpy": opinion, "no_such_library": opinion})
    found = second_opinions(case)
    assert found.keys() == {"numpy"}
    assert len(asked) == 1
    np.testing.assert_array_equal(found["numpy"]["outputs"], [3.0, 3.0])


@needs_torch
@pytest.mark.parametrize("grad", [True, False])
def test_oracles_are_asked_in_float64(grad):
    seen = []

    def oracle(x):
        seen.append(str(x.dtype).removeprefix("torch."))
        return x * x

    case = in_dtype(Case("f", (np.full(3, 0.1),), oracle, grad=grad), "float32")
    found = from_oracle(case)
    assert seen == ["float64"]
    assert {x.dtype.name for x in (*found.outputs.values(), *found.grads.values())} == {"float64"}


def test_another_module_answers_in_place_of_the_column(wrong):
    planted, case = wrong
    right, got = (
        answer("numpy", "losses", case),
        answer("numpy", "losses", case, planted(GRADIENT, "d_error = error")),
    )
    outputs, gradients = compare(got, right)
    assert outputs.error == 0
    assert gradients.error > 0.1


def test_an_outdated_fixture_is_refused():
    case = cases.find_case("losses", "mse")
    outputs, grads = golden.read("losses", case)
    assert outputs
    assert grads
    golden.read("losses", in_dtype(case, "float32"))  # which rounds the arguments
    x, *others = case.args
    changed = np.array(x)
    changed.flat[0] += 1e-5 * np.max(np.abs(x))
    for args in ((changed, *others), (x[:-1], *others), (*case.args, x)):
        with pytest.raises(Mismatch, match="run `make fixtures`" if args[0].shape == x.shape else "has shape"):
            golden.read("losses", Case("mse", args, None, name=case.name))
