"""Oracles: torch.nn.functional for value and gradient; numpy.linalg.lstsq and scikit-learn for the closed form."""

import numpy as np

from numpy_impl.intro.linear_regression import LinearRegressionParams
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 4, "D": 1}


def torch_linear(params, X):
    import torch.nn.functional as F

    return F.linear(X, params.w[None], params.b[None])[:, 0]


def torch_loss(params, X, y):
    import torch.nn.functional as F

    return F.mse_loss(torch_linear(params, X), y)


def least_squares(X, y):
    solution = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
    return LinearRegressionParams(w=solution[:-1], b=solution[-1])


def scaled_least_squares(X, y):
    """The columns brought to one scale, so that lstsq does not take the smallest for rounding errors."""
    scale = np.max(np.abs(X), axis=0)
    solution = least_squares(X / scale, y)
    return solution._replace(w=solution.w / scale)


def sklearn_fit(X, y):
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(X, y)
    return LinearRegressionParams(w=model.coef_, b=np.asarray(model.intercept_))


def zeros(n_features, dtype):
    return LinearRegressionParams(w=np.zeros(n_features, dtype), b=np.zeros((), dtype))


def cases(draw, N=7, D=3):
    params = LinearRegressionParams(w=draw(D), b=draw())
    yield Case("linear_regression", (params, draw(N, D)), torch_linear)
    yield Case("linear_regression_loss", (params, draw(N, D), draw(N)), torch_loss)
    yield Case(
        "linear_regression_fit",
        (draw(N + D, D) + 3, draw(N + D) - 2),  # tall: nearly square matrices can be ill-conditioned
        least_squares,
        grad=False,
        second={"sklearn": sklearn_fit},
    )
    yield Case("linear_regression_init", (D,), zeros, {"dtype": "float64"}, grad=False)


def nasty(draw):
    params = LinearRegressionParams(w=draw(1), b=draw())
    yield Case("linear_regression_loss", (params, draw(1, 1), draw(1)), torch_loss, name="one example")
    yield Case("linear_regression", (params, draw(0, 1)), torch_linear, name="no examples")
    X, y = draw(50, 4), draw(50)
    X[:, 0] += 1e6  # a far-off mean: the normal equations would lose 12 digits
    yield Case("linear_regression_fit", (X, y), least_squares, grad=False, tolerance=1e-9, name="far from the origin")
    X = draw(50, 3) * np.array([1e-7, 1.0, 1e7])
    args, far = (X, draw(50)), ["scales far apart", "scales farther apart"]
    yield Case("linear_regression_fit", args, scaled_least_squares, grad=False, name=far[0])
    args = (X * np.array([1e-20, 1.0, 1e20]), args[1])
    yield Case("linear_regression_fit", args, scaled_least_squares, grad=False, name=far[1])


def bad(draw):
    params = LinearRegressionParams(w=draw(3), b=draw())
    X, y = draw(7, 3), draw(7)
    yield Bad("linear_regression", (params, draw(7, 4)), r"X has shape \(7, 4\), expected .* D = 3")
    yield Bad("linear_regression_loss", (params, X, draw(6)), r"y has shape \(6,\), expected .* N = 7")
    yield Bad("linear_regression_loss", (params, X[:0], y[:0]), "N at least 1")
    yield Bad("linear_regression_loss", (params, X.astype("float32"), y), "X has dtype float32, expected float64")
    yield Bad(
        "linear_regression_loss", ((draw(3), draw()), X, y), "params is a tuple, expected LinearRegressionParams"
    )
    yield Bad("linear_regression_fit", (draw(3, 3), draw(3)), "expected more examples")
    yield Bad("linear_regression_fit", (np.column_stack([X, X[:, 0]]), y), "linear combinations of others")
    yield Bad("linear_regression_fit", (np.column_stack([X, np.full(7, 1e6 / 3)]), y), "columns that are constant")
    X, y = draw(50, 3).astype("float32"), draw(50).astype("float32")
    for last in (X[:, 0] + X[:, 1], X[:, 0] - 3 * X[:, 2], np.full(50, 1e6 / 3, "float32")):
        for scale in (np.float32(1e-7), np.float32(1e7)):
            args = np.column_stack([X, scale * last]), y
            yield Bad("linear_regression_fit", args, "constant or linear combinations of others")


MUTANTS = [
    Mutant("prediction = X @ params.w + params.b", "prediction = X @ params.w - params.b",
           "The intercept with the wrong sign."),
    Mutant("w=X.T @ d_prediction, b=np.sum(d_prediction)", "w=X.T @ d_prediction, b=np.mean(d_prediction)",
           "b is added to every example, so its gradient is the sum; the mean already stands in the loss."),
    Mutant("w=X.T @ d_prediction,", "w=X.T @ d_prediction / len(X),",
           "Divided by N twice: once by the loss, once here."),
    Mutant("np.outer(d_prediction, params.w)", "np.outer(d_prediction, params.w) + params.b",
           "The intercept has no part in the gradient of the inputs."),
    Mutant("np.linalg.qr(X - mean_x)", "np.linalg.qr(X)",
           "Without centring the columns, the line is forced through the origin's neighbourhood."),
    Mutant("Q.T @ (y - mean_y)", "Q.T @ y + mean_y", "The target must be centred as the features are."),
    Mutant("mean_y - mean_x @ w", "mean_y", "The intercept is the mean of y only if every feature has mean zero."),
    Mutant("return d_params, d_X, d_y", "return d_params, d_X, -d_y",
           "The target pulls in the direction opposite to the prediction."),
    Mutant("d_prediction, d_y = losses", "d_y, d_prediction = losses",
           "The two gradients of the loss swapped: descent then climbs, or follows the errors the wrong way."),
    Mutant("w=X.T @ d_prediction, b", "w=np.sum(X, axis=0) * np.sum(d_prediction), b",
           "The sums over examples taken one by one: a feature must meet the error of its own example."),
]  # fmt: skip
