"""Momentum: gradient descent with a velocity, as of a heavy ball.

Idea: Across a narrow valley the gradient changes its sign at every step, along the valley it does not. A velocity
    that sums past gradients cancels the first and builds up the second, so the descent goes along the valley.

    v ← μ v + g                    (1)   velocity; g: the gradient of the loss at θ
    θ ← θ - η v                    (2)   η: the learning rate

Shapes: any tree of arrays; gradients and v are trees of the same structure and shapes.

Units: v is in units of g; η is in units of θ per unit of g. Under a constant g the step grows to η g / (1 - μ).

Variant: the learning rate outside the velocity, and no dampening.

Differs:
    torch.optim.SGD: the same with momentum=μ and dampening=0.
    optax: the same, optax.trace(μ) and then -η.
    Keras: v ← μ v - η g, θ ← θ + v, also in Sutskever et al. Theirs is -η times this v as long as η is constant;
        after a change of η, what entered the velocity before still moves θ at the old rate.

Relation: μ = 0 is sgd. nag takes the gradient where the velocity is about to lead.

Raises: ValueError if η is negative, if μ is outside [0, 1), or if gradients, state and parameters are different
    trees.

Reference: Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics
    and Mathematical Physics 4 (1964); Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013.
"""

from typing import NamedTuple

import numpy as np
import optree
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class MomentumState(NamedTuple):
    v: Tree


def momentum_init(params: Tree) -> MomentumState:
    return MomentumState(optree.tree_map(np.zeros_like, params))


@checked
def momentum_update(
    grads: Tree, state: MomentumState, params: Tree, *, lr: NonNegative = 0.01, mu: Decay = 0.9
) -> tuple[Tree, MomentumState]:
    def update(p, g, v):
        v = mu * v + g  # (1)
        p = p - lr * v  # (2)
        return p, v

    params, v = map_leaves(update, params, grads, state.v)
    return params, MomentumState(v)
