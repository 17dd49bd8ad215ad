"""Batch normalization: every channel gets mean 0 and variance 1 over the batch; and a network (MLP) with it.

    μ = mean of x over the batch                           (1)   the batch: all axes but the last, n values
    σ² = mean of (x - μ)² over the batch                   (2)
    x̂ = (x - μ) / √(σ² + ε)                                (3)
    y = γ ⊙ x̂ + β                                          (4)
    μ_run ← (1 - m) μ_run + m μ                            (5)   running statistics, with momentum m
    σ²_run ← (1 - m) σ²_run + m n/(n-1) σ²                 (6)
    y = γ ⊙ (x - μ_run) / √(σ²_run + ε) + β                (7)   evaluation
    a_0 = x,  a_l = sigmoid(BN(a_{l-1} W_l))               (8)   the network's hidden layers, l = 1 ... L-1
    z_L = a_{L-1} W_L + b_L                                (9)   logits
    loss = -1/N Σ_n log softmax(z_L)_label(n)              (10)

Shapes: x and y (..., C) with any leading axes, so (N, C) and (N, H, W, C) alike; γ, β, μ, σ² (C,). The network: x
    (N, D), labels (N,) integers from 0 to K-1; one state for each hidden layer.

Units: γ, β, y: whatever the next layer takes; ε in the square of x's unit. The loss is in nats per example.

Variant: ε inside the root. The biased variance normalizes, the unbiased one goes into the running statistics, and m
    is the weight of the new (the paper, PyTorch; Keras's and ONNX's momentum is 1 - m, their running variance
    biased, Keras's ε 1e-3). The variance takes a second pass over x: E[x²] - μ² cancels. Gradients are
    those of the function as it stands: of y through μ and σ², and of the new running statistics where a loss depends
    on them. The network has no bias before a normalization, which would take it away; its loss is that of training.

Raises: ValueError if sizes or dtypes disagree, if training sees less than two values per channel, if m is outside
    [0, 1] or ε not positive, if a variance is negative, or if a label is negative or at least K.

Reference: Ioffe & Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015, arXiv:1502.03167, Algorithms 1 and 2.
"""

from itertools import pairwise
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.activations import sigmoid, sigmoid_backward
from numpy_impl.initializers import he_uniform
from numpy_impl.intro.mlp import MLPLayer
from shared.support.shapes import Positive, Range, Rate, checked


class BatchNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


class BatchNormState(NamedTuple):
    mean: Float[Array, "C"]
    var: Annotated[Float[Array, "C"], Range("[0, inf)")]


class BatchNormLayer(NamedTuple):
    W: Float[Array, "D C"]
    norm: BatchNormParams


class BatchNormMLPParams(NamedTuple):
    hidden: tuple[BatchNormLayer, ...]
    output: MLPLayer


def batch_norm_init(n_channels: int, *, dtype: str = "float32") -> tuple[BatchNormParams, BatchNormState]:
    ones, zeros = np.ones(n_channels, dtype), np.zeros(n_channels, dtype)
    return BatchNormParams(gamma=ones, beta=zeros), BatchNormState(mean=zeros, var=ones)


@checked(N=2, C=1)
def batch_norm(
    params: BatchNormParams,
    x: Float[Array, "*N C"],
    state: BatchNormState,
    *,
    momentum: Rate = 0.1,
    eps: Positive = 1e-5,
) -> tuple[Float[Array, "*N C"], BatchNormState]:
    rows = x.reshape(-1, x.shape[-1])
    n = rows.shape[0]
    mean = _sum(rows) / n  # (1)
    centred = rows - mean
    var = _sum_of_products(centred, centred) / n  # (2)
    inv_std = 1 / np.sqrt(var + eps)
    y = centred * (params.gamma * inv_std) + params.beta  # (3) (4)
    new_mean = (1 - momentum) * state.mean + momentum * mean  # (5)
    new_var = (1 - momentum) * state.var + momentum * n / (n - 1) * var  # (6)
    return (y.reshape(x.shape), BatchNormState(new_mean, new_var)), (params, centred, inv_std, momentum)


def batch_norm_backward(cache, d_outputs):
    params, centred, inv_std, momentum = cache
    dy, d_new = d_outputs
    d_rows, n = dy.reshape(centred.shape), len(centred)
    d_beta, d_gamma = _sum(d_rows), _sum_of_products(d_rows, centred) * inv_std  # through (4)
    slope = params.gamma * inv_std
    d_mean = momentum * d_new.mean - slope * d_beta  # through (1) (5)
    d_var = momentum * n / (n - 1) * d_new.var - slope * inv_std * d_gamma / 2  # through (2) (6)
    d_x = slope * d_rows + (2 / n * d_var) * centred + d_mean / n  # through (3)
    d_state = BatchNormState((1 - momentum) * d_new.mean, (1 - momentum) * d_new.var)
    return BatchNormParams(d_gamma, d_beta), d_x.reshape(dy.shape), d_state


def _sum(rows):
    return np.ones(len(rows), rows.dtype) @ rows  # faster and, in float32, more accurate than np.sum


def _sum_of_products(a, b):
    return np.einsum("nc,nc->c", a, b)


