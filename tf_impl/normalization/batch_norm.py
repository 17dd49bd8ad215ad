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

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, Positive, Range, Rate, checked
from shared.support.sizes import sizes


class BatchNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


class BatchNormState(NamedTuple):
    mean: Float[Array, "C"]
    var: Annotated[Float[Array, "C"], Range("[0, inf)")]


@checked
def batch_norm_init(n_channels: int, *, dtype: Dtype = "float32") -> tuple[BatchNormParams, BatchNormState]:
    ones, zeros = lambda: tf.ones([n_channels], dtype), lambda: tf.zeros([n_channels], dtype)
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
    batch, n = tuple(range(len(x.shape) - 1)), tf.cast(math.prod(sizes(x)[:-1]), x.dtype)
    run_mean, run_var = state
    mean = tf.reduce_mean(x, axis=batch)  # (1)
    centred = x - mean
    var = tf.reduce_mean(centred * centred, axis=batch)  # (2)
    inv_std = 1 / tf.sqrt(var + eps)
    x_hat = centred * inv_std  # (3)
    y = params.gamma * x_hat + params.beta  # (4)
    new_mean = (1 - momentum) * run_mean + momentum * mean  # (5)
    new_var = (1 - momentum) * run_var + momentum * n / (n - 1) * var  # (6)
    return y, BatchNormState(new_mean, new_var)


@checked(C=1)
def batch_norm_eval(
    params: BatchNormParams, x: Float[Array, "*N C"], state: BatchNormState, *, eps: Positive = 1e-5
) -> Float[Array, "*N C"]:
    run_mean, run_var = state
    inv_std = 1 / tf.sqrt(run_var + eps)
    x_hat = (x - run_mean) * inv_std  # (7)
    y = params.gamma * x_hat + params.beta  # (4)
    return y
