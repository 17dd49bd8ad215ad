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

import tensorflow as tf
from jaxtyping import Float, Int
from tensorflow import Tensor as Array

from shared.support.shapes import Below, checked
from tf_impl.activations import softplus


@checked(shape=1)
def mse(prediction: Float[Array, "*shape"], target: Float[Array, "*shape"]) -> Float[Array, ""]:
    error = prediction - target
    return tf.reduce_mean(error * error)  # (1)


@checked(shape=1)
def binary_cross_entropy(logits: Float[Array, "*shape"], target: Float[Array, "*shape"]) -> Float[Array, ""]:
    return tf.reduce_mean(softplus(logits) - target * logits)  # (2)


@checked(K=1)
def log_softmax(logits: Float[Array, "N K"]) -> Float[Array, "N K"]:
    shifted = logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))  # the shift has no gradient
    return shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1, keepdims=True))  # (3)


@checked(N=1, K=1)
def softmax_cross_entropy(
    logits: Float[Array, "N K"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    log_p = log_softmax(logits)
    picked = tf.gather(log_p, labels, axis=-1, batch_dims=1)
    return -tf.reduce_mean(picked)  # (4)


@checked(N=1, K=1)
def soft_cross_entropy(logits: Float[Array, "N K"], target: Float[Array, "N K"]) -> Float[Array, ""]:
    log_p = log_softmax(logits)
    return -tf.reduce_sum(target * log_p) / len(logits)  # (5)
