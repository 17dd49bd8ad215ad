"""Linear regression: a hyperplane through data, by least squares.

    ŷ = X w + b                                  (1)
    L = mean of (ŷ - y)²                         (2)   minimised by gradient descent, or at once by
    X - x̄ = Q R                                  (3)   QR decomposition; x̄, ȳ: means over the examples
    R w = Qᵀ (y - ȳ)                             (4)
    b = ȳ - x̄ᵀ w                                 (5)

Shapes: X (N, D), y (N,), ŷ (N,), w (D,), b (), L ().

Units: w in units of y per unit of the feature; L in the square of y's unit.

Variant: no factor ½ in L (as PyTorch, Keras and scikit-learn's score). The closed form is the QR solution of the
    centred problem: its error grows with the condition number of X, that of the normal equations with its square.

Raises: ValueError if shapes or dtypes disagree, if there are no examples, and, for the closed form, if there are
    not more examples than features or the columns of X are linearly dependent.

Reference: Legendre 1805; Gauss 1809; Golub, "Numerical methods for solving linear least squares problems",
    Numerische Mathematik 7 (1965), for the QR solution.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl import losses


class LinearRegressionParams(NamedTuple):
    w: Float[Array, "D"]
    b: Float[Array, ""]


def linear_regression_init(n_features: int, *, dtype: str = "float32") -> LinearRegressionParams:
    return LinearRegressionParams(w=tf.zeros([n_features], dtype), b=tf.zeros([], dtype))


@checked
def linear_regression(params: LinearRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N"]:
    return tf.linalg.matvec(X, params.w) + params.b  # (1)


@checked(N=1)
def linear_regression_loss(
    params: LinearRegressionParams, X: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, ""]:
    prediction = linear_regression(params, X)
    return losses.mse(prediction, y)  # (2)


@checked(N=1)
def linear_regression_fit(X: Float[Array, "N D"], y: Float[Array, "N"]) -> LinearRegressionParams:
    if X.shape[0] <= X.shape[1]:
        raise ValueError(f"X has shape {tuple(X.shape)}, expected more examples (rows) than features (columns)")
    mean_x, mean_y = tf.reduce_mean(X, axis=0), tf.reduce_mean(y)
    Q, R = tf.linalg.qr(X - mean_x)  # (3)
    diagonal = tf.abs(tf.linalg.diag_part(R))
    if tf.reduce_min(diagonal) <= 1e-12 * tf.reduce_max(diagonal):
        raise ValueError("X has columns that are constant or linear combinations of others, expected full rank")
    w = tf.linalg.solve(R, tf.linalg.matvec(Q, y - mean_y, transpose_a=True)[:, None])[:, 0]  # (4)
    return LinearRegressionParams(w, mean_y - tf.tensordot(mean_x, w, 1))  # (5)
