"""Losses: what a network's outputs cost.

    mse                        L = mean over all elements of (ŷ - y)²                     (1)
    binary_cross_entropy       L = mean over all elements of softplus(z) - y z            (2)
    log_softmax                ℓ_nk = z_nk - m_n - log Σ_j e^(z_nj - m_n),  m_n = max_j z_nj   (3)
    softmax_cross_entropy      L = -1/N Σ_n ℓ_n,label(n)                                  (4)
    soft_cross_entropy         L = -1/N Σ_n Σ_k t_nk ℓ_nk                                 (5)

Shapes: mse and binary_cross_entropy take two arrays of one shape, whatever it is; the other three take logits z
    (N, K), with integer labels (N,) from 0 to K-1 or soft labels t (N, K). A loss is a scalar.

Units: cross-entropies are in nats per example (per element for binary_cross_entropy).

Variant: logits, never probabilities. mse has no factor ½ (as PyTorch, Keras). Binary cross-entropy uses
    softplus, whose derivative σ(z) is right at z = 0 too; the textbook form max(z, 0) - z y + log(1 + e^-|z|) is
    not under automatic differentiation. The rows of t need not sum to 1: dz = softmax(z) Σ_k t_k - t (as PyTorch;
    TensorFlow's fused operation assumes that they do).

Raises: ValueError if shapes or dtypes disagree, if there is no example to take the mean of, or if a label is
    negative or at least K.

Reference: Bishop, "Pattern Recognition and Machine Learning" (2006), chapters 3 and 4; Goodfellow, Bengio &
    Courville, "Deep Learning" (2016), section 6.2.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from numpy_impl.activations import sigmoid, softplus
from shared.support.shapes import Below, checked


@checked(shape=1)
def mse(prediction: Float[Array, "*shape"], target: Float[Array, "*shape"]) -> Float[Array, ""]:
    error = prediction - target
    return np.mean(error * error), error  # (1)


def mse_backward(cache, d_loss):
    error = cache
    d_prediction = d_loss * 2 / error.size * error  # through (1)
    return d_prediction, -d_prediction


@checked(shape=1)
def binary_cross_entropy(logits: Float[Array, "*shape"], target: Float[Array, "*shape"]) -> Float[Array, ""]:
    return np.mean(softplus(logits) - target * logits), (logits, target)  # (2)


def binary_cross_entropy_backward(cache, d_loss):
    logits, target = cache
    d_mean = d_loss / logits.size
    return d_mean * (sigmoid(logits) - target), -d_mean * logits  # through (2)


@checked(K=1)
def log_softmax(logits: Float[Array, "N K"]) -> Float[Array, "N K"]:
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))  # (3)
    return log_p, log_p


def log_softmax_backward(cache, d_log_p):
    log_p = cache
    d_logits = d_log_p - np.exp(log_p) * np.sum(d_log_p, axis=-1, keepdims=True)  # through (3)
    return (d_logits,)


@checked(N=1, K=1)
def softmax_cross_entropy(
    logits: Float[Array, "N K"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    log_p, cache = log_softmax(logits)
    picked = np.take_along_axis(log_p, labels[:, None], axis=-1)
    return -np.mean(picked), (cache, labels)  # (4)


def softmax_cross_entropy_backward(cache, d_loss):
    log_p, labels = cache
    d_logits = np.exp(log_p)  # through (3), with the sum of d_log_p known to be -1/N
    d_logits[np.arange(len(labels)), labels] -= 1
    d_logits *= d_loss / len(labels)  # through (4)
    return d_logits, None


@checked(N=1, K=1)
def soft_cross_entropy(logits: Float[Array, "N K"], target: Float[Array, "N K"]) -> Float[Array, ""]:
    log_p, cache = log_softmax(logits)
    return -np.sum(target * log_p) / len(logits), (cache, target)  # (5)


def soft_cross_entropy_backward(cache, d_loss):
    log_p, target = cache
    scale = -d_loss / len(target)
    (d_logits,) = log_softmax_backward(log_p, scale * target)
    return d_logits, scale * log_p  # through (5)
