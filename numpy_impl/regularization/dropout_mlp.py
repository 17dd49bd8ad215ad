"""A multilayer perceptron (MLP) with dropout.

Idea: A wide network can learn its training examples by heart. With dropout before every layer, each example is seen
    by another thinned network in every step, and what is learned has to work in most of them.

    a_0 = dropout(x)                                       (1)   with a p of its own, p_input
    z_l = a_{l-1} W_l + b_l                                (2)   for the hidden layers l = 1 ... L-1
    h_l = relu(z_l)                                        (3)
    a_l = dropout(h_l)                                     (4)
    logits = a_{L-1} W_L + b_L                             (5)   = z_L
    loss = -1/N Σ_n log softmax(logits_n)_label(n)         (6)

Gradients:
    d_logits = 1/N d_loss (softmax(logits) - onehot)       through (6)   = d_z_L
    d_W_l = a_{l-1}ᵀ d_z_l, d_b_l = Σ_n d_z_l              through (2) (5)
    d_a_{l-1} = d_z_l W_lᵀ                                 through (2) (5)
    d_h_l = mask_l ⊙ d_a_l / (1 - p)                       through (4)
    d_z_l = d_h_l ⊙ (1 if z_l > 0 else 0)                  through (3)
    d_x = mask_0 ⊙ d_a_0 / (1 - p_input)                   through (1)

Shapes: x (N, D), labels (N,) integers from 0 to K-1; params is a tuple of L layers W_l (D_{l-1}, D_l), b_l (D_l,);
    masks a tuple of L boolean arrays, the first for x, the others for the hidden layers: masks[l] is (N, D_l);
    logits (N, K), loss ().

Units: the loss is in nats per example.

Variant: p is the probability to drop. Masks are arguments, drawn by dropout_mask. For evaluation there is no function
    of its own: with all units, the network is that of intro/mlp, with the same params.

Differs:
    torch: nn.Sequential of Linear, ReLU and Dropout; eval() switches dropout off.
    Keras: Sequential of Dense and Dropout; training=True switches dropout on.

Relation: mlp with p = 0; dropconnect_mlp switches off weights of one layer instead.

Raises: ValueError if shapes or dtypes disagree, if p or p_input is outside [0, 1], if there are no examples, or if a
    label is negative or at least K.

Reference: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout: a simple way to prevent neural
    networks from overfitting", Journal of Machine Learning Research 15 (2014).
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from numpy_impl import losses
from numpy_impl.activations import relu, relu_backward
from numpy_impl.intro.mlp import MLPLayer, MLPParams
from numpy_impl.regularization.dropout import dropout, dropout_backward
from shared.support.shapes import Below, Chain, Rate, checked

Masks = tuple[Bool[Array, "N D"], ...]


class DropoutMLPCache(NamedTuple):
    """inputs: a_0 ... a_{L-1}; zs, hs: of the hidden layers; drops: the caches of dropout, the first that of x."""

    params: MLPParams
    inputs: list[Float[Array, "N D_in"]]
    zs: list[Float[Array, "N D_out"]]
    hs: list[Float[Array, "N D_out"]]
    drops: list[tuple]


@checked(N=1)
def dropout_mlp(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")],
    x: Float[Array, "N D"],
    masks: Masks,
    *,
    p_input: Rate = 0.2,
    p: Rate = 0.5,
) -> Float[Array, "N K"]:
    _check(x.shape, params, masks)
    a, drop_cache = dropout(x, masks[0], p=p_input)  # (1)
    inputs, zs, hs, drops = [a], [], [], [drop_cache]
    for layer, mask in zip(params[:-1], masks[1:], strict=True):
        z = inputs[-1] @ layer.W + layer.b  # (2)
        h = relu(z)  # (3)
        a, drop_cache = dropout(h, mask, p=p)  # (4)
        inputs.append(a)
        zs.append(z)
        hs.append(h)
        drops.append(drop_cache)
    logits = inputs[-1] @ params[-1].W + params[-1].b  # (5)
    return logits, DropoutMLPCache(params, inputs, zs, hs, drops)


def dropout_mlp_backward(cache, d_logits, *, params_only=False):
    params, inputs, zs, hs, drops = cache
    d_params = [MLPLayer(W=inputs[-1].T @ d_logits, b=np.sum(d_logits, axis=0))]  # through (5)
    d_z = d_logits
    for layer, a_in, z, h, drop_cache in reversed(list(zip(params[1:], inputs[:-1], zs, hs, drops[1:], strict=True))):
        d_a = d_z @ layer.W.T  # through (2) (5)
        d_h, _ = dropout_backward(drop_cache, d_a)  # through (4)
        d_z = relu_backward(d_h, z, h)  # through (3)
        d_params.append(MLPLayer(W=a_in.T @ d_z, b=np.sum(d_z, axis=0)))  # through (2)
    d_params, d_masks = tuple(reversed(d_params)), (None,) * len(params)
    if params_only:
        return d_params, None, d_masks
    d_a = d_z @ params[0].W.T  # through (2) (5)
    d_x, _ = dropout_backward(drops[0], d_a)  # through (1)
    return d_params, d_x, d_masks


@checked(N=1)
def dropout_mlp_loss(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")],
    x: Float[Array, "N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
    masks: Masks,
    *,
    p_input: Rate = 0.2,
    p: Rate = 0.5,
) -> Float[Array, ""]:
    logits, mlp_cache = dropout_mlp(params, x, masks, p_input=p_input, p=p)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (6)
    return loss, (mlp_cache, loss_cache)


def dropout_mlp_loss_backward(cache, d_loss, *, params_only=False):
    mlp_cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (6)
    grads = dropout_mlp_backward(mlp_cache, d_logits, params_only=params_only)  # through (1) (2) (3) (4) (5)
    d_params, d_x, d_masks = grads
    return d_params, d_x, None, d_masks


def _check(shape, params, masks):
    if len(masks) != len(params):
        raise ValueError(f"dropout_mlp: masks is a tuple of {len(masks)}, expected {len(params)}, one for each layer")
    for i, mask in enumerate(masks):
        wanted = (shape[0], params[i].W.shape[0])
        if tuple(mask.shape) != wanted:
            found = f"masks[{i}] has shape {tuple(mask.shape)}"
            raise ValueError(f"dropout_mlp: {found}, expected {wanted}, as x and params[{i}].W give")
