"""Deep belief network (DBN): RBMs stacked and trained one after the other, generation, fine-tuning as a classifier.

Idea: Each RBM learns a model of what the hidden units below it make of the data, so that a deep model is trained one
    layer at a time and without labels. Its weights are then a good start for a classifier, which needs fewer labels.

    x_l      = σ(x_{l-1} W + b_h),  x_0 = v                       (1)   upwards, probabilities; weights of RBM l
    gradient = that of CD-k of RBM l at x_{l-1}                   (2)   with labels t, of the top RBM at (x_{L-1}, t)
    h        = 1 where u_h < σ(x W + b_h), else 0                 (3)   Gibbs sampling in the top RBM: h, then x
    x        = 1 where u_v < σ(h Wᵀ + b_v), else 0                (4)   where x is not clamped
    p        = σ(x Wᵀ + b_v)                                      (5)   downwards through the RBMs below
    x        = 1 where u_down < p, else 0                         (6)   what the next RBM below gets; v has p
    logits   = x_L W_o + b_o                                      (7)   the classifier: (1), then a linear layer
    loss     = -1/N Σ_n log softmax(logits_n)_label(n)            (8)

Gradients:
    d_x_{l-1} = d_z_l Wᵀ, with d_z_l = d_x_l ⊙ x_l ⊙ (1 - x_l)                                     through (1)
    d_rbm = (W: x_{l-1}ᵀ d_z_l, b_v: 0, b_h: Σ_n d_z_l)                                            through (1)
    d_params = (W: x_{l-1}ᵀ d_z_l, b: Σ_n d_z_l), at the top (W: x_Lᵀ d_logits, b: Σ_n d_logits)   through (1) (7)
    d_v = d_z_1 Wᵀ, with d_z_l as above, from d_logits W_oᵀ = d_x_L on                             through (1) (7)
    d_logits = 1/N d_loss (softmax(logits) - onehot)                                               through (8)

Shapes: params is a tuple of L RBMs, W (D_{l-1}, D_l), b_v (D_{l-1},), b_h (D_l,); v and p (N, D_0). The top RBM may
    have K visible units more than x_{L-1}, for one-hot labels t (N, K). Its visible units are x (N, D_{L-1} + K), of
    which clamped, boolean, marks those that keep their values. Uniforms for k steps in one RBM: u_v (k, N, D),
    u_h (k, N, H). u_down (N, U) is for all U units between the top RBM and v, side by side, from the top down.
    dbn_classifier's params: a tuple of layers W (D_{l-1}, D_l), b (D_l,), those of intro/mlp. onehot is (N, K).

Units: the loss is in nats per example. layer counts from 0.

Variant: probabilities go up. The top two layers are undirected, everything below is directed downwards. Labels are
    ordinary binary units, clamped where a class is asked for. Fine-tuning is backpropagation through the unrolled
    network, an MLP with sigmoid, whose output layer starts as the weights of the labels.

Differs:
    scikit-learn: a Pipeline of BernoulliRBMs has the same way up (1); it ends in any classifier, without fine-tuning.
    Hinton, Osindero & Teh: labels are a softmax group; fine-tuning is the up-down algorithm, which keeps the model
        generative.
    Other code: samples in place of probabilities on the way up.

Relation: the RBMs are those of rbm, trained by its rbm_cd; the classifier is mlp with another start.

Raises: ValueError if sizes or dtypes disagree, if an RBM does not fit on the one below, if there is no such layer, no
    example or no step, if a classifier is asked of a DBN without labels, or if a label is negative or at least K.

Reference: Hinton, Osindero & Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18 (2006);
    Bengio, Lamblin, Popovici & Larochelle, "Greedy layer-wise training of deep networks", NIPS 2006; Hinton &
    Salakhutdinov, Science 313 (2006).
"""

from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.generative.rbm import (
    RBMParams,
    rbm_cd,
    rbm_hidden,
    rbm_hidden_backward,
    rbm_init,
    rbm_sample,
    rbm_visible,
)
from numpy_impl.intro.mlp import MLPLayer, MLPParams, mlp, mlp_backward
from shared.support.shapes import Below, Chain, Dtype, checked

DBNParams = tuple[RBMParams, ...]


@checked
def dbn_init(
    rng: Generator, sizes: tuple[int, ...], *, n_labels: int = 0, dtype: Dtype = "float32"
) -> tuple[RBMParams, ...]:
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, H), every one at least 1")
    visible = [*sizes[:-2], sizes[-2] + n_labels]
    return tuple(rbm_init(rng, n, m, dtype=dtype) for n, m in zip(visible, sizes[1:], strict=True))


@checked
def dbn_up(
    params: Annotated[DBNParams, Chain("W", first="D", last="H")], v: Float[Array, "N D"]
) -> Float[Array, "N H"]:
    x, caches = v, []
    for rbm in params:
        x, cache = rbm_hidden(rbm, x)  # (1)
        caches.append(cache)
    return x, caches


