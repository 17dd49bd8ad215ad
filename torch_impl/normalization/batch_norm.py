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

import torch
from torch import Tensor as Array
from jaxtyping import Float, Int
from numpy.random import Generator

from shared.support.shapes import Positive, Range, Rate, checked
from torch_impl import losses
from torch_impl.activations import sigmoid
from torch_impl.initializers import he_uniform
from torch_impl.intro.mlp import MLPLayer


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
    kind = {"dtype": getattr(torch, dtype)}
    ones, zeros = torch.ones(n_channels, **kind), torch.zeros(n_channels, **kind)
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
    mean = torch.mean(rows, dim=0)  # (1)
    centred = rows - mean
    var = torch.mean(centred * centred, dim=0)  # (2)
    inv_std = 1 / torch.sqrt(var + eps)
    y = centred * (params.gamma * inv_std) + params.beta  # (3) (4)
    new_mean = (1 - momentum) * state.mean + momentum * mean  # (5)
    new_var = (1 - momentum) * state.var + momentum * n / (n - 1) * var  # (6)
    return y.reshape(x.shape), BatchNormState(new_mean, new_var)


@checked(C=1)
def batch_norm_eval(
    params: BatchNormParams, x: Float[Array, "*N C"], state: BatchNormState, *, eps: Positive = 1e-5
) -> Float[Array, "*N C"]:
    centred, inv_std = x - state.mean, 1 / torch.sqrt(state.var + eps)
    return centred * (params.gamma * inv_std) + params.beta  # (7)


def batch_norm_mlp_init(
    rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32"
) -> tuple[BatchNormMLPParams, tuple[BatchNormState, ...]]:
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, H, K), every one at least 1")
    weights = [he_uniform(rng, shape, dtype=dtype) for shape in pairwise(sizes)]
    norms, states = zip(*(batch_norm_init(size, dtype=dtype) for size in sizes[1:-1]), strict=True)
    hidden = tuple(BatchNormLayer(W, norm) for W, norm in zip(weights, norms, strict=False))
    zeros = torch.zeros(sizes[-1], dtype=getattr(torch, dtype))
    return BatchNormMLPParams(hidden, MLPLayer(weights[-1], zeros)), states


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
    a, new_states = x, []
    for layer, state in zip(params.hidden, states, strict=True):
        y, state = batch_norm(layer.norm, a @ layer.W, state, momentum=momentum, eps=eps)
        a = sigmoid(y)  # (8)
        new_states.append(state)
    return a @ params.output.W + params.output.b, tuple(new_states)  # (9)


@checked
def batch_norm_mlp_eval(
    params: BatchNormMLPParams, x: Float[Array, "N D"], states: tuple[BatchNormState, ...], *, eps: Positive = 1e-5
) -> Float[Array, "N K"]:
    _check(params, x, states)
    for layer, state in zip(params.hidden, states, strict=True):
        x = sigmoid(batch_norm_eval(layer.norm, x @ layer.W, state, eps=eps))  # (8)
    return x @ params.output.W + params.output.b  # (9)


@checked(N=2)
def batch_norm_mlp_loss(
    params: BatchNormMLPParams, x: Float[Array, "N D"], labels: Int[Array, "N"], *, eps: Positive = 1e-5
) -> Float[Array, ""]:
    zeros = [torch.zeros_like(layer.norm.beta) for layer in params.hidden]
    unused = tuple(BatchNormState(mean=zero, var=zero) for zero in zeros)
    logits, _ = batch_norm_mlp(params, x, unused, eps=eps)
    return losses.softmax_cross_entropy(logits, labels)  # (10)


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
