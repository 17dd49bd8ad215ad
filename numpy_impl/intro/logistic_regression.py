"""Logistic regression: the probability of one of two classes.

Idea: A weighted sum of the features can be any number; the sigmoid makes a probability of it. The logarithmic loss
    then hardly counts a confident hit and counts a confident error without bound. The squared error of a straight
    line would punish hits too, for lying far on the right side.

    logits = X w + b                                      (1)   p(y = 1 | x) = σ(logits)
    loss = mean of softplus(logits) - y ⊙ logits          (2)   = mean of -y log p - (1 - y) log(1 - p)

Gradients:
    d_logits = 1/N d_loss (σ(logits) - y)                 through (2)
    d_y = -1/N d_loss logits                              through (2)
    d_w = Xᵀ d_logits, d_b = Σ_n d_logits                 through (1)
    d_X = d_logits wᵀ                                     through (1)

Shapes: X (N, D), y (N,) with values 0 and 1 (or a probability between), logits (N,), w (D,), b (), loss ().

Units: a logit is a log-odds (natural logarithm); the loss is in nats per example.

Variant: the mean over the examples, no penalty. Only logits leave the model: p is `sigmoid(logits)` of activations.

Differs:
    torch.nn.Linear: w is the one row of a (1, D) matrix.
    Keras: Dense has w as a (D, 1) matrix; BinaryCrossentropy needs from_logits=True.
    scikit-learn: LogisticRegression minimises C · sum + ½‖w‖², so C = 1 / (N λ) for a penalty ½ λ ‖w‖² here.

Relation: softmax_regression with two classes, of whose weights only the difference counts.

Raises: ValueError if shapes or dtypes disagree, if there are no examples, or if y lies outside [0, 1].

Reference: Berkson 1944, JASA 39; Cox 1958, JRSS B 20; Bishop, "Pattern Recognition and Machine Learning" (2006),
    section 4.3.2.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from numpy_impl import losses
from shared.support.shapes import Dtype, Range, checked


class LogisticRegressionParams(NamedTuple):
    w: Float[Array, "D"]
    b: Float[Array, ""]


@checked
def logistic_regression_init(n_features: int, *, dtype: Dtype = "float32") -> LogisticRegressionParams:
    return LogisticRegressionParams(w=np.zeros(n_features, dtype), b=np.zeros((), dtype))


@checked
def logistic_regression(params: LogisticRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N"]:
    logits = X @ params.w + params.b  # (1)
    return logits, (params, X)


def logistic_regression_backward(cache, d_logits, *, params_only=False):
    params, X = cache
    d_params = LogisticRegressionParams(w=X.T @ d_logits, b=np.sum(d_logits))  # through (1)
    d_X = None if params_only else np.outer(d_logits, params.w)  # through (1)
    return d_params, d_X


@checked(N=1)
def logistic_regression_loss(
    params: LogisticRegressionParams, X: Float[Array, "N D"], y: Annotated[Float[Array, "N"], Range("[0, 1]")]
) -> Float[Array, ""]:
    logits, model_cache = logistic_regression(params, X)
    loss, loss_cache = losses.binary_cross_entropy(logits, y)  # (2)
    return loss, (model_cache, loss_cache)


def logistic_regression_loss_backward(cache, d_loss, *, params_only=False):
    model_cache, loss_cache = cache
    d_logits, d_y = losses.binary_cross_entropy_backward(loss_cache, d_loss)  # through (2)
    d_params, d_X = logistic_regression_backward(model_cache, d_logits, params_only=params_only)  # through (1)
    return d_params, d_X, d_y
