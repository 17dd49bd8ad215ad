"""Oracle: torch.nn.functional's linear and binary_cross_entropy_with_logits."""

import numpy as np

from numpy_impl.intro.logistic_regression import LogisticRegressionParams
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 1, "D": 1}


def torch_logits(params, X):
    import torch.nn.functional as F

    return F.linear(X, params.w[None], params.b[None])[:, 0]


def torch_loss(params, X, y):
    import torch.nn.functional as F

    return F.binary_cross_entropy_with_logits(torch_logits(params, X), y)


def sklearn_loss(params, X, y):
    """The log loss of scikit-learn's own probabilities."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    model = LogisticRegression()
    model.coef_, model.intercept_, model.classes_ = params.w[None], params.b[None], np.array([0, 1])
    return np.asarray(log_loss(y, model.predict_proba(X)[:, 1], labels=[0, 1]))


def zeros(n_features, dtype):
    return LogisticRegressionParams(w=np.zeros(n_features, dtype), b=np.zeros((), dtype))


def cases(draw, N=7, D=3):
    params = LogisticRegressionParams(w=draw(D), b=draw())
    yield Case("logistic_regression", (params, draw(N, D)), torch_logits)
    X, y = draw(N, D), draw.integers(2, N).astype(float)
    yield Case("logistic_regression_loss", (params, X, y), torch_loss, second={"sklearn": sklearn_loss})
    yield Case("logistic_regression_init", (D,), zeros, {"dtype": "float64"}, grad=False)


def nasty(draw):
    zero = LogisticRegressionParams(w=np.zeros(3), b=np.zeros(()))
    y = np.array([0.0, 1.0, 1.0, 0.0])
    yield Case("logistic_regression_loss", (zero, draw(4, 3), y), torch_loss, name="start at zero: every logit is 0")
    params = LogisticRegressionParams(w=np.array([1e4, -1e4, 0.0]), b=np.zeros(()))
    yield Case("logistic_regression_loss", (params, draw(4, 3), y), torch_loss, name="huge logits")
    yield Case("logistic_regression_loss", (params, draw(1, 3), y[:1]), torch_loss, name="one example")
    yield Case("logistic_regression_loss", (params, draw(4, 3), draw.uniform(4)), torch_loss, name="soft targets")


def bad(draw):
    params = LogisticRegressionParams(w=draw(3), b=draw())
    X = draw(4, 3)
    yield Bad("logistic_regression_loss", (params, X, np.array([0.0, 1.0, 2.0, 0.0])), r"y holds 2.0 at \[2\]")
    yield Bad("logistic_regression_loss", (params, X, np.array([0.0, 1.0, -1.0, 1.0])), r"y holds -1.0 at \[2\]")
    yield Bad("logistic_regression_loss", (params, X, np.array([0, 1, 1, 0])), "y has dtype int64, expected float")
    yield Bad("logistic_regression_loss", (params, X, np.ones(5)), r"y has shape \(5,\)")
    yield Bad("logistic_regression_loss", (params, X[:0], np.ones(0)), "N at least 1")
    yield Bad("logistic_regression", (params, draw(4, 2)), r"X has shape \(4, 2\)")


MUTANTS = [
    Mutant("logits = X @ params.w + params.b", "logits = X @ params.w",
           "Without an intercept the boundary must pass through the origin."),
    Mutant("w=X.T @ d_logits, b=np.sum(d_logits)", "w=X.T @ d_logits, b=np.mean(d_logits)",
           "b is added to every example: its gradient is the sum; the mean already stands in the loss."),
    Mutant("w=X.T @ d_logits,", "w=X.T @ np.sign(d_logits),", "A perceptron's update in place of the gradient."),
    Mutant("np.outer(d_logits, params.w)", "np.outer(d_logits, np.abs(params.w))",
           "The gradient for the inputs carries the signs of the weights."),
    Mutant("losses.binary_cross_entropy(logits, y)  # (2)", "losses.mse(logits, y)  # (2)",
           "Squared error on logits: a regression on the labels, with other gradients and another optimum."),
    Mutant("losses.binary_cross_entropy(logits, y)  # (2)", "losses.binary_cross_entropy(logits, 1 - y)  # (2)",
           "The classes swapped: the model learns the complement."),
    Mutant("losses.binary_cross_entropy(logits, y)  # (2)",
           "losses.binary_cross_entropy(1 / (1 + np.exp(-logits)), y)  # (2)",
           "The sigmoid applied twice, here and in the loss: it still learns, slowly and to a wrong optimum."),
    Mutant("d_logits, d_y = losses", "d_y, d_logits = losses",
           "The two gradients of the loss swapped: descent then climbs, or follows the logits the wrong way."),
    Mutant("w=X.T @ d_logits, b", "w=np.sum(X, axis=0) * np.sum(d_logits), b",
           "The sums over examples taken one by one: a feature must meet the gradient of its own example."),
]  # fmt: skip