@checked(C=1)
def batch_norm_eval(
    params: BatchNormParams, x: Float[Array, "*N C"], state: BatchNormState, *, eps: Positive = 1e-5
) -> Float[Array, "*N C"]:
    centred, inv_std = x - state.mean, 1 / np.sqrt(state.var + eps)
    return centred * (params.gamma * inv_std) + params.beta, (params, centred, inv_std)  # (7)


def batch_norm_eval_backward(cache, dy):
    params, centred, inv_std = cache
    d_rows, slope = dy.reshape(-1, dy.shape[-1]), params.gamma * inv_std
    d_beta, d_gamma = _sum(d_rows), _sum_of_products(d_rows, centred.reshape(d_rows.shape)) * inv_std  # through (7)
    d_state = BatchNormState(mean=-slope * d_beta, var=-slope * inv_std * d_gamma / 2)
    return BatchNormParams(d_gamma, d_beta), slope * dy, d_state


def batch_norm_mlp_init(
    rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32"
) -> tuple[BatchNormMLPParams, tuple[BatchNormState, ...]]:
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, H, K), every one at least 1")
    weights = [he_uniform(rng, shape, dtype=dtype) for shape in pairwise(sizes)]
    norms, states = zip(*(batch_norm_init(size, dtype=dtype) for size in sizes[1:-1]), strict=True)
    hidden = tuple(BatchNormLayer(W, norm) for W, norm in zip(weights, norms, strict=False))
    return BatchNormMLPParams(hidden, MLPLayer(weights[-1], np.zeros(sizes[-1], dtype))), states


@checked(N=2)
def batch_norm_mlp(
    params: BatchNormMLPParams,
    x: Float[Array, "N D"],
    states: tuple[BatchNormState, ...],
    *,
    momentum: Rate = 0.1,
    eps: Positive = 1e-5,
) -> tuple[Float[Array, "N K"], tuple[BatchNormState, ...]]:
    _check(params, x, states)
    inputs, new_states, caches = [x], [], []
    for layer, state in zip(params.hidden, states, strict=True):
        (y, state), cache = batch_norm(layer.norm, inputs[-1] @ layer.W, state, momentum=momentum, eps=eps)
        inputs.append(sigmoid(y))  # (8)
        new_states.append(state)
        caches.append((y, cache))
    logits = inputs[-1] @ params.output.W + params.output.b  # (9)
    return (logits, tuple(new_states)), (params, inputs, caches)


def batch_norm_mlp_backward(cache, d_outputs, *, params_only=False):
    params, inputs, caches = cache
    d_logits, d_new_states = d_outputs
    d_output = MLPLayer(W=inputs[-1].T @ d_logits, b=np.sum(d_logits, axis=0))  # through (9)
    d_a, d_hidden, d_states = d_logits @ params.output.W.T, [], []
    for i in reversed(range(len(caches))):
        (y, norm_cache), W = caches[i], params.hidden[i].W
        d_y = sigmoid_backward(d_a, y, inputs[i + 1])
        d_norm, d_z, d_state = batch_norm_backward(norm_cache, (d_y, d_new_states[i]))
        d_hidden.append(BatchNormLayer(inputs[i].T @ d_z, d_norm))  # through (8)
        d_states.append(d_state)
        d_a = None if params_only and i == 0 else d_z @ W.T
    return BatchNormMLPParams(tuple(d_hidden[::-1]), d_output), d_a, tuple(d_states[::-1])


@checked
def batch_norm_mlp_eval(
    params: BatchNormMLPParams, x: Float[Array, "N D"], states: tuple[BatchNormState, ...], *, eps: Positive = 1e-5
) -> Float[Array, "N K"]:
    _check(params, x, states)
    for layer, state in zip(params.hidden, states, strict=True):
        y, _ = batch_norm_eval(layer.norm, x @ layer.W, state, eps=eps)
        x = sigmoid(y)  # (8)
    return x @ params.output.W + params.output.b  # (9)


@checked(N=2)
def batch_norm_mlp_loss(
    params: BatchNormMLPParams, x: Float[Array, "N D"], labels: Int[Array, "N"], *, eps: Positive = 1e-5
) -> Float[Array, ""]:
    zeros = [np.zeros_like(layer.norm.beta) for layer in params.hidden]
    unused = tuple(BatchNormState(mean=zero, var=zero) for zero in zeros)
    (logits, _), cache = batch_norm_mlp(params, x, unused, eps=eps)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (10)
    return loss, (cache, loss_cache, unused)


def batch_norm_mlp_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache, zeros = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (10)
    d_params, d_x, _ = batch_norm_mlp_backward(cache, (d_logits, zeros), params_only=params_only)
    return d_params, d_x, None


def _check(params, x, states):
    if len(states) != len(params.hidden):
        raise ValueError(f"batch_norm_mlp: states is a tuple of {len(states)}, expected {len(params.hidden)}")
    widths = [x.shape[1], *(layer.W.shape[1] for layer in params.hidden)]
    for i, W in enumerate([*(layer.W for layer in params.hidden), params.output.W]):
        if W.shape[0] != widths[i]:
            raise ValueError(f"batch_norm_mlp: W of layer {i} has shape {tuple(W.shape)}, expected {widths[i]} rows")
    for i, (state, width) in enumerate(zip(states, widths[1:], strict=True)):
        if state.mean.shape[0] != width:
            found = f"batch_norm_mlp: states[{i}] has {state.mean.shape[0]} channels"
            raise ValueError(f"{found}, expected {width}")
