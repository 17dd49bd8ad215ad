"""Layer normalization: every example gets mean 0 and variance 1 over its own features.

    μ = mean of x over the last axis                       (1)
    σ² = mean of (x - μ)² over the last axis               (2)
    x̂ = (x - μ) / √(σ² + ε)                                (3)
    y = γ ⊙ x̂ + β                                          (4)

Shapes: x and y (..., C) with any leading axes; γ and β (C,); μ and σ² (..., 1).

Units: γ, β, y: whatever the next layer takes; ε in the square of x's unit.

Variant: the last axis alone, the biased variance, ε inside the root (the paper has none; PyTorch and ONNX have 1e-5,
    Keras 1e-3). Training and evaluation are the same. The variance takes a second pass over x: E[x²] - μ² cancels.

Raises: ValueError if sizes or dtypes disagree, if there are no features, or if ε is not positive.

Reference: Ba, Kiros & Hinton, "Layer normalization", 2016, arXiv:1607.06450, equations 3 and 4.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.shapes import Positive, checked


class LayerNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


def layer_norm_init(n_features: int, *, dtype: str = "float32") -> LayerNormParams:
    return LayerNormParams(gamma=np.ones(n_features, dtype), beta=np.zeros(n_features, dtype))


@checked(C=1)
def layer_norm(params: LayerNormParams, x: Float[Array, "*N C"], *, eps: Positive = 1e-5) -> Float[Array, "*N C"]:
    mean = _mean(x)  # (1)
    x_hat = x - mean
    var = np.vecdot(x_hat, x_hat)[..., None] / x.shape[-1]  # (2)
    inv_std = 1 / np.sqrt(var + eps)
    x_hat *= inv_std  # (3)
    return params.gamma * x_hat + params.beta, (params, x_hat, inv_std)  # (4)


def layer_norm_backward(cache, dy):
    params, x_hat, inv_std = cache
    n_features = dy.shape[-1]
    rows, rows_hat = dy.reshape(-1, n_features), x_hat.reshape(-1, n_features)
    d_gamma, d_beta = np.einsum("nc,nc->c", rows, rows_hat), np.sum(rows, axis=0)  # through (4)
    d_x = params.gamma * dy
    along = np.vecdot(d_x, x_hat)[..., None] / n_features
    d_x -= _mean(d_x) + along * x_hat  # through (1) (2)
    d_x *= inv_std  # through (3)
    return LayerNormParams(d_gamma, d_beta), d_x


def _mean(x):
    return (x @ np.ones(x.shape[-1], x.dtype))[..., None] / x.shape[-1]  # faster than np.mean
