"""L2 penalty (ridge, weight decay): half the squared length of all weights.

    ‖w‖² = Σ w_i²                  (1)   over every element of every weight
    penalty = ½ λ ‖w‖²             (2)   to be added to the mean loss; its gradient is λ w

Shapes: params is any tree of arrays; the penalty is a scalar, its gradient a tree of the same structure and shapes.

Units: λ (strength) is in units of the loss per square of a weight's unit.

Variant: weights are penalised, biases never. A leaf is a weight if the last NamedTuple field or dictionary key on the
    way to it begins with W or w (W, W_x, W_y, w), and else free (b, b_y, gamma, beta). The factor ½ is that of
    PyTorch's weight_decay and TensorFlow's l2_loss; Keras's L2(l) is l ‖w‖², so λ = 2 l. Nothing is divided by the
    number of examples: beside our mean squared error, λ is 2 α / N for the α of scikit-learn's Ridge.

Raises: ValueError if λ is negative, if no leaf is a weight, or if the leaves have different dtypes.

Reference: Hoerl & Kennard, "Ridge regression: biased estimation for nonorthogonal problems", Technometrics 12 (1970);
    Krogh & Hertz, "A simple weight decay can improve generalization", NIPS 1991.
"""

import torch
import optree
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import NonNegative, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


@checked
def l2(params: Tree, *, strength: NonNegative = 0.01) -> Float[Array, ""]:
    marked = zip(optree.tree_leaves(params), l2_weights(params), strict=True)
    square = sum(torch.sum(w * w) for w, is_weight in marked if is_weight)  # (1)
    return 0.5 * strength * square  # (2)


def l2_weights(params: Tree) -> list[bool]:
    """Leaf by leaf, in the order of optree.tree_leaves, whether it is a weight: told by its name."""
    flags = _begin_with_w(params)
    if not any(flags):
        raise ValueError("params holds no weight, expected a field or key that begins with W or w")
    return flags


def _begin_with_w(tree, name=""):
    if hasattr(tree, "_fields"):
        children = zip(tree._fields, tree, strict=True)
    elif isinstance(tree, dict):
        children = ((key, tree[key]) for key in sorted(tree))
    elif isinstance(tree, tuple | list):
        children = ((name, child) for child in tree)  # a place in a sequence is no name
    else:
        return [str(name)[:1] in ("W", "w")]
    return [flag for key, child in children for flag in _begin_with_w(child, key)]
