"""Stochastic gradient descent (SGD).

    θ ← θ - η g                    (1)   g: the gradient of the loss at θ, η: the learning rate

Shapes: any tree of arrays; gradients are a tree of the same structure and shapes.

Units: η is in units of θ per unit of g.

Variant: no momentum and no weight decay; the learning rate may change at every step.

Raises: ValueError if η is not positive, or if gradients and parameters are different trees.

Reference: Robbins & Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22 (1951).
"""

from typing import NamedTuple

import optree
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class SGDState(NamedTuple):
    """Nothing: gradient descent has no memory."""


def sgd_init(params: Tree) -> SGDState:
    return SGDState()


@checked
def sgd_update(grads: Tree, state: SGDState, params: Tree, *, lr: Positive = 0.01) -> tuple[Tree, SGDState]:
    return optree.tree_map(lambda p, g: p - lr * g, params, grads), state  # (1)
