"""A convolutional network (CNN) like LeNet: blocks of convolution and pooling, then a multilayer perceptron.

Idea: Convolutions find small patterns wherever they are, and pooling forgets exactly where; so the next block sees
    larger patterns. What is left at the end is a short list of features, which an ordinary network can classify.

    a_0 = x,  z_l = conv2d(a_{l-1})                                (1)   in the blocks l = 1 ... B
    u_l = batch_norm(z_l), or z_l in a block without one           (2)   batch_norm_eval in evaluation
    m_l = pooling_max(u_l)                                         (3)
    a_l = relu(m_l)                                                (4)
    f_n = all of a_B,n: rows, columns, channels                    (5)   features
    logits = mlp(f), or dropout_mlp(f) if there are masks          (6)   relu between its layers
    loss = -1/N Σ_n log softmax(logits_n)_label(n)                 (7)

Gradients:
    d_logits = d_loss (softmax(logits) - onehot(labels)) / N                   through (7)
    d_dense, d_f = mlp_backward(d_logits), or dropout_mlp_backward(d_logits)   through (6)
    d_a_{B} = d_f in the shape of a_B                                          through (5)
    d_m_l = d_a_l ⊙ [m_l > 0]                                                  through (4)
    d_u_l = pooling_max_backward(d_m_l)                                        through (3)
    d_norm_l, d_z_l, d_state_l = batch_norm_backward(d_u_l, d_new_state_l)     through (2)
    d_conv_l, d_a_{l-1} = conv2d_backward(d_z_l)                               through (1)   of W_l, b_l and a_{l-1}

Shapes: x (N, H, W, C), labels (N,) integers from 0 to K-1, logits (N, K). For every block: one of states, None if it
    has no normalization; of pools, 1 for no pooling, or one number for all. masks: those of dropout_mlp. padding: of
    every convolution. cnn_init describes a net as convs = ((kernel, channels), ...) and dense = (hidden, ..., K).

Units: the loss is in nats per example.

Variant: relu after pooling, which is the same as before it, at a quarter of the price. A block has a bias or a
    normalization, which would take the bias away. cnn_train and cnn_loss normalize by the batch, cnn by the running
    statistics, without dropout. The same p drops features and hidden units. cnn_init's own net is Caffe's LeNet.

Differs:
    LeCun et al.: LeNet-5 pools by means with weights, and has sigmoids and sparse connections.
    torch: channels first, so Flatten gives channels, rows, columns; the rows of dense[0].W go into that order.

Raises: ValueError if sizes or dtypes disagree, if nothing is left of the image, if there is not one state, mask or
    pooling window for each place, if a loss has no examples, or if a label is negative or at least K.

Reference: LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86 (1998).
"""

import math
from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Chain, Dtype, Rate, checked
from shared.support.sizes import sizes
from tf_impl import losses
from tf_impl.activations import relu
from tf_impl.convolutional.conv2d import Conv2DParams, conv2d, conv2d_geometry, conv2d_init
from tf_impl.convolutional.pooling import pooling_max
from tf_impl.intro.mlp import MLPLayer, mlp, mlp_init
from tf_impl.normalization import batch_norm as bn
from tf_impl.regularization.dropout_mlp import dropout_mlp


class CNNBlock(NamedTuple):
    W: Float[Array, "kH kW C_in C"]
    b: Float[Array, "C"] | None
    norm: bn.BatchNormParams | None


class CNNParams(NamedTuple):
    blocks: tuple[CNNBlock, ...]
    dense: Annotated[tuple[MLPLayer, ...], Chain("W", last="K")]


States = tuple[bn.BatchNormState | None, ...]
Masks = tuple[Bool[Array, "N D"], ...]


@checked
def cnn_init(
    rng: Generator,
    size: tuple[int, int, int],
    *,
    convs: tuple[tuple[int, int], ...] = ((5, 20), (5, 50)),
    dense: tuple[int, ...] = (500, 10),
    norm: bool = False,
    padding: str = "valid",
    pools: int | tuple[int, ...] = 2,
    dtype: Dtype = "float32",
) -> tuple[CNNParams, States]:
    *image, channels = size
    blocks, states = [], []
    for (kernel, n_out), pool in zip(convs, _pools(pools, len(convs)), strict=True):
        W, b = conv2d_init(rng, (kernel, kernel), channels, n_out, dtype=dtype)
        params, state = bn.batch_norm_init(n_out, dtype=dtype) if norm else (None, None)
        blocks.append(CNNBlock(W, None if norm else b, params))
        states.append(state)
        image = conv2d_geometry(image, (kernel, kernel), padding=padding).out
        image, channels = conv2d_geometry(image, (pool, pool), stride=pool).out, n_out
    return CNNParams(tuple(blocks), mlp_init(rng, (math.prod(image) * channels, *dense), dtype=dtype)), tuple(states)


