"""L1 penalty (lasso): the sum of the absolute values of all weights, which drives many of them to zero.

Idea: A penalty makes the loss prefer small weights, so that a model with many of them does not follow the noise. This
    one pulls with the same force however small a weight is, so that weights of little use end at exactly zero.

    norm = Σ |w_i|                 (1)   over every element of every weight
    penalty = λ norm               (2)   to be added to the mean loss

Gradients:
    d_norm = λ d_penalty           through (2)
    d_params = d_norm sign(w) for every weight w, 0 for every bias     through (1)   the sign of 0 is 0

Shapes: params is any tree of arrays; the penalty is a scalar, its gradient a tree of the same structure and shapes.

Units: λ (strength) is in units of the loss per unit of a weight.

Variant: weights are penalised, biases never; what a weight is, the names tell (see l2). At w = 0 any slope from -λ
    to λ is a subgradient; 0 is taken. Nothing is divided by the number of examples.

Differs:
    torch, TensorFlow: the slope of abs at 0 is 0, too.
    JAX: the slope of abs at 0 is 1.
    Keras: L1(l) is the same with l = λ; it is given to each weight by itself.
    scikit-learn: Lasso has the factor 1 / (2 N) before its squared error; beside our mean squared error, λ is 2 α.

Relation: l2 pulls in proportion to a weight, and makes none zero.

Raises: ValueError if λ is negative, if no leaf is a weight, or if the leaves have different dtypes.

Reference: Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal Statistical Society B
    58 (1996).
"""

import optree
import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import NonNegative, TreeOf, checked
from tf_impl.regularization.l2 import l2_weights

Tree = TreeOf[Float[Array, "..."]]


@checked
def l1(params: Tree, *, strength: NonNegative = 0.01) -> Float[Array, ""]:
    marked = zip(optree.tree_leaves(params), l2_weights(params), strict=True)
    norm = sum(tf.reduce_sum(tf.abs(w)) for w, is_weight in marked if is_weight)  # (1)
    penalty = strength * norm  # (2)
    return penalty
