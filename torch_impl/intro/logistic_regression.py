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

import torch
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import Dtype, Range, checked
from torch_impl import losses


class LogisticRegressionParams(NamedTuple):
    w: Float[Array, "D"]
    b: Float[Array, ""]


@checked
def logistic_regression_init(n_features: int, *, dtype: Dtype = "float32") -> LogisticRegressionParams:
    kind = {"dtype": getattr(torch, dtype)}
    return LogisticRegressionParams(w=torch.zeros(n_features, **kind), b=torch.zeros((), **kind))


@checked
def logistic_regression(params: LogisticRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N"]:
    logits = X @ params.w + params.b  # (1)
    return logits


@checked(N=1)
def logistic_regression_loss(
    params: LogisticRegressionParams, X: Float[Array, "N D"], y: Annotated[Float[Array, "N"], Range("[0, 1]")]
) -> Float[Array, ""]:
    logits = logistic_regression(params, X)
    loss = losses.binary_cross_entropy(logits, y)  # (2)
    return loss
