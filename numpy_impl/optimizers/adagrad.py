"""AdaGrad: every weight has a learning rate of its own, which falls with the gradients it has seen.

Idea: One learning rate is too small for weights that rarely get a gradient and too large for those that always do.
    AdaGrad divides each weight's gradient by the root of the sum of all its squares so far.

    h ← h + g²                     (1)   sum of squared gradients; g: the gradient of the loss at θ
    θ ← θ - η g / (√h + ε)         (2)   η: the learning rate

Shapes: any tree of arrays; gradients and h are trees of the same structure and shapes.

Units: η is in units of θ, whatever the scale of the loss: the first step of every weight has the length η. ε is in
    units of the gradient, h in units of its square.

Variant: h starts at 0 and ε is outside the root, as in the paper. In float32 h can hold one gradient of 1.8e19; a
    weight whose h is infinite stands still.

Differs:
    torch.optim.Adagrad: the same with lr_decay=0.
    Keras: h starts at 0.1 (initial_accumulator_value) and ε is inside, √(h + ε).
    optax: as Keras, h from 0.1 and ε inside the root.

Relation: rmsprop is AdaGrad with an average in place of the sum, so that its rate can grow again.

Raises: ValueError if η is negative, if ε is not positive, or if gradients, state and parameters are different trees.

Reference: Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    Journal of Machine Learning Research 12 (2011).
"""

from typing import NamedTuple

import numpy as np
import optree
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AdaGradState(NamedTuple):
    h: Tree


def adagrad_init(params: Tree) -> AdaGradState:
    return AdaGradState(optree.tree_map(np.zeros_like, params))


@checked
def adagrad_update(
    grads: Tree, state: AdaGradState, params: Tree, *, lr: NonNegative = 0.01, eps: Positive = 1e-10
) -> tuple[Tree, AdaGradState]:
    def update(p, g, h):
        h = h + g * g  # (1)
        p = p - lr * g / (np.sqrt(h) + eps)  # (2)
        return p, h

    params, h = map_leaves(update, params, grads, state.h)
    return params, AdaGradState(h)
