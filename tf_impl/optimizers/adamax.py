"""AdaMax: Adam with the largest gradient of the recent past in place of the root mean square.

Idea: Adam's second moment is a mean of squares; the mean of p-th powers, with its p-th root, works as well, and
    becomes a maximum for p → ∞. A maximum needs no bias correction, and no step of a weight is much longer than η.

    m ← β₁ m + (1 - β₁) g                       (1)   first moment; g: the gradient of the loss at θ
    u ← max(β₂ u, |g| + ε)                      (2)   a maximum that is slowly forgotten
    m̂ = m / (1 - β₁ᵗ)                           (3)   bias correction, t = 1, 2, ...
    θ ← θ - η m̂ / u                             (4)   η: the learning rate

Shapes: any tree of arrays; gradients, m and u are trees of the same structure and shapes. step is the scalar t.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient.

Variant: ε inside the maximum. u starts at 0 and needs no correction. 1 - βᵗ is computed in float64.

Differs:
    torch.optim.Adamax: the same.
    optax: the same, optax.adamax.
    Keras: ε is added to u in the denominator instead, as in TensorFlow's raw operation.
    Kingma & Ba: no ε; 0 / 0 where the first gradients are 0.

Relation: adam with the maximum u in place of √v̂ + ε.

Raises: ValueError if η is negative, if ε is not positive, if a β is outside [0, 1), or if gradients, state and
    parameters are different trees.

Reference: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, arXiv:1412.6980, Algorithm 2.
"""

from typing import NamedTuple

import optree
import tensorflow as tf
from jaxtyping import Float, Int
from tensorflow import Tensor as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AdaMaxState(NamedTuple):
    step: Int[Array, ""]
    m: Tree
    u: Tree


def adamax_init(params: Tree) -> AdaMaxState:
    m, u = optree.tree_map(tf.zeros_like, params), optree.tree_map(tf.zeros_like, params)
    return AdaMaxState(tf.zeros([], tf.int64), m, u)


@checked
def adamax_update(
    grads: Tree,
    state: AdaMaxState,
    params: Tree,
    *,
    lr: NonNegative = 2e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
) -> tuple[Tree, AdaMaxState]:
    step = state.step + 1
    correction = 1 - beta1 ** tf.cast(step, tf.float64)  # (3)

    def update(p, g, m, u):
        m = beta1 * m + (1 - beta1) * g  # (1)
        u = tf.maximum(beta2 * u, abs(g) + eps)  # (2)
        m_hat = m / tf.cast(correction, m.dtype)  # (3)
        p = p - lr * m_hat / u  # (4)
        return p, m, u

    params, m, u = map_leaves(update, params, grads, state.m, state.u)
    return params, AdaMaxState(step, m, u)
