"""Dropout: in every training step, a random part of the units is switched off; and a network (MLP) trained so.

    m = 1 where u < 1 - p, else 0                          (1)   u ~ U[0, 1): a unit is dropped with probability p
    y = m ⊙ x / (1 - p)                                    (2)   0 if p = 1
    a_0 = dropout(x)                                       (3)   with its own p, p_input
    a_l = dropout(relu(a_{l-1} W_l + b_l))                 (4)   for the hidden layers l = 1 ... L-1
    z_L = a_{L-1} W_L + b_L                                (5)   logits
    loss = -1/N Σ_n log softmax(z_L)_label(n)              (6)

Shapes: dropout takes two arrays of one shape, whatever it is, mask m being boolean. The network: x (N, D), labels
    (N,) integers from 0 to K-1; params is a tuple of L layers W_l (D_{l-1}, D_l), b_l (D_l,); masks a tuple of L
    arrays, the first for x, the others for the hidden layers: masks[l] is (N, D_l).

Units: the loss is in nats per example.

Variant: "inverted" dropout, as everywhere today: what is kept grows by 1 / (1 - p) in training, so that the mean over
    all masks is x and nothing at all is done in evaluation. There, the network is that of intro/mlp. p is the
    probability to drop; in the paper it is the probability to keep, and weights shrink by it after training.

Raises: ValueError if shapes or dtypes disagree, if p is outside [0, 1], if a loss has no examples, or if a label is
    negative or at least K.

Reference: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting", Journal of Machine Learning Research 15 (2014).
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from numpy_impl import losses
from numpy_impl.activations import relu, relu_backward
from numpy_impl.intro.mlp import MLPLayer, MLPParams
from shared.support.shapes import Rate, checked

Masks = tuple[Bool[Array, "N D"], ...]


@checked
def dropout_mask(u: Float[Array, "*shape"], *, p: Rate = 0.5) -> Bool[Array, "*shape"]:
    return u < 1 - p  # (1)


@checked
def dropout(x: Float[Array, "*shape"], mask: Bool[Array, "*shape"], *, p: Rate = 0.5) -> Float[Array, "*shape"]:
    scale = 1 / (1 - p) if p < 1 else 0.0
    return mask * (scale * x), (mask, scale)  # (2)


def dropout_backward(cache, dy):
    mask, scale = cache
    return mask * (scale * dy), None  # through (2)


@checked(N=1)
def dropout_mlp(
    params: MLPParams, x: Float[Array, "N D"], masks: Masks, *, p_input: Rate = 0.2, p: Rate = 0.5
) -> Float[Array, "N K"]:
    _check(params, x, masks)
    a, drop_cache = dropout(x, masks[0], p=p_input)  # (3)
    caches = []
    for layer, mask in zip(params[:-1], masks[1:], strict=True):
        z = a @ layer.W + layer.b
        h = relu(z)
        caches.append((a, z, h, drop_cache))
        a, drop_cache = dropout(h, mask, p=p)  # (4)
    return a @ params[-1].W + params[-1].b, (params, caches, a, drop_cache)  # (5)


def dropout_mlp_backward(cache, d_logits, *, params_only=False):
    params, caches, a, drop_cache = cache
    d_params, d_z = [_layer_backward(a, d_logits)], d_logits  # through (5)
    for layer, (a, z, h, before) in zip(params[:0:-1], reversed(caches), strict=True):
        d_h, _ = dropout_backward(drop_cache, d_z @ layer.W.T)
        d_z, drop_cache = relu_backward(d_h, z, h), before
        d_params.append(_layer_backward(a, d_z))  # through (4)
    d_x = None if params_only else dropout_backward(drop_cache, d_z @ params[0].W.T)[0]  # through (3)
    return tuple(reversed(d_params)), d_x, (None,) * len(params)


def _layer_backward(a, d_z):
    return MLPLayer(W=a.T @ d_z, b=np.sum(d_z, axis=0))


@checked(N=1)
def dropout_mlp_loss(
    params: MLPParams,
    x: Float[Array, "N D"],
    labels: Int[Array, "N"],
    masks: Masks,
    *,
    p_input: Rate = 0.2,
    p: Rate = 0.5,
) -> Float[Array, ""]:
    logits, cache = dropout_mlp(params, x, masks, p_input=p_input, p=p)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (6)
    return loss, (cache, loss_cache)


def dropout_mlp_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (6)
    d_params, d_x, d_masks = dropout_mlp_backward(cache, d_logits, params_only=params_only)
    return d_params, d_x, None, d_masks


def _check(params, x, masks):
    if len(masks) != len(params):
        raise ValueError(f"dropout_mlp: masks is a tuple of {len(masks)}, expected {len(params)}, one for each layer")
    widths = [x.shape[1], *(layer.W.shape[1] for layer in params)]
    for i, (layer, mask, width) in enumerate(zip(params, masks, widths, strict=False)):
        came = "x has" if i == 0 else f"params[{i - 1}] gives"
        if layer.W.shape[0] != width:
            found = f"params[{i}].W has shape {tuple(layer.W.shape)}"
            raise ValueError(f"dropout_mlp: {found}, expected {width} rows, as {came}")
        if tuple(mask.shape) != (x.shape[0], width):
            found = f"masks[{i}] has shape {tuple(mask.shape)}"
            raise ValueError(f"dropout_mlp: {found}, expected {(x.shape[0], width)}, as {came}")
