"""L1 penalty (lasso): the sum of the absolute values of all weights, which drives many of them to zero.

    ‖w‖₁ = Σ |w_i|                 (1)   over every element of every weight
    penalty = λ ‖w‖₁               (2)   to be added to the mean loss; its gradient is λ sign(w), 0 where w is 0

Shapes: params is any tree of arrays; the penalty is a scalar, its gradient a tree of the same structure and shapes.

Units: λ (strength) is in units of the loss per unit of a weight.

Variant: weights are penalised, biases never; what a weight is, the names tell (see l2). At w = 0 any slope from -λ
    to λ is a subgradient; 0 is taken (as PyTorch and TensorFlow do; JAX takes 1). Nothing is divided by the number
    of examples: beside our mean squared error, λ is 2 α for the α of scikit-learn's Lasso.

Raises: ValueError if λ is negative, if no leaf is a weight, or if the leaves have different dtypes.

Reference: Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal Statistical Society B
    58 (1996).
"""

import numpy as np
import optree
from jaxtyping import Float
from numpy import ndarray as Array

from numpy_impl.regularization.l2 import l2_weights
from shared.support.shapes import NonNegative, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


@checked
def l1(params: Tree, *, strength: NonNegative = 0.01) -> Float[Array, ""]:
    leaves, tree = optree.tree_flatten(params)
    marked = list(zip(leaves, l2_weights(params), strict=True))
    total = sum(np.sum(np.abs(w)) for w, is_weight in marked if is_weight)  # (1)
    return strength * total, (tree, marked, strength)  # (2)


def l1_backward(cache, d_penalty):
    tree, marked, strength = cache
    slope = d_penalty * strength  # through (2)
    d_leaves = [slope * np.sign(w) if is_weight else np.zeros_like(w) for w, is_weight in marked]  # through (1)
    return (tree.unflatten(d_leaves),)
