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

# A port of normalization/batch_norm. Check it with: triptych check normalization/batch_norm --impl THIS_FILE
# Every `raise NotImplementedError` gives way to code; the comments above it name the lines that
# compute an equation. Keep their names, and the numbers at their ends: so the check can tell in which
# equation, step and element a port goes wrong.
# Gradients are taken by the library where Triptych knows how (JAX, MLX, PyTorch, TensorFlow);
# elsewhere write f_backward beside f, as the NumPy column has it: f(...) -> (outputs, cache) and
# f_backward(cache, d_outputs) -> d_args.
# The columns import from their siblings: losses, activations.sigmoid, initializers.he_uniform.

from itertools import pairwise
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, nn
from numpy.random import Generator


class MLPLayer(NamedTuple):
    W: Array  # (D_in, D_out)
    b: Array  # (D_out,)


class BatchNormParams(NamedTuple):
    gamma: Array  # (C,)
    beta: Array  # (C,)


class BatchNormState(NamedTuple):
    mean: Array  # (C,)
    var: Array  # (C,)


class BatchNormLayer(NamedTuple):
    W: Array  # (D, C)
    norm: BatchNormParams


class BatchNormMLPParams(NamedTuple):
    hidden: tuple[BatchNormLayer, ...]
    output: MLPLayer


def batch_norm_init(n_channels: int, *, dtype: str = "float32") -> tuple[BatchNormParams, BatchNormState]:
    ones, zeros = jnp.ones(n_channels, dtype), jnp.zeros(n_channels, dtype)
    return BatchNormParams(gamma=ones, beta=zeros), BatchNormState(mean=zeros, var=ones)


def batch_norm(
    params: BatchNormParams, x: Array, state: BatchNormState, *, momentum: float = 0.1, eps: float = 1e-5
) -> tuple[Array, BatchNormState]:
    # x (..., C), momentum in [0, 1], eps > 0, returns (..., C)
    batch = tuple(range(x.ndim - 1))
    n = x.size // x.shape[-1]
    mean = jnp.mean(x, axis=batch)  # (1)
    var = jnp.var(x, axis=batch)  # (2)
    y = params.gamma * (x - mean) / jnp.sqrt(var + eps) + params.beta  # (3) (4)
    new_mean = (1 - momentum) * state.mean + momentum * mean  # (5)
    new_var = (1 - momentum) * state.var + momentum * n / (n - 1) * var  # (6)
    return y, BatchNormState(new_mean, new_var)


def batch_norm_eval(params: BatchNormParams, x: Array, state: BatchNormState, *, eps: float = 1e-5) -> Array:
    # x (..., C), eps > 0, returns (..., C)
    return params.gamma * (x - state.mean) / jnp.sqrt(state.var + eps) + params.beta  # (7)


def batch_norm_mlp_init(
    rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32"
) -> tuple[BatchNormMLPParams, tuple[BatchNormState, ...]]:
    bounds = [(6 / n_in) ** 0.5 for n_in in sizes]
    shapes = zip(bounds, pairwise(sizes), strict=False)
    weights = [jnp.asarray(rng.uniform(-bound, bound, shape), dtype) for bound, shape in shapes]
    norms, states = zip(*(batch_norm_init(size, dtype=dtype) for size in sizes[1:-1]), strict=True)
    hidden = tuple(BatchNormLayer(W, norm) for W, norm in zip(weights, norms, strict=False))
    return BatchNormMLPParams(hidden, MLPLayer(weights[-1], jnp.zeros(sizes[-1], dtype))), states


def batch_norm_mlp(
    params: BatchNormMLPParams,
    x: Array,
    states: tuple[BatchNormState, ...],
    *,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, tuple[BatchNormState, ...]]:
    # x (N, D), momentum in [0, 1], eps > 0, returns (N, K)
    a, new_states = x, []
    for layer, state in zip(params.hidden, states, strict=True):
        y, state = batch_norm(layer.norm, a @ layer.W, state, momentum=momentum, eps=eps)
        a = nn.sigmoid(y)  # (8)
        new_states.append(state)
    return a @ params.output.W + params.output.b, tuple(new_states)  # (9)


def batch_norm_mlp_eval(
    params: BatchNormMLPParams, x: Array, states: tuple[BatchNormState, ...], *, eps: float = 1e-5
) -> Array:
    # x (N, D), eps > 0, returns (N, K)
    for layer, state in zip(params.hidden, states, strict=True):
        x = nn.sigmoid(batch_norm_eval(layer.norm, x @ layer.W, state, eps=eps))  # (8)
    return x @ params.output.W + params.output.b  # (9)


def batch_norm_mlp_loss(params: BatchNormMLPParams, x: Array, labels: Array, *, eps: float = 1e-5) -> Array:
    # x (N, D), labels (N,) integers, eps > 0, returns ()
    zeros = (jnp.zeros_like(layer.norm.beta) for layer in params.hidden)
    logits, _ = batch_norm_mlp(params, x, tuple(BatchNormState(zero, zero) for zero in zeros), eps=eps)
    return -jnp.mean(jnp.take_along_axis(nn.log_softmax(logits), labels[:, None], axis=-1))  # (10)
