"""Stochastic gradient descent (SGD).

Idea: The gradient of a small batch points, on average, where the gradient of all examples does, at a fraction of the
    cost. Many cheap steps in a noisy direction get further than a few exact ones.

    θ ← θ - η g                    (1)   g: the gradient of the loss at θ, η: the learning rate

Shapes: any tree of arrays; gradients are a tree of the same structure and shapes.

Units: η is in units of θ per unit of g.

Variant: no momentum and no weight decay; the learning rate may change at every step.

Differs:
    torch.optim.SGD: the same with momentum=0, its default.
    Keras: SGD, the same; its default η is 0.01, as here.
    optax: optax.sgd, the same; it returns -η g, which the caller adds.

Relation: the start of the family. momentum adds a velocity, adagrad a rate for every weight.

Raises: ValueError if η is negative, or if gradients and parameters are different trees.

Reference: Robbins & Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22 (1951).
"""

from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import NonNegative, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class SGDState(NamedTuple):
    """Nothing: gradient descent has no memory."""


def sgd_init(params: Tree) -> SGDState:
    return SGDState()


@checked
def sgd_update(grads: Tree, state: SGDState, params: Tree, *, lr: NonNegative = 0.01) -> tuple[Tree, SGDState]:
    def update(p, g):
        p = p - lr * g  # (1)
        return p

    return map_leaves(update, params, grads), state
