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

import torch
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import checked
from torch_impl import losses


class LinearRegressionParams(NamedTuple):
    w: Float[Array, "D"]
    b: Float[Array, ""]


def linear_regression_init(n_features: int, *, dtype: str = "float32") -> LinearRegressionParams:
    kind = {"dtype": getattr(torch, dtype)}
    return LinearRegressionParams(w=torch.zeros(n_features, **kind), b=torch.zeros((), **kind))


@checked
def linear_regression(params: LinearRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N"]:
    return X @ params.w + params.b  # (1)


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
    mean_x, mean_y = torch.mean(X, dim=0), torch.mean(y)
    Q, R = torch.linalg.qr(X - mean_x)  # (3)
    diagonal = torch.abs(torch.diag(R))
    if torch.min(diagonal) <= 1e-12 * torch.max(diagonal):
        raise ValueError("X has columns that are constant or linear combinations of others, expected full rank")
    w = torch.linalg.solve(R, Q.T @ (y - mean_y))  # (4)
    return LinearRegressionParams(w, mean_y - mean_x @ w)  # (5)
