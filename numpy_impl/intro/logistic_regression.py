"""Logistic regression: the probability of one of two classes.

    z = X w + b                                          (1)   logits; p(y = 1 | x) = σ(z)
    L = mean of softplus(z) - y z                        (2)   = mean of -y log p - (1 - y) log(1 - p)

Shapes: X (N, D), y (N,) with values 0 and 1 (or a probability between), z (N,), w (D,), b (), L ().

Units: z is a log-odds (natural logarithm); L is in nats per example.

Variant: the mean over the examples, no penalty. scikit-learn minimises C · sum + ½‖w‖² instead: its C is 1 / (N λ)
    for a penalty ½ λ ‖w‖² here. Only logits leave the model: σ(z) is `sigmoid(z)` of activations.

Raises: ValueError if shapes or dtypes disagree, if there are no examples, or if y lies outside [0, 1].

Reference: Berkson 1944, JASA 39; Cox 1958, JRSS B 20; Bishop, "Pattern Recognition and Machine Learning" (2006),
    section 4.3.2.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from numpy_impl import losses
from shared.support.shapes import Range, checked


class LogisticRegressionParams(NamedTuple):
    w: Float[Array, "D"]
    b: Float[Array, ""]


def logistic_regression_init(n_features: int, *, dtype: str = "float32") -> LogisticRegressionParams:
    return LogisticRegressionParams(w=np.zeros(n_features, dtype), b=np.zeros((), dtype))


@checked
def logistic_regression(params: LogisticRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N"]:
    return X @ params.w + params.b, (params, X)  # (1)


def logistic_regression_backward(cache, d_logits, *, params_only=False):
    params, X = cache
    d_params = LogisticRegressionParams(w=X.T @ d_logits, b=np.sum(d_logits))  # through (1)
    return d_params, None if params_only else np.outer(d_logits, params.w)


@checked(N=1)
def logistic_regression_loss(
    params: LogisticRegressionParams, X: Float[Array, "N D"], y: Annotated[Float[Array, "N"], Range("[0, 1]")]
) -> Float[Array, ""]:
    logits, cache = logistic_regression(params, X)
    loss, loss_cache = losses.binary_cross_entropy(logits, y)  # (2)
    return loss, (cache, loss_cache)


def logistic_regression_loss_backward(cache, d_loss, *, params_only=False):
    cache, loss_cache = cache
    d_logits, d_y = losses.binary_cross_entropy_backward(loss_cache, d_loss)  # through (2)
    return *logistic_regression_backward(cache, d_logits, params_only=params_only), d_y
