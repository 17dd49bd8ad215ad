"""AdaGrad: every weight has a learning rate of its own, which falls with the gradients it has seen.

Idea: A weight whose gradient is often small or zero should still learn from the few examples that move it. So
    every weight is divided by the size of all the gradients that it has seen.

    h ← h + g²                     (1)   sum of squared gradients; g: the gradient of the loss at θ
    θ ← θ - η g / (√h + ε)         (2)   η: the learning rate

Shapes: any tree of arrays; gradients and h are trees of the same structure and shapes.

Units: η is in units of θ, whatever the scale of the loss: the first step of every weight has the length η. ε is in
    units of the gradient, h in units of its square.

Variant: h starts at 0 and ε is outside the root, as in the paper. In float32 h can hold the square of a
    gradient of up to 1.8e19; where it becomes infinite, that weight stands still.

Differs:
    torch.optim.Adagrad: the same at its defaults.
    keras.optimizers.Adagrad: h starts at 0.1, ε is inside the root, √(h + ε), with a default of 1e-7; learning
        rate 1e-3.
    optax.adagrad: h starts at 0.1 and ε is inside the root.

Relation: RMSProp replaces the sum by a running average, so that the steps do not vanish.

Raises: ValueError if η or ε is not positive, or if gradients, state and parameters are different trees.

Reference: Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    Journal of Machine Learning Research 12 (2011).
"""

from typing import NamedTuple

import torch
import optree
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.blocks import map_leaves
from shared.support.shapes import Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AdaGradState(NamedTuple):
    h: Tree


def adagrad_init(params: Tree) -> AdaGradState:
    return AdaGradState(optree.tree_map(torch.zeros_like, params))


@checked
def adagrad_update(
    grads: Tree, state: AdaGradState, params: Tree, *, lr: Positive = 0.01, eps: Positive = 1e-10
) -> tuple[Tree, AdaGradState]:
    def update(p, g, h):
        h = h + g * g  # (1)
        return p - lr * g / (torch.sqrt(h) + eps), h  # (2)

    params, h = map_leaves(update, params, grads, state.h)
    return params, AdaGradState(h)
