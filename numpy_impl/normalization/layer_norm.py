"""Layer normalization: every example gets mean 0 and variance 1 over its own features.

Idea: Like batch normalization, it keeps the inputs of a layer in one range while the layers below learn. But an
    example is compared with itself and not with its batch, so that it works for one example at a time, for sequences
    of any length, and in the same way in training and evaluation.

    mean = 1/C Σ_c x                                       (1)   over the last axis, C features
    var = 1/C Σ_c (x - mean)²                              (2)
    x_hat = (x - mean) ⊙ inv_std                           (3)   inv_std = 1 / √(var + ε)
    y = γ ⊙ x_hat + β                                      (4)

Gradients:
    d_beta = Σ_n d_y                                                       through (4)   n: all axes but the last
    d_gamma = Σ_n d_y ⊙ x_hat                                              through (4)
    d_x_hat = gamma ⊙ d_y                                                  through (4)
    d_mean = -inv_std ⊙ Σ_c d_x_hat                                        through (3)
    d_var = -½ inv_std² ⊙ Σ_c d_x_hat ⊙ x_hat                              through (3)
    d_x = inv_std ⊙ d_x_hat + 2/C d_var ⊙ (x - mean) + 1/C d_mean          through (1) (2) (3)

Shapes: x, x_hat and y (..., C) with any leading axes; γ and β (C,); mean and var (..., 1).

Units: γ, β, y: whatever the next layer takes; ε in the square of x's unit.

Variant: the last axis alone, the biased variance, and ε inside the root (the paper has no ε). The variance takes a
    second pass over x: E[x²] - mean² cancels.

Differs:
    torch.nn.LayerNorm: several last axes are possible, with γ and β of their shape; over one axis it is the same.
    Keras: ε is 1e-3.
    ONNX LayerNormalization: all axes from `axis` on, the last one by default; it is the same, ε as well.

Relation: normalization/batch_norm has the same equations, with mean and variance of one feature over the batch; so it
    needs running statistics for evaluation. normalization/layer_norm_lstm has layer normalization in every step.

Raises: ValueError if sizes or dtypes disagree, if there are no features, or if ε is not positive.

Reference: Ba, Kiros & Hinton, "Layer normalization", 2016, arXiv:1607.06450, equations 3 and 4.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.shapes import Dtype, Positive, checked


class LayerNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


class LayerNormCache(NamedTuple):
    gamma: Array
    x_hat: Array
    inv_std: Array


@checked
def layer_norm_init(n_features: int, *, dtype: Dtype = "float32") -> LayerNormParams:
    return LayerNormParams(gamma=np.ones(n_features, dtype), beta=np.zeros(n_features, dtype))


@checked(C=1)
def layer_norm(params: LayerNormParams, x: Float[Array, "*N C"], *, eps: Positive = 1e-5) -> Float[Array, "*N C"]:
    n = x.shape[-1]
    mean = _sum(x) / n  # (1)
    centred = x - mean
    var = _sum_of_products(centred, centred) / n  # (2)
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = np.multiply(centred, inv_std, out=centred)  # (3)
    y = params.gamma * x_hat
    y += params.beta  # (4)
    return y, LayerNormCache(params.gamma, x_hat, inv_std)


def layer_norm_backward(cache, d_y):
    gamma, x_hat, inv_std = cache
    n = d_y.shape[-1]
    rows, rows_hat = d_y.reshape(-1, n), x_hat.reshape(-1, n)
    d_beta, d_gamma = np.ones(len(rows), rows.dtype) @ rows, np.einsum("nc,nc->c", rows, rows_hat)  # through (4)
    d_x_hat = gamma * d_y  # through (4)
    d_mean = -inv_std * _sum(d_x_hat)  # through (3)
    d_var = -(inv_std**2) / 2 * _sum_of_products(d_x_hat, x_hat)  # through (3)
    d_x = np.multiply(inv_std, d_x_hat, out=d_x_hat)  # through (3)
    d_x += 2 / n * d_var / inv_std * x_hat  # through (2): x - mean is x_hat / inv_std
    d_x += d_mean / n  # through (1)
    return LayerNormParams(d_gamma, d_beta), d_x


def _sum(x):
    """Over the last axis, which stays, with size 1."""
    return (x @ np.ones(x.shape[-1], x.dtype))[..., None]  # faster than np.sum


def _sum_of_products(a, b):
    return np.vecdot(a, b)[..., None]
