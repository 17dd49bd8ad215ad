"""Softmax regression (multinomial logistic regression): the probabilities of K classes.

    z = X W + b                                                      (1)   logits; p(k | x) = softmax(z)_k
    L = -1/N Σ_n log softmax(z_n)_label(n)                           (2)

Shapes: X (N, D), labels (N,) integers from 0 to K-1, z (N, K), W (D, K), b (K,), L ().

Units: L is in nats per example.

Variant: K columns of weights, none pinned to zero, so that adding one vector to every column of W changes nothing;
    the mean over the examples, no penalty.

Raises: ValueError if shapes or dtypes disagree, if there are no examples, or if a label is negative or at least K.

Reference: Bishop, "Pattern Recognition and Machine Learning" (2006), section 4.3.4.
"""

from typing import Annotated, NamedTuple

import torch
from torch import Tensor as Array
from jaxtyping import Float, Int

from shared.support.shapes import Below, checked
from torch_impl import losses


class SoftmaxRegressionParams(NamedTuple):
    W: Float[Array, "D K"]
    b: Float[Array, "K"]


def softmax_regression_init(n_features: int, n_classes: int, *, dtype: str = "float32") -> SoftmaxRegressionParams:
    kind = {"dtype": getattr(torch, dtype)}
    return SoftmaxRegressionParams(W=torch.zeros((n_features, n_classes), **kind), b=torch.zeros(n_classes, **kind))


@checked
def softmax_regression(params: SoftmaxRegressionParams, X: Float[Array, "N D"]) -> Float[Array, "N K"]:
    return X @ params.W + params.b  # (1)


@checked(N=1)
def softmax_regression_loss(
    params: SoftmaxRegressionParams, X: Float[Array, "N D"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    logits = softmax_regression(params, X)
    return losses.softmax_cross_entropy(logits, labels)  # (2)
