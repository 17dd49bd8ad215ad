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

import torch
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import Positive, checked


class LayerNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


def layer_norm_init(n_features: int, *, dtype: str = "float32") -> LayerNormParams:
    kind = {"dtype": getattr(torch, dtype)}
    return LayerNormParams(gamma=torch.ones(n_features, **kind), beta=torch.zeros(n_features, **kind))


@checked(C=1)
def layer_norm(params: LayerNormParams, x: Float[Array, "*N C"], *, eps: Positive = 1e-5) -> Float[Array, "*N C"]:
    mean = torch.mean(x, dim=-1, keepdim=True)  # (1)
    centred = x - mean
    var = torch.mean(centred * centred, dim=-1, keepdim=True)  # (2)
    x_hat = centred / torch.sqrt(var + eps)  # (3)
    return params.gamma * x_hat + params.beta  # (4)