def dbn_up_backward(cache, d_x):
    d_params = ()
    for rbm_cache in reversed(cache):
        d_rbm, d_x = rbm_hidden_backward(rbm_cache, d_x)  # through (1)
        d_params = (d_rbm, *d_params)
    return d_params, d_x


@checked(k=1, N=1)
def dbn_greedy(
    params: DBNParams,
    v: Float[Array, "N D"],
    labels: Float[Array, "N K"] | None,
    u_v: Float[Array, "k N _"],
    u_h: Float[Array, "k N H"],
    *,
    layer: int,
) -> tuple[RBMParams, Float[Array, "N _"]]:
    """The gradient of one RBM, while the others stay as they are, and x, the data that it is trained on. Labels,
    one-hot, are for the top RBM alone."""
    if not 0 <= layer < len(params):
        raise ValueError(f"dbn_greedy: layer is {layer}, expected from 0 to {len(params) - 1}")
    x = dbn_up(params[:layer], v)[0] if layer else v
    x = x if labels is None else np.concatenate([x, labels], axis=1)
    _check_rows("dbn_greedy", f"params[{layer}]", params[layer], x.shape[1])
    gradient, _ = rbm_cd(params[layer], x, u_v, u_h)  # (2)
    return gradient, x


@checked(k=1)
def dbn_generate(
    params: DBNParams,
    x: Float[Array, "N X"],
    clamped: Bool[Array, "X"],
    u_v: Float[Array, "k N X"],
    u_h: Float[Array, "k N H"],
    u_down: Float[Array, "N U"],
) -> tuple[Float[Array, "N D"], Float[Array, "N X"]]:
    """p of the visible units, and x after k steps, from which more steps can go on."""
    below, units = params[-2::-1], [rbm.W.shape[0] for rbm in params[-2:0:-1]]
    if u_down.shape[1] != sum(units):
        raise ValueError(f"dbn_generate: u_down has shape {tuple(u_down.shape)}, expected {sum(units)} columns")
    for u_visible, u_hidden in zip(u_v, u_h, strict=True):
        h = rbm_sample(rbm_hidden(params[-1], x)[0], u_hidden)  # (3)
        p = rbm_visible(params[-1], h)[0]
        x = np.where(clamped, x, rbm_sample(p, u_visible))  # (4)
    state = x[:, : below[0].W.shape[1]] if below else x
    for i, rbm in enumerate(below):
        p = rbm_visible(rbm, state)[0]  # (5)
        if i < len(units):
            state = rbm_sample(p, u_down[:, sum(units[:i]) : sum(units[: i + 1])])  # (6)
    return p, x


@checked
def dbn_unroll(params: DBNParams) -> MLPParams:
    """The classifier that a DBN with labels is: hidden layers, and an output layer of the labels' weights."""
    if len(params) < 2:
        raise ValueError("dbn_unroll: params has one RBM, expected hidden layers and a top RBM with labels")
    top, n = params[-1], params[0].W.shape[0]
    for i, rbm in enumerate(params[:-1]):
        _check_rows("dbn_unroll", f"params[{i}]", rbm, n)
        n = rbm.W.shape[1]
    if top.W.shape[0] <= n:
        found = f"the top RBM has {top.W.shape[0]} visible units"
        raise ValueError(f"dbn_unroll: {found}, expected more than {n}, for labels")
    hidden = [MLPLayer(rbm.W, rbm.b_h) for rbm in params[:-1]]
    return (*hidden, MLPLayer(top.W[:n], top.b_h), MLPLayer(np.ascontiguousarray(top.W[n:].T), top.b_v[n:]))


@checked
def dbn_classifier(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")], v: Float[Array, "N D"]
) -> Float[Array, "N K"]:
    logits, cache = mlp(params, v, activation="sigmoid")  # (1) (7)
    return logits, cache


def dbn_classifier_backward(cache, d_logits, *, params_only=False):
    d_params, d_v = mlp_backward(cache, d_logits, params_only=params_only)  # through (1) (7)
    return d_params, d_v


@checked(N=1)
def dbn_classifier_loss(
    params: Annotated[MLPParams, Chain("W", first="D", last="K")],
    v: Float[Array, "N D"],
    labels: Annotated[Int[Array, "N"], Below("K")],
) -> Float[Array, ""]:
    logits, cache = dbn_classifier(params, v)  # (7)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (8)
    return loss, (cache, loss_cache)


def dbn_classifier_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (8)
    d_params, d_v = dbn_classifier_backward(cache, d_logits, params_only=params_only)  # through (1) (7)
    return d_params, d_v, None


def _check_rows(function, name, rbm, width):
    if rbm.W.shape[0] != width:
        found = f"{name}.W has shape {tuple(rbm.W.shape)}"
        raise ValueError(f"{function}: {found}, expected {width} rows, as come from below")
