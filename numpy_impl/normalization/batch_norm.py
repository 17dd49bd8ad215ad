"""Batch normalization: every channel gets mean 0 and variance 1 over the batch.

Idea: While the layers below learn, the inputs of a layer drift and spread, and every layer must follow. Here each
    channel is brought back to one mean and one variance in every step, as a part of the network: gradients go through
    the statistics too, so that no step is spent on what the normalization takes away again.

    mean = 1/n Σ_n x                                       (1)   over the batch: all axes but the last, n values
    var = 1/n Σ_n (x - mean)²                              (2)
    x_hat = (x - mean) ⊙ inv_std                           (3)   inv_std = 1 / √(var + ε)
    y = γ ⊙ x_hat + β                                      (4)
    new_mean = (1 - m) run_mean + m mean                   (5)   running statistics, with momentum m
    new_var = (1 - m) run_var + m n/(n-1) var              (6)
    x_hat = (x - run_mean) ⊙ inv_std                       (7)   evaluation: inv_std = 1 / √(run_var + ε); then (4)

Gradients:
    d_beta = Σ_n d_y                                                       through (4)
    d_gamma = Σ_n d_y ⊙ x_hat                                              through (4)
    d_x_hat = gamma ⊙ d_y                                                  through (4)
    d_mean = m d_new_mean - inv_std ⊙ Σ_n d_x_hat                          through (3) (5)
    d_var = m n/(n-1) d_new_var - ½ inv_std² ⊙ Σ_n d_x_hat ⊙ x_hat         through (3) (6)
    d_x = inv_std ⊙ d_x_hat + 2/n d_var ⊙ (x - mean) + 1/n d_mean          through (1) (2) (3)
    d_run_mean = (1 - m) d_new_mean                                        through (5)
    d_run_var = (1 - m) d_new_var                                          through (6)
    d_run_mean = -inv_std ⊙ Σ_n d_x_hat                                    through (7)   in evaluation
    d_run_var = -½ inv_std² ⊙ Σ_n d_x_hat ⊙ x_hat                          through (7)
    d_x = inv_std ⊙ d_x_hat                                                through (7)

Shapes: x, x_hat and y (..., C) with any leading axes, so (N, C) and (N, H, W, C) alike; γ, β, means and variances
    (C,).

Units: γ, β, y: whatever the next layer takes; ε in the square of x's unit.

Variant: ε stands inside the root. The biased variance normalizes, the unbiased one goes into the running statistics
    (the paper). The variance takes a second pass over x: E[x²] - mean² cancels. A loss may depend on the new running
    statistics as well; their gradients are part of d_mean and d_var.

Differs:
    torch.nn.BatchNorm1d, BatchNorm2d: channels are the second axis; ε, momentum and the variances are the same.
    Keras: its momentum is 1 - m (0.99 by default), ε is 1e-3, and the running variance is the biased one: multiply
        what a batch adds to it by n/(n-1).
    ONNX BatchNormalization: channels are the second axis; momentum and running variance are as in Keras, ε as here.

Relation: normalization/layer_norm has the same equations (1) to (4), with mean and variance of one example over its
    features; so it needs no running statistics. normalization/batch_norm_mlp is a network with batch normalization.

Raises: ValueError if sizes or dtypes disagree, if training sees less than two values per channel, if m is outside
    [0, 1] or ε not positive, or if a variance is negative.

Reference: Ioffe & Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015, arXiv:1502.03167, Algorithms 1 and 2.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.shapes import Dtype, Positive, Range, Rate, checked


class BatchNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


class BatchNormState(NamedTuple):
    mean: Float[Array, "C"]
    var: Annotated[Float[Array, "C"], Range("[0, inf)")]


class BatchNormCache(NamedTuple):
    gamma: Array
    x_hat: Array
    inv_std: Array
    n: int
    momentum: float


class BatchNormEvalCache(NamedTuple):
    gamma: Array
    x_hat: Array
    inv_std: Array


@checked
def batch_norm_init(n_channels: int, *, dtype: Dtype = "float32") -> tuple[BatchNormParams, BatchNormState]:
    ones, zeros = lambda: np.ones(n_channels, dtype), lambda: np.zeros(n_channels, dtype)
    return BatchNormParams(gamma=ones(), beta=zeros()), BatchNormState(mean=zeros(), var=ones())


@checked(N=2, C=1)
def batch_norm(
    params: BatchNormParams,
    x: Float[Array, "*N C"],
    state: BatchNormState,
    *,
    momentum: Rate = 0.1,
    eps: Positive = 1e-5,
) -> tuple[Float[Array, "*N C"], BatchNormState]:
    n = math.prod(x.shape[:-1])
    run_mean, run_var = state
    mean = _sum(x) / n  # (1)
    centred = x - mean
    var = _sum_of_products(centred, centred) / n  # (2)
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = np.multiply(centred, inv_std, out=centred)  # (3)
    y = params.gamma * x_hat
    y += params.beta  # (4)
    new_mean = (1 - momentum) * run_mean + momentum * mean  # (5)
    new_var = (1 - momentum) * run_var + momentum * n / (n - 1) * var  # (6)
    return (y, BatchNormState(new_mean, new_var)), BatchNormCache(params.gamma, x_hat, inv_std, n, momentum)


def batch_norm_backward(cache, d_outputs):
    gamma, x_hat, inv_std, n, momentum = cache
    d_y, (d_new_mean, d_new_var) = d_outputs
    d_beta, d_gamma = _sum(d_y), _sum_of_products(d_y, x_hat)  # through (4)
    d_x_hat = gamma * d_y  # through (4)
    # gamma is the same in every row, so Σ d_x_hat is gamma d_beta, and Σ d_x_hat x_hat is gamma d_gamma
    d_mean = momentum * d_new_mean - inv_std * (gamma * d_beta)  # through (3) (5)
    d_var = momentum * n / (n - 1) * d_new_var - inv_std**2 / 2 * (gamma * d_gamma)  # through (3) (6)
    d_x = np.multiply(inv_std, d_x_hat, out=d_x_hat)  # through (3)
    d_x += 2 / n * d_var / inv_std * x_hat  # through (2): x - mean is x_hat / inv_std
    d_x += d_mean / n  # through (1)
    d_run_mean, d_run_var = (1 - momentum) * d_new_mean, (1 - momentum) * d_new_var  # through (5) (6)
    return BatchNormParams(d_gamma, d_beta), d_x, BatchNormState(d_run_mean, d_run_var)


@checked(C=1)
def batch_norm_eval(
    params: BatchNormParams, x: Float[Array, "*N C"], state: BatchNormState, *, eps: Positive = 1e-5
) -> Float[Array, "*N C"]:
    run_mean, run_var = state
    inv_std = 1 / np.sqrt(run_var + eps)
    x_hat = (x - run_mean) * inv_std  # (7)
    y = params.gamma * x_hat + params.beta  # (4)
    return y, BatchNormEvalCache(params.gamma, x_hat, inv_std)


def batch_norm_eval_backward(cache, d_y):
    gamma, x_hat, inv_std = cache
    d_beta, d_gamma = _sum(d_y), _sum_of_products(d_y, x_hat)  # through (4)
    d_x_hat = gamma * d_y  # through (4)
    d_run_mean = -inv_std * (gamma * d_beta)  # through (7)
    d_run_var = -(inv_std**2) / 2 * (gamma * d_gamma)  # through (7)
    d_x = inv_std * d_x_hat  # through (7)
    return BatchNormParams(d_gamma, d_beta), d_x, BatchNormState(d_run_mean, d_run_var)


def _sum(x):
    """Over all axes but the last."""
    rows = x.reshape(-1, x.shape[-1])
    return np.ones(len(rows), x.dtype) @ rows  # faster and, in float32, more accurate than np.sum


def _sum_of_products(a, b):
    return np.einsum("nc,nc->c", a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]))
