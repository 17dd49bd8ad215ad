"""Elementwise activation functions.

    sigmoid(x)    = σ(x) = 1 / (1 + e^(-x))                        (1)
    tanh(x)       = (e^x - e^(-x)) / (e^x + e^(-x))                (2)
    relu(x)       = x if x > 0 else 0                              (3)
    leaky_relu(x) = x if x > 0 else α x                            (4)
    elu(x)        = x if x > 0 else α (e^x - 1)                    (5)
    selu(x)       = λ (x if x > 0 else α (e^x - 1))                (6)   λ = 1.0507..., α = 1.6732...
    gelu(x)       = x Φ(x) = x ½ erfc(-x / √2)                     (7)   Φ: standard normal distribution
    softplus(x)   = log(1 + e^x)                                   (8)
    swish(x)      = x σ(β x)                                       (9)

Shapes: any; the result has the shape and dtype of x.

Units: pure numbers.

Variant: at a kink (x = 0) the derivative is that of the lower branch: relu 0, leaky_relu α, elu α, selu λα,
    as in PyTorch. α of leaky_relu is 0.01 (PyTorch, ONNX; Keras has 0.2 or 0.3). gelu is the exact one, not the
    tanh approximation, and keeps its left tail. softplus has no threshold. NaN stays NaN in all of them.

Raises: ValueError if x is not a floating-point array of this column's type.

Reference: Nair & Hinton, ICML 2010 (relu); Maas, Hannun & Ng, ICML 2013 workshop (leaky_relu); Clevert,
    Unterthiner & Hochreiter 2015, arXiv:1511.07289 (elu); Klambauer et al. 2017, arXiv:1706.02515 (selu);
    Hendrycks & Gimpel 2016, arXiv:1606.08415 (gelu); Dugas et al., NIPS 2000 (softplus); Ramachandran, Zoph &
    Le 2017, arXiv:1710.05941 (swish).
"""

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.erfc import erfc
from shared.support.shapes import checked

SELU_LAMBDA, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


@checked
def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    with np.errstate(over="ignore"):  # where e^(-x) is infinite, σ is 0
        return 1 / (1 + np.exp(-x))  # (1)


def sigmoid_backward(dy, x, y):
    return dy * y * (1 - y)  # through (1)


@checked
def tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return np.tanh(x)  # (2)


def tanh_backward(dy, x, y):
    return dy * (1 - y * y)  # through (2)


@checked
def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return np.maximum(x, 0)  # (3)


def relu_backward(dy, x, y):
    return dy * (x > 0)  # through (3)


@checked
def leaky_relu(x: Float[Array, "*shape"], *, alpha: float = 0.01) -> Float[Array, "*shape"]:
    return np.where(x > 0, x, alpha * x)  # (4)


def leaky_relu_backward(dy, x, y, *, alpha=0.01):
    return np.where(x > 0, dy, alpha * dy)  # through (4)


@checked
def elu(x: Float[Array, "*shape"], *, alpha: float = 1.0) -> Float[Array, "*shape"]:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))  # (5)


def elu_backward(dy, x, y, *, alpha=1.0):
    return dy * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))  # through (5)


@checked
def selu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return SELU_LAMBDA * elu(x, alpha=SELU_ALPHA)  # (6)


def selu_backward(dy, x, y):
    return SELU_LAMBDA * elu_backward(dy, x, y, alpha=SELU_ALPHA)  # through (6)


@checked
def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return x * 0.5 * erfc(-x / math.sqrt(2))  # (7)


def gelu_backward(dy, x, y):
    cdf = 0.5 * erfc(-x / math.sqrt(2))
    density = np.exp(-0.5 * np.minimum(x * x, 1e4)) / math.sqrt(2 * math.pi)
    return dy * (cdf + x * density)  # through (7)


@checked
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # (8)


def softplus_backward(dy, x, y):
    return dy * sigmoid(x)  # through (8)


@checked
def swish(x: Float[Array, "*shape"], *, beta: float = 1.0) -> Float[Array, "*shape"]:
    return x * sigmoid(beta * x)  # (9)


def swish_backward(dy, x, y, *, beta=1.0):
    s = sigmoid(beta * x)
    return dy * (s + beta * y * (1 - s))  # through (9)
