"""Momentum: gradient descent with a velocity, as of a heavy ball.

Idea: Plain descent zigzags across a narrow valley. A velocity that averages past gradients cancels the zigzag
    and adds up what stays the same, as a heavy ball rolls on.

    v ← μ v + g                    (1)   velocity; g: the gradient of the loss at θ
    θ ← θ - η v                    (2)   η: the learning rate

Shapes: any tree of arrays; gradients and v are trees of the same structure and shapes.

Units: v is in units of g; η is in units of θ per unit of g. Under a constant g the step grows to η g / (1 - μ).

Variant: the learning rate is outside the velocity, and there is no dampening. μ = 0 is SGD.

Differs:
    torch.optim.SGD(momentum=μ), optax.sgd(momentum=μ): the same.
    keras.optimizers.SGD(momentum=μ): the learning rate is inside, v ← μ v - η g, θ ← θ + v, as in Sutskever et
        al. For a constant η that is the same with v' = -η v; after a change of η, what had entered the velocity
        before still moves θ at the old rate.

Relation: SGD with a velocity. NAG adds the look-ahead; Adam averages the gradient likewise and divides by its
    size.

Raises: ValueError if η is not positive, if μ is outside [0, 1), or if gradients, state and parameters are different
    trees.

Reference: Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics
    and Mathematical Physics 4 (1964); Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013.
"""

from typing import NamedTuple

import optree
import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class MomentumState(NamedTuple):
    v: Tree


def momentum_init(params: Tree) -> MomentumState:
    return MomentumState(optree.tree_map(tf.zeros_like, params))


@checked
def momentum_update(
    grads: Tree, state: MomentumState, params: Tree, *, lr: Positive = 0.01, mu: Decay = 0.9
) -> tuple[Tree, MomentumState]:
    def update(p, g, v):
        v = mu * v + g  # (1)
        return p - lr * v, v  # (2)

    params, v = map_leaves(update, params, grads, state.v)
    return params, MomentumState(v)
