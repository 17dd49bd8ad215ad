"""Momentum: gradient descent with a velocity, as of a heavy ball.

    v ← μ v + g                    (1)   velocity; g: the gradient of the loss at θ
    θ ← θ - η v                    (2)   η: the learning rate

Shapes: any tree of arrays; gradients and v are trees of the same structure and shapes.

Units: v is in units of g; η is in units of θ per unit of g. Under a constant g the step grows to η g / (1 - μ).

Variant: the learning rate outside the velocity and no dampening (PyTorch, optax). In Keras and in Sutskever et al.
    v ← μ v - η g, θ ← θ + v: the same as long as η is constant, but after a change of η what had entered the
    velocity before still moves θ at the old rate. μ = 0 is SGD.

Raises: ValueError if η is not positive, if μ is outside [0, 1), or if gradients, state and parameters are different
    trees.

Reference: Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational Mathematics
    and Mathematical Physics 4 (1964); Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013.
"""

from typing import NamedTuple

import torch
import optree
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import Decay, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class MomentumState(NamedTuple):
    v: Tree


def momentum_init(params: Tree) -> MomentumState:
    return MomentumState(optree.tree_map(torch.zeros_like, params))


@checked
def momentum_update(
    grads: Tree, state: MomentumState, params: Tree, *, lr: Positive = 0.01, mu: Decay = 0.9
) -> tuple[Tree, MomentumState]:
    def update(p, g, v):
        v = mu * v + g  # (1)
        return p - lr * v, v  # (2)

    leaves, tree = optree.tree_flatten(params)
    others = (optree.tree_leaves(other) for other in (grads, state.v))
    params, v = (tree.unflatten(new) for new in zip(*map(update, leaves, *others), strict=True))
    return params, MomentumState(v)
