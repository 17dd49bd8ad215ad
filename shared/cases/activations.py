"""Oracles: torch.nn.functional, and Keras on TensorFlow for the values; math.erfc for gelu's left tail."""

import itertools
import math

import numpy as np

from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "D": 1}
STATIC = {"leaky_relu": {"alpha": 0.2}, "elu": {"alpha": 0.7}, "swish": {"beta": 1.7}}
FUNCTIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "softplus", "swish")


def oracle(name):
    def functional(x, **static):
        import torch
        import torch.nn.functional as F

        table = {
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "relu": F.relu,
            "leaky_relu": lambda x, alpha=0.01: F.leaky_relu(x, alpha),
            "elu": lambda x, alpha=1.0: F.elu(x, alpha),
            "selu": F.selu,
            "gelu": F.gelu,
            "softplus": lambda x: -F.logsigmoid(-x),  # F.softplus has a threshold of 20, which costs 2e-9
            "swish": lambda x, beta=1.0: x * torch.special.expit(beta * x),
        }
        return table[name](x, **static)

    return functional


def keras(name):
    def activation(x, **static):
        import keras

        if name == "swish" and static:
            return x * keras.activations.sigmoid(static["beta"] * x).numpy()
        known = {"alpha": static["alpha"]} if "alpha" in static else {}
        return getattr(keras.activations, "silu" if name == "swish" else name)(x, **known).numpy()

    return activation


def gelu_by_math(x):
    return np.array([value * math.erfc(-value / math.sqrt(2)) / 2 for value in x])


def cases(draw, N=4, D=3):
    for name in FUNCTIONS:
        x = 2 * draw(N, D)
        exact_in_keras = name not in ("gelu", "leaky_relu")  # Keras rounds √2 and the slope to float32
        second = {"keras": keras(name)} if exact_in_keras else {}
        yield Case(name, (x,), oracle(name), static=STATIC.get(name, {}), second=second)


def nasty(draw):
    kinks = np.array([0.0, -0.0, 1e-300, -1e-300, 1e-9, -1e-9])
    huge = np.array([1e4, -1e4, 710.0, -710.0, 100.0, -100.0, 30.0, -30.0, 1.0])
    for name in FUNCTIONS:
        yield Case(name, (kinks,), oracle(name), name="at kinks")
        yield Case(name, (huge,), oracle(name), name="far out")
        yield Case(name, (huge.astype("float32"),), oracle(name), dtype="float32", name="far out, float32")
        yield Case(name, (np.array(0.3),), oracle(name), name="scalar")
    tail = -np.array([5.0, 10.0, 20.0, 35.0])
    for x in tail:  # one by one: beside 7e-7, 1e-267 has no relative error
        yield Case("gelu", (np.array([x]),), gelu_by_math, grad=False, name=f"left tail {x:g}")
    for name, x in itertools.product(("elu", "selu"), (-40.0, -100.0, -700.0)):  # one by one, as above
        yield Case(name, (np.array([x]),), oracle(name), name=f"left tail {x:g}")
    yield Case("relu", (np.array([np.nan, 1.0]),), lambda x: x, grad=False, name="NaN")


def bad(draw):
    for name in FUNCTIONS:
        yield Bad(name, (draw.integers(3, 4),), "x has dtype int64, expected float")
        yield Bad(name, ([0.5, 1.0],), "x is a builtins.list, expected")


MUTANTS = [
    Mutant("d_y * y * (1 - y)  # through (1)", "d_y * x * (1 - x)  # through (1)",
           "σ' = y (1 - y) is a function of the output y; the same formula of the input x is something else."),
    Mutant("1 / (1 + np.exp(-x))", "1 / (1 + np.exp(x))",
           "The sign lost: this is σ(-x), the probability of the other class."),
    Mutant("d_y * (1 - y * y)  # through (2)", "d_y * (1 - y)  # through (2)",
           "tanh' is 1 - y², not 1 - y: the square is what makes it symmetric."),
    Mutant("d_x = d_y * (x > 0)  # through (3)", "d_x = d_y * (x >= 0)  # through (3)",
           "At exactly zero, where every ReLU that was cut off before sits, the slope here is 0, not 1."),
    Mutant("np.maximum(x, 0)  # (3)", "np.abs(x)  # (3)", "The lower branch is cut off, not folded over."),
    Mutant("np.where(x > 0, d_y, alpha * d_y)", "np.where(x >= 0, d_y, alpha * d_y)",
           "The kink belongs to the lower branch, slope α: JAX answers 1 here, PyTorch and TensorFlow α."),
    Mutant("np.where(x > 0, x, alpha * x)", "np.maximum(x, -alpha * x)",
           "A leak of the wrong sign turns the lower branch upwards."),
    Mutant("alpha * np.expm1(lower)", "np.expm1(lower)",
           "ELU without its α: the same only for α = 1."),
    Mutant("np.where(x > 0, 1, alpha * np.exp", "np.where(x > 0, 1, np.exp",
           "The derivative of the lower branch is α e^x; without α the gradient is wrong wherever α ≠ 1."),
    Mutant("y = SELU_LAMBDA * elu(x, alpha=SELU_ALPHA)", "y = elu(x, alpha=SELU_LAMBDA * SELU_ALPHA)",
           "λ scales both branches; on the lower branch alone the self-normalisation is gone."),
    Mutant("elu_backward(SELU_LAMBDA * d_y, x", "elu_backward(d_y, x", "The factor λ belongs to the derivative too."),
    Mutant("cdf = 0.5 * erfc(-x / math.sqrt(2))  # (7)",
           "cdf = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))  # (7)",
           "The tanh approximation (the default of jax.nn.gelu and keras.ops.gelu) differs from gelu by up to 5e-4."),
    Mutant("d_y * (cdf + x * density)", "d_y * cdf",
           "The product rule has two terms: Φ(x) alone forgets that Φ depends on x as well."),
    Mutant("np.maximum(x, 0) + np.log1p(np.exp(lower))", "np.log1p(np.exp(x))",
           "Right on paper, infinite for x > 710: e^x overflows."),
    Mutant("d_y * sigmoid(x)  # through (8)", "d_y * sigmoid(-x)  # through (8)",
           "softplus' is σ(x), rising from 0 to 1."),
    Mutant("s = sigmoid(beta * x)  # (9)", "s = sigmoid(x)  # (9)", "swish without its β: the same only for β = 1."),
    Mutant("s + beta * y * (1 - s)", "s + y * (1 - s)", "The inner derivative of σ(βx) is β."),
    Mutant("s + beta * y * (1 - s)", "s + beta * np.sum(y, axis=-1, keepdims=y.ndim > 0) * (1 - s)",
           "A sum where there is none: each element's gradient is its own affair."),
]  # fmt: skip