@checked(N=1)
def cnn_train(
    params: CNNParams,
    x: Float[Array, "N H W C_in"],
    states: States,
    masks: Masks | None = None,
    *,
    padding: str = "valid",
    pools: int | tuple[int, ...] = 2,
    p: Rate = 0.5,
) -> tuple[Float[Array, "N K"], States]:
    _check(params, states)
    a, new_states = x, []
    for block, state, pool in zip(params.blocks, states, _pools(pools, len(params.blocks)), strict=True):
        conv = _conv(block)
        z = conv2d(conv, a, padding=padding)  # (1)
        u, new_state = z, state
        if block.norm is not None:
            u, new_state = bn.batch_norm(block.norm, z, state)  # (2)
        m = pooling_max(u, window=pool)  # (3)
        a = relu(m)  # (4)
        new_states.append(new_state)
    f = _features(params, a)  # (5)
    if masks is None:
        logits = mlp(params.dense, f)  # (6)
    else:
        logits = dropout_mlp(params.dense, f, masks, p_input=p, p=p)  # (6)
    return logits, tuple(new_states)


@checked
def cnn(
    params: CNNParams,
    x: Float[Array, "N H W C_in"],
    states: States,
    *,
    padding: str = "valid",
    pools: int | tuple[int, ...] = 2,
) -> Float[Array, "N K"]:
    _check(params, states)
    a = x
    for block, state, pool in zip(params.blocks, states, _pools(pools, len(params.blocks)), strict=True):
        z = conv2d(_conv(block), a, padding=padding)  # (1)
        u = z if block.norm is None else bn.batch_norm_eval(block.norm, z, state)  # (2)
        m = pooling_max(u, window=pool)  # (3)
        a = relu(m)  # (4)
    f = _features(params, a)  # (5)
    logits = mlp(params.dense, f)  # (6)
    return logits


@checked(N=1)
def cnn_loss(
    params: CNNParams,
    x: Float[Array, "N H W C_in"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    masks: Masks | None = None,
    *,
    padding: str = "valid",
    pools: int | tuple[int, ...] = 2,
    p: Rate = 0.5,
) -> Float[Array, ""]:
    logits, _ = cnn_train(params, x, _unused(params), masks, padding=padding, pools=pools, p=p)
    loss = losses.softmax_cross_entropy(logits, labels)  # (7)
    return loss


def _features(params, a):
    f, shape = tf.reshape(a, [sizes(a)[0], math.prod(a.shape[1:])]), tuple(params.dense[0].W.shape)
    if shape[0] != f.shape[1]:
        raise ValueError(f"cnn: params.dense[0].W has shape {shape}, expected {f.shape[1]} rows, as many as features")
    return f


def _conv(block):
    return Conv2DParams(block.W, tf.zeros_like(block.W[0, 0, 0]) if block.b is None else block.b)


def _unused(params):
    """States for a loss, which running statistics do not change."""
    zeros = [block.norm and tf.zeros_like(block.norm.beta) for block in params.blocks]
    return tuple(None if zero is None else bn.BatchNormState(zero, zero) for zero in zeros)


def _pools(pools, n_blocks):
    windows = pools if isinstance(pools, tuple) else (pools,) * n_blocks
    if len(windows) != n_blocks:
        raise ValueError(f"cnn: pools is {pools}, expected an integer or one for each of {n_blocks} blocks")
    return windows


def _check(params, states):
    n = len(params.blocks)
    if len(states) != n:
        raise ValueError(f"cnn: states is a tuple of {len(states)}, expected {n}, one for each block")
    for i, (block, state) in enumerate(zip(params.blocks, states, strict=True)):
        if (block.b is None) == (block.norm is None):
            raise ValueError(f"cnn: params.blocks[{i}] has both or none of b and norm, expected one of them")
        if (block.norm is None) != (state is None):
            found = f"cnn: states[{i}] is {'None' if state is None else 'a state'}"
            raise ValueError(f"{found}, expected {'a state' if state is None else 'None'}, as params.blocks[{i}]")
