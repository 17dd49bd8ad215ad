"""Oracle: torch.nn.functional's linear and cross_entropy."""

import numpy as np

from numpy_impl.intro.softmax_regression import SoftmaxRegressionParams
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 1, "D": 1, "K": 1}


def torch_logits(params, X):
    import torch.nn.functional as F

    return F.linear(X, params.W.T, params.b)


def torch_loss(params, X, labels):
    import torch.nn.functional as F

    return F.cross_entropy(torch_logits(params, X), labels)


def zeros(n_features, n_classes, dtype):
    return SoftmaxRegressionParams(W=np.zeros((n_features, n_classes), dtype), b=np.zeros(n_classes, dtype))


def cases(draw, N=7, D=3, K=5):
    params = SoftmaxRegressionParams(W=draw(D, K), b=draw(K))
    yield Case("softmax_regression", (params, draw(N, D)), torch_logits)
    yield Case("softmax_regression_loss", (params, draw(N, D), draw.integers(K, N)), torch_loss)
    yield Case("softmax_regression_init", (D, K), zeros, {"dtype": "float64"}, grad=False)


def nasty(draw):
    zero = SoftmaxRegressionParams(W=np.zeros((3, 4)), b=np.zeros(4))
    X, labels = draw(5, 3), draw.integers(4, 5)
    yield Case("softmax_regression_loss", (zero, X, labels), torch_loss, name="start at zero")
    huge = SoftmaxRegressionParams(W=1e4 * draw(3, 4), b=draw(4))
    yield Case("softmax_regression_loss", (huge, X, labels), torch_loss, name="huge logits")
    yield Case("softmax_regression_loss", (huge, X[:1], labels[:1]), torch_loss, name="one example")
    yield Case("softmax_regression", (huge, X[:0]), torch_logits, name="no examples")


def bad(draw):
    params = SoftmaxRegressionParams(W=draw(3, 4), b=draw(4))
    X = draw(2, 3)
    yield Bad("softmax_regression_loss", (params, X, np.array([0, 4])), r"labels holds 4 at \[1\].* value < 4")
    yield Bad("softmax_regression_loss", (params, X, np.array([-1, 0])), r"labels holds -1 at \[0\]")
    yield Bad("softmax_regression_loss", (params, X, np.array([0, 1, 2])), r"labels has shape \(3,\)")
    yield Bad("softmax_regression_loss", (params, X[:0], np.zeros(0, int)), "N at least 1")
    yield Bad("softmax_regression", (params._replace(b=draw(5)), X), r"params.b has shape \(5,\), expected .* K = 4")
    yield Bad("softmax_regression", (params, draw(2, 2)), r"X has shape \(2, 2\)")


MUTANTS = [
    Mutant("logits = X @ params.W + params.b", "logits = X @ params.W",
           "Without the bias, the class frequencies cannot be learned."),
    Mutant("b=np.sum(d_logits, axis=0)", "b=np.sum(d_logits, axis=1)[: d_logits.shape[1]]",
           "Summed over the classes instead of the examples: always zero, and of another size."),
    Mutant("b=np.sum(d_logits, axis=0)", "b=np.mean(d_logits, axis=0)",
           "The mean is in the loss already: here the examples are summed."),
    Mutant("W=X.T @ d_logits,", "W=X.T @ d_logits / len(X),", "Divided by N twice."),
    Mutant("else d_logits @ params.W.T", "else d_logits @ np.abs(params.W.T)",
           "The gradient for the inputs carries the signs of the weights."),
    Mutant("losses.softmax_cross_entropy(logits, labels)  # (2)",
           "losses.softmax_cross_entropy(logits - logits.mean(axis=0), labels)  # (2)",
           "Centring over the batch makes an example's loss depend on its neighbours."),
    Mutant("losses.softmax_cross_entropy(logits, labels)  # (2)",
           "losses.softmax_cross_entropy(np.exp(losses.log_softmax(logits)[0]), labels)  # (2)",
           "The softmax applied twice, probabilities passed as logits: it trains, but is never sure of anything."),
    Mutant("W=X.T @ d_logits, b", "W=X.T @ (d_logits - np.mean(d_logits, axis=0)), b",
           "A term too many: centred over the batch, so that no feature's mean is learned from."),
]  # fmt: skip
