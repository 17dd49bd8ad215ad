"""A convolutional network (CNN) like LeNet: blocks of convolution and pooling, then a multilayer perceptron.

    a_0 = x,  z_l = conv2d(a_{l-1})                                (1)   in the blocks l = 1 ... B
    u_l = batch_norm(z_l), or z_l in a block without one           (2)   batch_norm_eval in evaluation
    a_l = relu(pooling_max(u_l))                                   (3)
    f_n = all of a_B,n, rows, columns, channels                    (4)   features
    logits = mlp(f), or dropout_mlp(f) if there are masks          (5)   relu between its layers
    loss = -1/N Σ_n log softmax(logits_n)_label(n)                 (6)

Shapes: x (N, H, W, C), labels (N,) integers from 0 to K-1, logits (N, K). params.blocks holds B blocks, params.dense
    the layers of the MLP; states one BatchNormState for every block, None for one without; masks those of
    dropout_mlp, one for the features and one for every hidden layer. pools is the pooling window, or one for every
    block, 1 for none; padding is that of every convolution. cnn_init describes a net as convs = ((kernel, channels),
    ...) and dense = (hidden, ..., K).

Units: the loss is in nats per example.

Variant: relu after pooling, which is the same as before it, at a quarter of the price; LeNet-5 itself has means with
    weights, sigmoids and sparse connections. cnn_init's own net is Caffe's LeNet. A block has a bias or a
    normalization, which would take the bias away. cnn_train and cnn_loss normalize by the batch, cnn by the running
    statistics, without dropout. The same p drops features and hidden units.

Raises: ValueError if sizes or dtypes disagree, if nothing is left of the image, if there is not one state, mask or
    pooling window for each place, if a loss has no examples, or if a label is negative or at least K.

Reference: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition", Proceedings of
    the IEEE 86 (1998).
"""

import math
from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Rate, checked
from tf_impl import losses
from tf_impl.activations import relu
from tf_impl.convolutional.conv2d import Conv2DParams, conv2d, conv2d_geometry, conv2d_init
from tf_impl.convolutional.pooling import pooling_max
from tf_impl.intro.mlp import MLPLayer, mlp, mlp_init
from tf_impl.normalization.batch_norm import (
    BatchNormParams,
    BatchNormState,
    batch_norm,
    batch_norm_eval,
    batch_norm_init,
)
from tf_impl.regularization.dropout_mlp import dropout_mlp


class CNNBlock(NamedTuple):
    W: Float[Array, "kH kW C_in C"]
    b: Float[Array, "C"] | None
    norm: BatchNormParams | None


class CNNParams(NamedTuple):
    blocks: tuple[CNNBlock, ...]
    dense: tuple[MLPLayer, ...]


States = tuple[BatchNormState | None, ...]
Masks = tuple[Bool[Array, "N D"], ...]


def cnn_init(
    rng: Generator,
    size: tuple[int, int, int],
    *,
    convs: tuple[tuple[int, int], ...] = ((5, 20), (5, 50)),
    dense: tuple[int, ...] = (500, 10),
    norm: bool = False,
    padding: str = "valid",
    pools: int | tuple[int, ...] = 2,
    dtype: str = "float32",
) -> tuple[CNNParams, States]:
    *image, channels = size
    blocks, states = [], []
    for (kernel, n_out), pool in zip(convs, _pools(pools, len(convs)), strict=True):
        W, b = conv2d_init(rng, (kernel, kernel), channels, n_out, dtype=dtype)
        params, state = batch_norm_init(n_out, dtype=dtype) if norm else (None, None)
        blocks.append(CNNBlock(W, None if norm else b, params))
        states.append(state)
        image = conv2d_geometry(image, (kernel, kernel), padding=padding).out
        image, channels = conv2d_geometry(image, (pool, pool), stride=pool).out, n_out
    layers = mlp_init(rng, (math.prod(image) * channels, *dense), dtype=dtype)
    return CNNParams(tuple(blocks), layers), tuple(states)


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
        z = conv2d(_conv(block), a, padding=padding)  # (1)
        if block.norm is not None:
            z, state = batch_norm(block.norm, z, state)  # (2)
        a = relu(pooling_max(z, window=pool))  # (3)
        new_states.append(state)
    f = tf.reshape(a, [a.shape[0], math.prod(a.shape[1:])])  # (4)
    if masks is None:
        logits = mlp(params.dense, f)  # (5)
    else:
        logits = dropout_mlp(params.dense, f, masks, p_input=p, p=p)  # (5)
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
    for block, state, pool in zip(params.blocks, states, _pools(pools, len(params.blocks)), strict=True):
        x = conv2d(_conv(block), x, padding=padding)  # (1)
        if block.norm is not None:
            x = batch_norm_eval(block.norm, x, state)  # (2)
        x = relu(pooling_max(x, window=pool))  # (3)
    f = tf.reshape(x, [x.shape[0], math.prod(x.shape[1:])])  # (4)
    return mlp(params.dense, f)  # (5)


@checked(N=1)
def cnn_loss(
    params: CNNParams,
    x: Float[Array, "N H W C_in"],
    labels: Int[Array, "N"],
    masks: Masks | None = None,
    *,
    padding: str = "valid",
    pools: int | tuple[int, ...] = 2,
    p: Rate = 0.5,
) -> Float[Array, ""]:
    states = tuple(_unused(block) for block in params.blocks)
    logits, _ = cnn_train(params, x, states, masks, padding=padding, pools=pools, p=p)
    return losses.softmax_cross_entropy(logits, labels)  # (6)


def _conv(block):
    return Conv2DParams(block.W, tf.zeros_like(block.W[0, 0, 0]) if block.b is None else block.b)


def _unused(block):
    """A state for a loss, which running statistics do not change."""
    return block.norm and BatchNormState(tf.zeros_like(block.norm.beta), tf.zeros_like(block.norm.beta))


def _pools(pools, n_blocks):
    windows = pools if isinstance(pools, tuple) else (pools,) * n_blocks
    if len(windows) != n_blocks:
        raise ValueError(f"cnn: pools is {pools}, expected an integer or one for each of {n_blocks} blocks")
    return windows


def _check(params, states):
    if len(states) != len(params.blocks):
        raise ValueError(
            f"cnn: states is a tuple of {len(states)}, expected {len(params.blocks)}, one for each block"
        )
    for i, (block, state) in enumerate(zip(params.blocks, states, strict=True)):
        if (block.b is None) == (block.norm is None):
            raise ValueError(f"cnn: params.blocks[{i}] has both or none of b and norm, expected one of them")
        if (block.norm is None) != (state is None):
            found = f"cnn: states[{i}] is {'None' if state is None else 'a state'}"
            raise ValueError(f"{found}, expected {'a state' if state is None else 'None'}, as params.blocks[{i}]")
