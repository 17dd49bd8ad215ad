"""Elementwise activation functions.

Idea: Without a bend between its layers a network of any depth is one affine map. An activation puts a bend into every
    unit; the shape of the bend decides how far gradients reach back through many layers.

    sigmoid     y = σ(x) = 1 / (1 + e^(-x))                   (1)
    tanh        y = (e^x - e^(-x)) / (e^x + e^(-x))           (2)
    relu        y = x if x > 0 else 0                         (3)
    leaky_relu  y = x if x > 0 else α x                       (4)
    elu         y = x if x > 0 else α (e^x - 1)               (5)
    selu        y = λ elu(x)                                  (6)   λ = 1.0507..., α = 1.6732...
    gelu        y = x Φ(x) = x ½ erfc(-x / √2)                (7)   Φ: distribution of the standard normal law
    softplus    y = log(1 + e^x)                              (8)
    swish       y = x s,  s = σ(β x)                          (9)

Gradients:
    d_x = d_y ⊙ y ⊙ (1 - y)                                   through (1)
    d_x = d_y ⊙ (1 - y²)                                      through (2)
    d_x = d_y ⊙ (1 if x > 0 else 0)                           through (3)
    d_x = d_y ⊙ (1 if x > 0 else α)                           through (4)
    d_x = d_y ⊙ (1 if x > 0 else α e^x)                       through (5)
    d_x = λ d_y ⊙ (1 if x > 0 else α e^x)                     through (5) (6)
    d_x = d_y ⊙ (Φ(x) + x φ(x))                               through (7)   φ = Φ': its density
    d_x = d_y ⊙ σ(x)                                          through (8)
    d_x = d_y ⊙ (s + β y ⊙ (1 - s))                           through (9)

Shapes: any; y has the shape and dtype of x.

Units: pure numbers.

Variant: at a kink (x = 0) the derivative is that of the lower branch: relu 0, leaky_relu α, elu α, selu λα. α of
    leaky_relu is 0.01, α of elu and β of swish are 1. gelu is the exact one, not the tanh approximation, and keeps
    its left tail. softplus has no threshold. NaN stays NaN in all of them.

Differs:
    torch: softplus is x above a threshold of 20; gelu's left tail is 0 below -8.4; silu is swish with β = 1.
    Keras: α of leaky_relu is 0.2 in keras.activations, 0.3 in keras.layers; silu is swish with β = 1.
    TensorFlow: the derivative of selu at 0 is λ.
    JAX: the derivative of leaky_relu at 0 is 1; gelu is the tanh approximation unless approximate=False.
    ONNX: constants are rounded to float32; α of LeakyRelu is 0.01.

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
        y = 1 / (1 + np.exp(-x))  # (1)
    return y


def sigmoid_backward(d_y, x, y):
    d_x = d_y * y * (1 - y)  # through (1)
    return d_x


@checked
def tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    y = np.tanh(x)  # (2)
    return y


def tanh_backward(d_y, x, y):
    d_x = d_y * (1 - y * y)  # through (2)
    return d_x


@checked
def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    y = np.maximum(x, 0)  # (3)
    return y


def relu_backward(d_y, x, y):
    d_x = d_y * (x > 0)  # through (3)
    return d_x


@checked
def leaky_relu(x: Float[Array, "*shape"], *, alpha: float = 0.01) -> Float[Array, "*shape"]:
    y = np.where(x > 0, x, alpha * x)  # (4)
    return y


@checked
def leaky_relu_backward(d_y, x, y, *, alpha: float = 0.01):
    d_x = np.where(x > 0, d_y, alpha * d_y)  # through (4)
    return d_x


@checked
def elu(x: Float[Array, "*shape"], *, alpha: float = 1.0) -> Float[Array, "*shape"]:
    lower = np.minimum(x, 0)  # where x > 0, e^x is not used and must not overflow
    y = np.where(x > 0, x, alpha * np.expm1(lower))  # (5)
    return y


@checked
def elu_backward(d_y, x, y, *, alpha: float = 1.0):
    d_x = d_y * np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0)))  # through (5)
    return d_x


@checked
def selu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    y = SELU_LAMBDA * elu(x, alpha=SELU_ALPHA)  # (6)
    return y


def selu_backward(d_y, x, y):
    d_x = elu_backward(SELU_LAMBDA * d_y, x, None, alpha=SELU_ALPHA)  # through (5) (6)   needs x alone
    return d_x


@checked
def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    cdf = 0.5 * erfc(-x / math.sqrt(2))  # (7)
    y = x * cdf  # (7)
    return y


def gelu_backward(d_y, x, y):
    cdf = 0.5 * erfc(-x / math.sqrt(2))  # through (7)
    density = np.exp(-0.5 * np.minimum(x * x, 1e4)) / math.sqrt(2 * math.pi)  # through (7)
    d_x = d_y * (cdf + x * density)  # through (7)
    return d_x


@checked
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    lower = -np.abs(x)  # e^lower is at most 1: log(1 + e^x) = x + log(1 + e^-x)
    y = np.maximum(x, 0) + np.log1p(np.exp(lower))  # (8)   elsewhere in branches: |x| has no slope at 0
    return y


def softplus_backward(d_y, x, y):
    d_x = d_y * sigmoid(x)  # through (8)
    return d_x


@checked
def swish(x: Float[Array, "*shape"], *, beta: float = 1.0) -> Float[Array, "*shape"]:
    s = sigmoid(beta * x)  # (9)
    y = x * s  # (9)
    return y


@checked
def swish_backward(d_y, x, y, *, beta: float = 1.0):
    s = sigmoid(beta * x)  # through (9)
    d_x = d_y * (s + beta * y * (1 - s))  # through (9)
    return d_x
