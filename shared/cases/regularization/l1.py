"""Oracle: torch.linalg in float64 over weights that are picked by hand; keras.regularizers as a second opinion."""

from functools import partial

import numpy as np

from numpy_impl.intro.linear_regression import LinearRegressionParams
from shared.cases import Case, Mutant
from shared.cases.regularization import l2
from shared.cases.regularization.l2 import STRENGTH, of_cnn, of_linear, trees, with_none

SMALLEST = {"D": 1, "H": 1}


def torch_l1(pick):
    def penalty(params, *, strength=0.01):
        import torch

        return strength * sum(torch.linalg.vector_norm(w, ord=1) for w in pick(params))

    return penalty


def keras_l1(pick):
    def penalty(params, *, strength):
        import keras

        return sum(keras.regularizers.L1(strength)(w).numpy() for w in pick(params))

    return penalty


def cases(draw, D=3, H=4):
    for name, tree, pick in trees(draw, D, H):
        yield Case("l1", (tree,), torch_l1(pick), STRENGTH, name=name, second={"keras": keras_l1(pick)})


def nasty(draw):
    some = LinearRegressionParams(w=np.array([0.0, -0.0, 1e-300, -1e300, 2.0]), b=draw())
    yield Case("l1", (some,), torch_l1(of_linear), STRENGTH, name="zeros of both signs")
    zeros = LinearRegressionParams(w=np.zeros(3), b=draw())
    yield Case("l1", (zeros,), torch_l1(of_linear), STRENGTH, name="all zero")
    params = LinearRegressionParams(w=draw(3), b=draw())
    yield Case("l1", (params,), torch_l1(of_linear), {"strength": 0}, name="strength 0")
    empty = {"W": draw(0, 3), "w": draw(2), "b": draw(0)}
    yield Case("l1", (empty,), torch_l1(lambda p: [p["W"], p["w"]]), STRENGTH, name="an empty weight")
    yield Case("l1", (params,), torch_l1(of_linear), name="strength as it is")
    yield Case("l1", (with_none(draw),), torch_l1(of_cnn), STRENGTH, name="fields that are None")


bad = partial(l2.bad, function="l1")

MUTANTS = [
    Mutant("np.sign(w)", "np.where(w >= 0, 1, -1)",
           "Slope 1 at zero, as JAX has it: weights that are exactly zero are pushed away from it."),
    Mutant("np.sign(w)", "np.where(w > 0, 1, -1)", "Slope -1 at zero: the same mistake to the other side."),
    Mutant("np.sign(w)", "w", "The gradient of L2: small weights are hardly pulled, and none becomes zero."),
    Mutant("np.sign(w)", "np.abs(w)", "The absolute value in place of its derivative: negative weights grow."),
    Mutant("np.sum(np.abs(w))", "np.sum(w)", "Without the absolute value, weights of both signs cancel."),
    Mutant("np.sum(np.abs(w))", "np.mean(np.abs(w))",
           "A mean over each weight matrix: the larger the matrix, the weaker its penalty."),
    Mutant("np.sum(np.abs(w))", "np.max(np.abs(w), initial=0)", "The largest weight alone: another norm, L∞."),
    Mutant("penalty = strength * norm", "penalty = 0.5 * strength * norm", "L2 has a factor ½, L1 has none."),
    Mutant("for w, is_weight in marked if is_weight)", "for w, is_weight in marked)",
           "Biases penalised as well: the model can no longer follow the mean of the targets."),
    Mutant("if is_weight else np.zeros_like(w)", "if True else np.zeros_like(w)",
           "Biases are free in the loss, but not in its gradient."),
    Mutant("d_norm = strength * d_penalty", "d_norm = d_penalty", "λ is missing in the gradient."),
    Mutant("d_norm = strength * d_penalty", "d_norm = strength",
           "The gradient that comes from above is ignored: right only while the penalty is added with factor 1."),
    Mutant("np.sign(w)", "np.sign(np.sum(w, axis=0))",
           "A sum over the wrong axis, or over any: each weight is pulled by its own sign, not by its column's."),
]  # fmt: skip
