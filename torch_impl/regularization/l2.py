"""L2 penalty (ridge, weight decay): half the squared length of all weights.

Idea: A penalty makes the loss prefer small weights, so that a model with many of them does not follow the noise. This
    one pulls each weight back in proportion to its size: all shrink, the large ones most.

    square = Σ w_i²                (1)   ‖w‖², over every element of every weight
    penalty = ½ λ square           (2)   to be added to the mean loss

Gradients:
    d_square = ½ λ d_penalty       through (2)
    d_params = 2 d_square w for every weight w, 0 for every bias       through (1)   in total λ w

Shapes: params is any tree of arrays; the penalty is a scalar, its gradient a tree of the same structure and shapes.

Units: λ (strength) is in units of the loss per square of a weight's unit.

Variant: weights are penalised, biases never. A leaf is a weight if the last NamedTuple field or dictionary key on the
    way to it begins with W or w (W, W_x, W_o, w), and else free (b, b_o, gamma, beta). Nothing is divided by the
    number of examples.

Differs:
    torch: weight_decay adds λ w to the gradient, as here, but for biases as well, and nothing to the loss.
    TensorFlow: l2_loss is ½ ‖w‖², as here with λ = 1.
    Keras: L2(l) is l ‖w‖², so λ = 2 l; weight_decay of an optimizer is decoupled, which is something else.
    scikit-learn: Ridge adds α ‖w‖² to a sum; beside our mean squared error, λ is 2 α / N.

Relation: l1 pulls with constant force, and makes many weights exactly zero.

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
    penalty = 0.5 * strength * square  # (2)
    return penalty


def l2_weights(params: Tree) -> list[bool]:
    """Leaf by leaf, in the order of optree.tree_leaves, whether it is a weight: told by its name."""
    flags = [_name(accessor)[:1] in ("W", "w") for accessor in optree.tree_accessors(params)]
    if not any(flags):
        raise ValueError("params holds no weight, expected a field or key that begins with W or w")
    return flags


def _name(accessor):
    """The last field or key on the way to a leaf; a place in a tuple or list is no name."""
    names = [getattr(entry, "field", getattr(entry, "key", None)) for entry in accessor]
    return next((str(name) for name in reversed(names) if name is not None), "")
