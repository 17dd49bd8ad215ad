"""AdaGrad: every weight has a learning rate of its own, which falls with the gradients it has seen.

    h ← h + g²                     (1)   sum of squared gradients; g: the gradient of the loss at θ
    θ ← θ - η g / (√h + ε)         (2)   η: the learning rate

Shapes: any tree of arrays; gradients and h are trees of the same structure and shapes.

Units: η is in units of θ, whatever the scale of the loss: the first step of every weight has the length η. ε is in
    units of the gradient, h in units of its square.

Variant: h starts at 0 and ε is outside the root (the paper, PyTorch). Keras and optax start at h = 0.1 and have ε
    inside, √(h + ε). In float32 h bears one gradient of 1.8e19; where it becomes infinite, that weight
    stands still.

Raises: ValueError if η or ε is not positive, or if gradients, state and parameters are different trees.

Reference: Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    Journal of Machine Learning Research 12 (2011).
"""

from typing import NamedTuple

import optree
import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AdaGradState(NamedTuple):
    h: Tree


def adagrad_init(params: Tree) -> AdaGradState:
    return AdaGradState(optree.tree_map(tf.zeros_like, params))


@checked
def adagrad_update(
    grads: Tree, state: AdaGradState, params: Tree, *, lr: Positive = 0.01, eps: Positive = 1e-10
) -> tuple[Tree, AdaGradState]:
    def update(p, g, h):
        h = h + g * g  # (1)
        return p - lr * g / (tf.sqrt(h) + eps), h  # (2)

    leaves, tree = optree.tree_flatten(params)
    others = (optree.tree_leaves(other) for other in (grads, state.h))
    params, h = (tree.unflatten(new) for new in zip(*map(update, leaves, *others), strict=True))
    return params, AdaGradState(h)
