"""Linear regression: a hyperplane through data, by least squares.

Idea: Of all hyperplanes, take the one whose squared errors are smallest; squares make the best one unique and easy to
    find. Gradient descent gets there step by step, as for any network; here alone a closed form gives the same answer
    at once, and the steps can be checked against it.

    prediction = X w + b                                  (1)
    loss = mean of (prediction - y)²                      (2)   minimised by gradient descent, or at once by
    X - mean_x = Q R                                      (3)   QR decomposition; mean_x, mean_y: over the examples
    R w = Qᵀ (y - mean_y)                                 (4)
    b = mean_y - mean_x · w                               (5)

Gradients:
    d_prediction = 2/N d_loss (prediction - y)            through (2)
    d_y = -d_prediction                                   through (2)
    d_w = Xᵀ d_prediction, d_b = Σ_n d_prediction         through (1)
    d_X = d_prediction wᵀ                                 through (1)

Shapes: X (N, D), y (N,), prediction (N,), w (D,), b (), loss ().

Units: w in units of y per unit of the feature; the loss in the square of y's unit.

Variant: no factor ½ in the loss. The closed form is the QR solution of the centred problem: its error grows with the
    condition number of X, that of the normal equations with its square. It has no gradient here. A column depends on
    those before it if they leave no more of it than rounding would: 10 ε √N times its largest number, with the ε of
    the dtype. The scales of the columns play no part.

Differs:
    torch.nn.Linear: w is the one row of a (1, D) matrix.
    Keras: Dense has w as a (D, 1) matrix.
    scikit-learn: LinearRegression solves the same problem by a singular value decomposition, which also takes columns
        that depend on each other; SGDRegressor has a factor ½ in its loss.

Relation: with the penalty of regularization/l2 this is ridge regression, with that of l1 the lasso.

Raises: ValueError if shapes or dtypes disagree, if there are no examples, and, for the closed form, if there are
    not more examples than features or the columns of X are linearly dependent.

Reference: Legendre 1805; Gauss 1809; Golub, "Numerical methods for solving linear least squares problems",
    Numerische Mathematik 7 (1965), for the QR solution.
"""

import math
from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, checked
from tf_impl import losses

EPS = {4: 2.0**-23, 8: 2.0**-52}  # from 1 to the next number, by the bytes of one


class LinearRegressionParams(NamedTuple):
    w: Float[Array, "D"]
    b: Float[Array, ""]


@checked
def linear_regression_init(n_features: int, *, dtype: Dtype = "float32") -> LinearRegressionParams:
    return LinearRegressionParams(w=tf.zeros([n_features], dtype), b=tf.zeros([], dtype))


@checked
def linear_regression(params: LinearRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N"]:
    prediction = tf.linalg.matvec(X, params.w) + params.b  # (1)   TensorFlow's @ takes no vector
    return prediction


@checked(N=1)
def linear_regression_loss(
    params: LinearRegressionParams, X: Float[Array, "N D"], y: Float[Array, "N"]
) -> Float[Array, ""]:
    prediction = linear_regression(params, X)
    loss = losses.mse(prediction, y)  # (2)
    return loss


@checked(N=1)
def linear_regression_fit(X: Float[Array, "N D"], y: Float[Array, "N"]) -> LinearRegressionParams:
    if X.shape[0] is None:
        raise ValueError("X has a number of rows that is not known in tf.function, expected one that is")
    if X.shape[0] <= X.shape[1]:
        raise ValueError(f"X has shape {tuple(X.shape)}, expected more examples (rows) than features (columns)")
    mean_x, mean_y = tf.reduce_mean(X, axis=0), tf.reduce_mean(y)
    Q, R = tf.linalg.qr(X - mean_x)  # (3)
    rounding = 10 * EPS[X.dtype.size] * math.sqrt(X.shape[0]) * tf.reduce_max(tf.abs(X), axis=0)
    if tf.reduce_min(tf.abs(tf.linalg.diag_part(R)) - rounding) <= 0:  # what the columns before it leave of a column
        raise ValueError("X has columns that are constant or linear combinations of others, expected full rank")
    w = tf.linalg.solve(R, tf.linalg.matvec(Q, y - mean_y, transpose_a=True)[:, None])[:, 0]  # (4)
    b = mean_y - tf.tensordot(mean_x, w, 1)  # (5)
    return LinearRegressionParams(w, b)
