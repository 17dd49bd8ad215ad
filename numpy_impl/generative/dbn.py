"""Deep belief network (DBN): RBMs stacked and trained one after the other, generation, fine-tuning as a classifier.

    x_0 = v,  x_l = σ(b_h + x_{l-1} W)                            (1)   upwards, probabilities; weights of RBM l
    d = the gradient of CD-k of RBM l at x_{l-1}                  (2)   for the top RBM with labels t, at (x_{L-1}, t)
    h = 1 where u < σ(b_h + x W),  x = 1 where u < σ(b_v + h Wᵀ)  (3)   Gibbs sampling in the top RBM
    x = 1 where u < σ(b_v + x Wᵀ)                                 (4)   downwards through the RBMs below it
    p = σ(b_v + x Wᵀ)                                             (5)   at the bottom: probabilities of v
    logits = x_L W_y + b_y                                        (6)   the classifier: (1), then a linear layer
    loss   = -1/N Σ_n log softmax(logits_n)_label(n)              (7)

Shapes: params is a tuple of L RBMs, W (D_{l-1}, D_l), b_v (D_{l-1},), b_h (D_l,); v and p (N, D_0). The top RBM may
    have K visible units more than x_{L-1}, for one-hot labels t (N, K). Its visible units are x (N, D_{L-1} + K), of
    which clamped, boolean, marks those that keep their values. Uniforms: u_h (k, N, H), u_v (k, N, D) for k steps in
    one RBM; u_down (N, U) for all units between the top RBM and v, beside each other, from the top down.
    dbn_classifier's params: a tuple of layers W (D_{l-1}, D_l), b (D_l,), those of intro/mlp.

Units: the loss is in nats per example. layer counts from 0.

Variant: probabilities go up (scikit-learn's Pipeline; samples in others). The top two layers are undirected, all
    below is directed downwards. Labels are ordinary binary units, clamped where a class is asked for (in the paper a
    softmax group). Fine-tuning is backpropagation through the unrolled network, an MLP with sigmoid, whose output
    layer starts as the weights of the labels; the up-down algorithm of the paper is not here.

Raises: ValueError if sizes or dtypes disagree, if an RBM does not fit on the one below, if there is no such layer, no
    example or no step, if a classifier is asked of a DBN without labels, or if a label is negative or at least K.

Reference: Hinton, Osindero & Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18 (2006);
    Bengio, Lamblin, Popovici & Larochelle, "Greedy layer-wise training of deep networks", NIPS 2006; Hinton &
    Salakhutdinov, Science 313 (2006).
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.generative.rbm import RBMParams, rbm_cd, rbm_hidden, rbm_hidden_backward, rbm_init, rbm_visible
from numpy_impl.intro.mlp import MLPLayer, MLPParams, mlp, mlp_backward
from shared.support.shapes import checked

DBNParams = tuple[RBMParams, ...]


def dbn_init(
    rng: Generator, sizes: tuple[int, ...], *, n_labels: int = 0, dtype: str = "float32"
) -> tuple[RBMParams, ...]:
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes is {sizes}, expected at least (D, H), every one at least 1")
    visible = [*sizes[:-2], sizes[-2] + n_labels]
    return tuple(rbm_init(rng, n, m, dtype=dtype) for n, m in zip(visible, sizes[1:], strict=True))


@checked
def dbn_up(params: DBNParams, v: Float[Array, "N D"]) -> Float[Array, "N H"]:
    _check_fit("dbn_up", params, v.shape[1])
    x, caches = v, []
    for rbm in params:
        x, cache = rbm_hidden(rbm, x)  # (1)
        caches.append(cache)
    return x, caches


def dbn_up_backward(cache, d_x):
    d_params = []
    for rbm_cache in reversed(cache):
        d_rbm, d_x = rbm_hidden_backward(rbm_cache, d_x)  # through (1)
        d_params.append(d_rbm)
    return tuple(reversed(d_params)), d_x


@checked(k=1, N=1)
def dbn_greedy(
    params: DBNParams,
    v: Float[Array, "N D"],
    labels: Float[Array, "N K"] | None,
    u_h: Float[Array, "k N H"],
    u_v: Float[Array, "k N _"],
    *,
    layer: int,
) -> tuple[RBMParams, Float[Array, "N _"]]:
    """The gradient of one RBM, the others staying as they are, and x, what it is trained on; labels, one-hot, are for
    the top one alone."""
    if not 0 <= layer < len(params):
        raise ValueError(f"dbn_greedy: layer is {layer}, expected from 0 to {len(params) - 1}")
    x = dbn_up(params[:layer], v)[0] if layer else v
    x = x if labels is None else np.concatenate([x, labels], axis=1)
    _check_fit("dbn_greedy", params[layer:][:1], x.shape[1])
    d, _ = rbm_cd(params[layer], x, u_h, u_v)  # (2)
    return d, x


@checked(k=1)
def dbn_generate(
    params: DBNParams,
    x: Float[Array, "N X"],
    clamped: Bool[Array, "X"],
    u_h: Float[Array, "k N H"],
    u_v: Float[Array, "k N X"],
    u_down: Float[Array, "N U"],
) -> tuple[Float[Array, "N D"], Float[Array, "N X"]]:
    """p of the visible units, and x after k steps, from which more steps can go on."""
    below, units = params[-2::-1], [rbm.W.shape[0] for rbm in params[-2:0:-1]]
    if u_down.shape[1] != sum(units):
        raise ValueError(f"dbn_generate: u_down has shape {tuple(u_down.shape)}, expected {sum(units)} columns")
    for u_hidden, u_visible in zip(u_h, u_v, strict=True):
        h = _sample(rbm_hidden(params[-1], x)[0], u_hidden)  # (3)
        p_x = rbm_visible(params[-1], h)[0]
        x = np.where(clamped, x, _sample(p_x, u_visible))  # (3)
    p, state = (p_x, x) if len(params) == 1 else (None, x[:, : params[-2].W.shape[1]])
    for i, rbm in enumerate(below):
        p = rbm_visible(rbm, state)[0]  # (5)
        if i < len(units):
            state = _sample(p, u_down[:, sum(units[:i]) : sum(units[: i + 1])])  # (4)
    return p, x


def _sample(p, u):
    return (u < p).astype(p.dtype)


@checked
def dbn_unroll(params: DBNParams) -> MLPParams:
    """The classifier that a DBN with labels is: hidden layers, and an output layer of the labels' weights."""
    _check_fit("dbn_unroll", params[:-1], params[0].W.shape[0])
    top, n = params[-1], params[-2].W.shape[1] if len(params) > 1 else params[-1].W.shape[0]
    if top.W.shape[0] == n:
        raise ValueError(f"dbn_unroll: the top RBM has {n} visible units, expected more, for labels")
    hidden = [MLPLayer(rbm.W, rbm.b_h) for rbm in params[:-1]]
    return (*hidden, MLPLayer(top.W[:n], top.b_h), MLPLayer(np.ascontiguousarray(top.W[n:].T), top.b_v[n:]))


@checked
def dbn_classifier(params: MLPParams, v: Float[Array, "N D"]) -> Float[Array, "N K"]:
    return mlp(params, v, activation="sigmoid")  # (6)


def dbn_classifier_backward(cache, d_logits, *, params_only=False):
    return mlp_backward(cache, d_logits, params_only=params_only)  # through (6)


@checked(N=1)
def dbn_classifier_loss(params: MLPParams, v: Float[Array, "N D"], labels: Int[Array, "N"]) -> Float[Array, ""]:
    logits, cache = dbn_classifier(params, v)
    loss, loss_cache = losses.softmax_cross_entropy(logits, labels)  # (7)
    return loss, (cache, loss_cache)


def dbn_classifier_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache = cache
    d_logits, _ = losses.softmax_cross_entropy_backward(loss_cache, d_loss)  # through (7)
    return *dbn_classifier_backward(cache, d_logits, params_only=params_only), None


def _check_fit(function, params, width):
    for i, rbm in enumerate(params):
        if rbm.W.shape[0] != width:
            raise ValueError(
                f"{function}: RBM {i} has {rbm.W.shape[0]} visible units, expected {width}, as come from below"
            )
        width = rbm.W.shape[1]
