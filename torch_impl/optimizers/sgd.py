"""Stochastic gradient descent (SGD).

Idea: Against the gradient the loss falls fastest, so each step goes a little way down it. The gradient of a few
    examples, drawn at random, is right on average and far cheaper than that of all of them.

    θ ← θ - η g                    (1)   g: the gradient of the loss at θ, η: the learning rate

Shapes: any tree of arrays; gradients are a tree of the same structure and shapes.

Units: η is in units of θ per unit of g.

Variant: no momentum and no weight decay; the learning rate may change at every step.

Differs:
    torch.optim.SGD, keras.optimizers.SGD, optax.sgd: the same at their defaults, apart from the default
        learning rate: 1e-3 in PyTorch, 0.01 in Keras, none in optax.

Relation: the first of the family: momentum adds a velocity, AdaGrad a learning rate for every weight.

Raises: ValueError if η is not positive, or if gradients and parameters are different trees.

Reference: Robbins & Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22 (1951).
"""

from typing import NamedTuple

from torch import Tensor as Array
from jaxtyping import Float

from shared.support.blocks import map_leaves
from shared.support.shapes import Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class SGDState(NamedTuple):
    """Nothing: gradient descent has no memory."""


def sgd_init(params: Tree) -> SGDState:
    return SGDState()


@checked
def sgd_update(grads: Tree, state: SGDState, params: Tree, *, lr: Positive = 0.01) -> tuple[Tree, SGDState]:
    params = map_leaves(lambda p, g: p - lr * g, params, grads)  # (1)
    return params, state
