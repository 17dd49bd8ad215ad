"""Multilayer perceptron with batch normalization between the affine map and the sigmoid of every hidden layer.

Idea: A sigmoid learns only where its input is near 0, and a stack of them soon leaves that range. Normalized inputs
    stay in it, so that deep stacks train at learning rates at which a plain network hardly moves.

    a_0 = x,  z_l = a_{l-1} W_l                            (1)   for the hidden layers l = 1 ... L-1
    y_l, new_state_l = batch_norm(z_l, state_l)            (2)   batch_norm_eval in evaluation
    a_l = σ(y_l)                                           (3)
    logits = a_{L-1} W_L + b_L                             (4)
    loss = -1/N Σ_n log softmax(logits_n)_label(n)         (5)

Gradients:
    d_logits = d_loss / N (softmax(logits) - onehot(labels))                              through (5)
    d_W_{L} = a_{L-1}ᵀ d_logits                                                           through (4)
    d_b_{L} = Σ_n d_logits                                                                through (4)
    d_a_{L-1} = d_logits W_Lᵀ                                                             through (4)
    d_y_l = d_a_l ⊙ a_l ⊙ (1 - a_l)                                                       through (3)
    d_norm_l, d_z_l, d_state_l = batch_norm_backward(cache_l, (d_y_l, d_new_state_l))     through (2)
    d_W_l = a_{l-1}ᵀ d_z_l                                                                through (1)
    d_a_{l-1} = d_z_l W_lᵀ                                                                through (1)   d_a_0 = d_x

Shapes: x (N, D), labels (N,) integers from 0 to K-1, z_l, y_l and a_l (N, H_l), W_l (H_{l-1}, H_l) with H_0 = D,
    logits (N, K); norm_l holds γ and β (H_l,), state_l the running mean and variance (H_l,).

Units: the loss is in nats per example.

Variant: the hidden layers have no bias, which the normalization would take away. The loss is that of training, by
    the statistics of the batch; it does not depend on running statistics. batch_norm_mlp_init draws He-uniform
    weights and sets γ to 1, β and the bias to 0.

Differs:
    torch and Keras: write it as linear layers without bias, BatchNorm1d or BatchNormalization, and sigmoids in a
        Sequential; see normalization/batch_norm for what their normalizations do differently.

Relation: intro/mlp with sigmoids is the same network without (2), and with a bias in its place.

Raises: ValueError if sizes or dtypes disagree, if there is not one state for each hidden layer, if training sees less
    than two examples, if momentum is outside [0, 1] or ε not positive, or if a label is negative or at least K.

Reference: Ioffe & Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015, arXiv:1502.03167, section 4.1.
"""

from itertools import pairwise
from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Chain, Dtype, Positive, Rate, checked
from tf_impl import losses
from tf_impl.activations import sigmoid
from tf_impl.initializers import he_uniform
from tf_impl.intro.mlp import MLPLayer
from tf_impl.normalization.batch_norm import (
    BatchNormParams,
    BatchNormState,
    batch_norm,
    batch_norm_eval,
    batch_norm_init,
)


class BatchNormLayer(NamedTuple):
    W: Float[Array, "D C"]
    norm: BatchNormParams


class BatchNormMLPParams(NamedTuple):
    hidden: Annotated[tuple[BatchNormLayer, ...], Chain("W", first="D", last="D_in")]
    output: MLPLayer


@checked
def batch_norm_mlp_init(
    rng: Generator, sizes: tuple[int, ...], *, dtype: Dtype = "float32"
) -> tuple[BatchNormMLPParams, tuple[BatchNormState, ...]]:
    if len(sizes) < 3 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, H, K), every one at least 1")
    weights = [he_uniform(rng, shape, dtype=dtype) for shape in pairwise(sizes)]
    norms, states = zip(*(batch_norm_init(size, dtype=dtype) for size in sizes[1:-1]), strict=True)
    hidden = tuple(BatchNormLayer(W, norm) for W, norm in zip(weights, norms, strict=False))
    zeros = tf.zeros([sizes[-1]], dtype)
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
    _check(params, states)
    a, new_states = x, []
    for layer, state in zip(params.hidden, states, strict=True):
        z = a @ layer.W  # (1)
        y, new_state = batch_norm(layer.norm, z, state, momentum=momentum, eps=eps)  # (2)
        new_states.append(new_state)
        a = sigmoid(y)  # (3)
    logits = a @ params.output.W + params.output.b  # (4)
    return logits, tuple(new_states)


@checked
def batch_norm_mlp_eval(
    params: BatchNormMLPParams, x: Float[Array, "N D"], states: tuple[BatchNormState, ...], *, eps: Positive = 1e-5
) -> Float[Array, "N K"]:
    _check(params, states)
    a = x
    for layer, state in zip(params.hidden, states, strict=True):
        z = a @ layer.W  # (1)
        y = batch_norm_eval(layer.norm, z, state, eps=eps)  # (2)
        a = sigmoid(y)  # (3)
    logits = a @ params.output.W + params.output.b  # (4)
    return logits


@checked(N=2)
def batch_norm_mlp_loss(
    params: BatchNormMLPParams, x: Float[Array, "N D"], labels: Int[Array, "N"], *, eps: Positive = 1e-5
) -> Float[Array, ""]:
    zeros = [tf.zeros_like(layer.norm.beta) for layer in params.hidden]
    unused = tuple(BatchNormState(mean=zero, var=zero) for zero in zeros)
    logits, _ = batch_norm_mlp(params, x, unused, eps=eps)
    loss = losses.softmax_cross_entropy(logits, labels)  # (5)
    return loss


def _check(params, states):
    if len(states) != len(params.hidden):
        raise ValueError(f"batch_norm_mlp: states is a tuple of {len(states)}, expected {len(params.hidden)}")
    for i, (state, layer) in enumerate(zip(states, params.hidden, strict=True)):
        if state.mean.shape[0] != layer.W.shape[1]:
            found = f"batch_norm_mlp: states[{i}] has {state.mean.shape[0]} channels"
            raise ValueError(f"{found}, expected {layer.W.shape[1]}")
