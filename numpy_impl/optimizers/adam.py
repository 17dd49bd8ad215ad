"""Adam: steps scaled by running averages of the gradient and of its square.

Idea: Adam goes in the average direction of recent gradients, and each weight's step is about η long however large its
    gradients are. Averages that start at 0 are too small at first; the bias correction divides by what is missing.

    m ← β₁ m + (1 - β₁) g                       (1)   first moment; g: the gradient of the loss at θ
    v ← β₂ v + (1 - β₂) g²                      (2)   second moment
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)       (3)   bias correction, t = 1, 2, ...
    θ ← θ - η m̂ / (√v̂ + ε)                      (4)   η: the learning rate

Shapes: any tree of arrays; gradients, m and v are trees of the same structure and shapes. step is the scalar t.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient.

Variant: the paper's Algorithm 1, with ε outside the root and after the bias correction. (1 - β₂) g g is evaluated
    from the left and √v̂ as √v / √(1 - β₂ᵗ), so that g = 1e20 in float32 does not overflow. 1 - βᵗ is computed in
    float64.

Differs:
    torch.optim.Adam: the same.
    optax: the same, optax.adam with eps_root=0.
    Keras: the "ε̂" form at the end of the paper's section 2: ε is added to √v before the correction. Its ε is this
        ε √(1 - β₂ᵗ), different at every step; TensorFlow's raw operation has the same form.

Relation: rmsprop with bias correction and an average of g in place of g. nadam is Adam with Nesterov's look ahead,
    amsgrad with a second moment that never falls, adamax with a maximum in place of the second moment.

Raises: ValueError if η is negative, if ε is not positive, if a β is outside [0, 1), or if gradients, state and
    parameters are different trees.

Reference: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, arXiv:1412.6980, Algorithm 1.
"""

from typing import NamedTuple

import numpy as np
import optree
from jaxtyping import Float, Int
from numpy import ndarray as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AdamState(NamedTuple):
    step: Int[Array, ""]
    m: Tree
    v: Tree


def adam_init(params: Tree) -> AdamState:
    m, v = optree.tree_map(np.zeros_like, params), optree.tree_map(np.zeros_like, params)
    return AdamState(np.asarray(0), m, v)


@checked
def adam_update(
    grads: Tree,
    state: AdamState,
    params: Tree,
    *,
    lr: NonNegative = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
) -> tuple[Tree, AdamState]:
    step = np.asarray(state.step + 1)
    correction1, correction2 = 1 - beta1 ** float(step), 1 - beta2 ** float(step)  # (3)

    def update(p, g, m, v):
        m = beta1 * m + (1 - beta1) * g  # (1)
        v = beta2 * v + (1 - beta2) * g * g  # (2)
        m_hat, sqrt_v_hat = m / correction1, np.sqrt(v) / correction2**0.5  # (3)
        p = p - lr * m_hat / (sqrt_v_hat + eps)  # (4)
        return p, m, v

    params, m, v = map_leaves(update, params, grads, state.m, state.v)
    return params, AdamState(step, m, v)
