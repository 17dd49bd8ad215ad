"""What has passed once is remembered; what differs in anything that counts is looked at again."""

import inspect
from typing import Annotated, NamedTuple

import numpy as np
import pytest
from jaxtyping import Float, Int
from numpy import ndarray as Array

from shared.support import shapes
from shared.support.shapes import Below, Rate, checked


class Layer(NamedTuple):
    W: Float[Array, "D K"]
    b: Float[Array, "K"]


@checked(N=1)
def predict(params: Layer, x: Float[Array, "N D"]):
    return x @ params.W + params.b


@checked
def pick(W: Float[Array, "N K"], labels: Annotated[Int[Array, "N"], Below("K")]):
    return W[np.arange(len(W)), labels]


@checked
def keep(x: Float[Array, "*shape"], *, p: Rate = 0.5):
    return x


def arguments(dtype="float64", **shapes):
    sizes = {"W": (3, 4), "b": (4,), "x": (2, 3)} | shapes
    W, b, x = (np.ones(sizes[name], dtype) for name in ("W", "b", "x"))
    return Layer(W, b), x


@pytest.mark.parametrize("name", ["W", "b", "x"])
def test_a_dtype_that_does_not_fit_is_seen_after_one_that_did(name):
    params, x = arguments()
    predict(params, x)
    mixed = {"W": params.W, "b": params.b, "x": x}
    mixed[name] = mixed[name].astype("float32")
    for _ in range(2):
        with pytest.raises(ValueError, match="has dtype"):
            predict(Layer(mixed["W"], mixed["b"]), mixed["x"])
    with pytest.raises(ValueError, match="has dtype int64, expected float"):
        predict(params, x.astype("int64"))


@pytest.mark.parametrize("wrong", [{"W": (2, 4)}, {"b": (3,)}, {"b": (4, 1)}, {"x": (2, 4)}, {"x": (0, 3)}])
def test_a_shape_that_does_not_fit_is_seen_after_one_that_did(wrong):
    predict(*arguments())
    for _ in range(2):
        with pytest.raises(ValueError, match="has shape"):
            predict(*arguments(**wrong))


def test_a_type_that_does_not_fit_is_seen_after_one_that_did():
    params, x = arguments()
    predict(params, x)
    for wrong in (x.tolist(), None, 1.0):
        with pytest.raises(ValueError, match="x is a"):
            predict(params, wrong)
    with pytest.raises(ValueError, match=r"params is a tuple, expected Layer\(W, b\)"):
        predict(tuple(params), x)


def test_values_are_looked_at_every_time():
    _, x = arguments()
    pick(x, np.array([0, 2]))
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match="labels holds"):
            pick(x, np.array(labels))
    keep(x, p=0.25)
    with pytest.raises(ValueError, match=r"p is 1\.25, expected in \[0, 1\]"):
        keep(x, p=1.25)


def test_only_so_many_forms_are_remembered(monkeypatch):
    monkeypatch.setattr(shapes, "MEMORY", 3)
    for n in range(20):
        keep(np.ones(n))
    assert 1 <= len(inspect.getclosurevars(keep).nonlocals["passed"]) <= 4
