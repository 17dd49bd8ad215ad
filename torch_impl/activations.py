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

import torch
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import checked

SELU_LAMBDA, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


@checked
def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return torch.sigmoid(x)  # (1)


@checked
def tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return torch.tanh(x)  # (2)


@checked
def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return torch.where(x <= 0, 0.0, x)  # (3)


@checked
def leaky_relu(x: Float[Array, "*shape"], *, alpha: float = 0.01) -> Float[Array, "*shape"]:
    return torch.where(x > 0, x, alpha * x)  # (4)


@checked
def elu(x: Float[Array, "*shape"], *, alpha: float = 1.0) -> Float[Array, "*shape"]:
    lower = torch.where(x > 0, 0.0, x)  # the branch not taken must not overflow: inf · 0 is NaN
    return torch.where(x > 0, x, alpha * torch.expm1(lower))  # (5)


@checked
def selu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return SELU_LAMBDA * elu(x, alpha=SELU_ALPHA)  # (6)


@checked
def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return x * 0.5 * torch.special.erfc(-x / math.sqrt(2))  # (7)


@checked
def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return torch.logaddexp(x, torch.zeros_like(x))  # (8)


@checked
def swish(x: Float[Array, "*shape"], *, beta: float = 1.0) -> Float[Array, "*shape"]:
    return x * sigmoid(beta * x)  # (9)
