"""AdaDelta: steps in the units of the weights, from running averages of squared gradients and of squared steps.

Idea: A gradient divided by its own root mean square has no units, so RMSProp needs a learning rate to turn it into a
    step. AdaDelta multiplies it by the root mean square of recent steps instead, which has the units of the weights.

    v ← ρ v + (1 - ρ) g²                        (1)   g: the gradient of the loss at θ
    Δ = √(u + ε) / √(v + ε) g                   (2)   u: of the steps before this one
    u ← ρ u + (1 - ρ) Δ²                        (3)
    θ ← θ - η Δ                                 (4)

Shapes: any tree of arrays; gradients, v and u are trees of the same structure and shapes.

Units: Δ is in units of θ, η is a factor without units. ε is added to squares of both gradients and steps; the first
    steps have a length of about √ε, and grow from there.

Variant: the paper's Algorithm 1, with ε inside both roots and η = 1. Δ² is averaged before η multiplies Δ. (1 - ρ) g
    g is evaluated from the left: in float32 v can hold one gradient of 8e19, and many of 1e19; a weight whose v is
    infinite stands still.

Differs:
    torch.optim.Adadelta: the same; its default ρ is 0.9.
    Keras: the same; its default η is 0.001.
    optax: the same, optax.scale_by_adadelta.

Relation: rmsprop with √(u + ε) in the place of the learning rate, and ε inside the root.

Raises: ValueError if η is negative, if ε is not positive, if ρ is outside [0, 1), or if gradients, state and
    parameters are different trees.

Reference: Zeiler, "ADADELTA: an adaptive learning rate method", 2012, arXiv:1212.5701, Algorithm 1.
"""

from typing import NamedTuple

import optree
import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AdaDeltaState(NamedTuple):
    v: Tree
    u: Tree


def adadelta_init(params: Tree) -> AdaDeltaState:
    return AdaDeltaState(optree.tree_map(tf.zeros_like, params), optree.tree_map(tf.zeros_like, params))


@checked
def adadelta_update(
    grads: Tree,
    state: AdaDeltaState,
    params: Tree,
    *,
    lr: NonNegative = 1.0,
    rho: Decay = 0.95,
    eps: Positive = 1e-6,
) -> tuple[Tree, AdaDeltaState]:
    def update(p, g, v, u):
        v = rho * v + (1 - rho) * g * g  # (1)
        delta = tf.sqrt(u + eps) / tf.sqrt(v + eps) * g  # (2)
        u = rho * u + (1 - rho) * delta * delta  # (3)
        p = p - lr * delta  # (4)
        return p, v, u

    params, v, u = map_leaves(update, params, grads, state.v, state.u)
    return params, AdaDeltaState(v, u)
