"""Softmax regression (multinomial logistic regression): the probabilities of K classes.

Idea: Every class scores an example by a weighted sum of its features, and the softmax makes probabilities of the
    scores. Fitting a line to the class numbers instead would say that class 2 lies between 1 and 3.

    logits = X W + b                                      (1)   p(k | x) = softmax(logits)_k
    loss = -1/N Σ_n log softmax(logits_n)_label(n)        (2)

Gradients:
    d_logits = 1/N d_loss (softmax(logits) - onehot)      through (2)   onehot: 1 at the label, 0 elsewhere
    d_W = Xᵀ d_logits, d_b = Σ_n d_logits                 through (1)
    d_X = d_logits Wᵀ                                     through (1)

Shapes: X (N, D), labels (N,) integers from 0 to K-1, logits (N, K), W (D, K), b (K,), loss ().

Units: the loss is in nats per example.

Variant: K columns of weights, none pinned to zero, so that adding one vector to every column of W changes nothing;
    the mean over the examples, no penalty.

Differs:
    torch.nn.Linear: W is transposed, (K, D).
    Keras: Dense has the same W; SparseCategoricalCrossentropy needs from_logits=True.
    scikit-learn: LogisticRegression minimises C · sum + ½‖W‖², so C = 1 / (N λ) for a penalty ½ λ ‖W‖² here;
        its coef_ is (K, D).

Relation: mlp without hidden layers; logistic_regression is the case of two classes with one column pinned to zero.

Raises: ValueError if shapes or dtypes disagree, if there are no examples, or if a label is negative or at least K.

Reference: Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.
"""

from typing import Annotated, NamedTuple

import torch
from torch import Tensor as Array
from jaxtyping import Float, Int

from shared.support.shapes import Below, Dtype, checked
from torch_impl import losses


class SoftmaxRegressionParams(NamedTuple):
    W: Float[Array, "D K"]
    b: Float[Array, "K"]


@checked
def softmax_regression_init(n_features: int, n_classes: int, *, dtype: Dtype = "float32") -> SoftmaxRegressionParams:
    kind = {"dtype": getattr(torch, dtype)}
    return SoftmaxRegressionParams(W=torch.zeros((n_features, n_classes), **kind), b=torch.zeros(n_classes, **kind))


@checked
def softmax_regression(params: SoftmaxRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N K"]:
    logits = X @ params.W + params.b  # (1)
    return logits


@checked(N=1)
def softmax_regression_loss(
    params: SoftmaxRegressionParams, X: Float[Array, "N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    logits = softmax_regression(params, X)
    loss = losses.softmax_cross_entropy(logits, labels)  # (2)
    return loss
