"""Losses: one number that says how wrong a network's outputs are.

Idea: A loss is small where the right answer got a large output, and smooth, so that its gradient says which way to
    go. Cross-entropies take logits instead of probabilities: the logarithm undoes the exponential before either of
    them can overflow or round to zero.

    mse                    error = prediction - target                              (1)
                           loss = mean over all elements of error²                  (2)
    binary_cross_entropy   loss = mean over all elements of softplus(logits) - target ⊙ logits      (3)
    logsumexp              shifted = x - top                                        (4)   top = max_j x_j
                           log_sum = log Σ_j e^shifted_j                            (5)
                           total = top + log_sum                                    (6)   = log Σ_j e^x_j
    log_softmax            log_p = shifted - log_sum                                (7)   with x = logits
    softmax_cross_entropy  loss = -1/N Σ_n log_p_n,label(n)                         (8)
    soft_cross_entropy     loss = -1/N Σ_n Σ_k target_nk log_p_nk                   (9)
    masked_cross_entropy   loss = -1/M Σ_n mask_n log_p_n,label(n)                  (10)  M = Σ_n mask_n, at least 1

Gradients:
    d_error = 2/size d_loss error                               through (2)   size: the number of elements
    d_prediction = d_error, d_target = -d_error                 through (1)
    d_logits = 1/size d_loss (σ(logits) - target)               through (3)
    d_target = -1/size d_loss logits                            through (3)
    d_x = d_total ⊙ e^(x - total)                               through (4) (5) (6)
    d_logits = d_log_p - e^log_p ⊙ Σ_k d_log_p                  through (4) (5) (7)
    d_logits = 1/N d_loss (e^log_p - onehot)                    through (4) (5) (7) (8)
    d_log_p = -1/N d_loss target                                through (9)
    d_target = -1/N d_loss log_p                                through (9)
    d_logits = 1/M d_loss mask ⊙ (e^log_p - onehot)             through (4) (5) (7) (10)

Shapes: mse and binary_cross_entropy take two arrays of one shape, whatever it is. logsumexp takes away one axis of
    x, by default the last. log_softmax keeps the shape of logits (..., K). softmax_cross_entropy takes logits (N, K)
    and integer labels (N,) from 0 to K-1; soft_cross_entropy logits and target (N, K); masked_cross_entropy logits
    (..., K), labels (...) and a mask (...), True at the positions that count, with any axes before K, such as (T, N).
    A loss is a scalar; onehot has the shape of logits, 1 at the label and 0 elsewhere.

Units: cross-entropies are in nats: per example, per element in (3), per position that counts in (10).

Variant: mse has no factor ½. (3) is the binary cross-entropy with softplus, whose derivative is σ(logits) at 0 too;
    the textbook form max(z, 0) - z y + log(1 + e^-|z|) has another derivative there under automatic differentiation.
    Rows of target in (9) need not sum to 1. top is 0 where the maximum is infinite, so that logsumexp of -∞ alone is
    -∞; there it has no gradient (NaN, as in PyTorch). If no position counts, (10) is 0, with gradient 0. Labels must
    be in range at positions that do not count, too.

Differs:
    torch.nn.functional.cross_entropy: all of (8), (9) and (10) in one function. A position does not count if its
        label is ignore_index, and the mean over no position is NaN.
    tf.nn.softmax_cross_entropy_with_logits: its gradient takes for granted that the rows of target sum to 1.
    Keras: losses take probabilities unless from_logits=True, and clip them to [1e-7, 1 - 1e-7].
    scikit-learn: log_loss takes probabilities.

Raises: ValueError if shapes or dtypes disagree, if there is no example to take the mean of, if a label is negative
    or at least K, or if a target in (3) is outside [0, 1].

Reference: Bishop, "Pattern Recognition and Machine Learning" (2006), chapters 3 and 4; Goodfellow, Bengio &
    Courville, "Deep Learning" (2016), section 6.2.
"""

from typing import Annotated

import tensorflow as tf
from jaxtyping import Bool, Float, Int
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Range, checked
from tf_impl.activations import softplus


@checked(shape=1)
def mse(prediction: Float[Array, "*shape"], target: Float[Array, "*shape"]) -> Float[Array, ""]:
    error = prediction - target  # (1)
    loss = tf.reduce_mean(error * error)  # (2)
    return loss


@checked(shape=1)
def binary_cross_entropy(
    logits: Float[Array, "*shape"], target: Annotated[Float[Array, "*shape"], Range("[0, 1]")]
) -> Float[Array, ""]:
    loss = tf.reduce_mean(softplus(logits) - target * logits)  # (3)
    return loss


@checked
def logsumexp(x: Float[Array, "..."], *, axis: int = -1) -> Float[Array, "..."]:
    top, _, log_sum = _shifted(x, axis)
    total = tf.squeeze(top + log_sum, axis)  # (6)
    return total


def _shifted(x, axis):
    """top, x - top and the logarithm of the sum of its exponentials, of which the largest is e^0 = 1."""
    top = tf.stop_gradient(tf.reduce_max(x, axis=axis, keepdims=True))  # subtracted here, added later: no gradient
    top = tf.where(tf.math.is_finite(top), top, tf.zeros_like(top))  # ∞ - ∞ is NaN
    shifted = x - top  # (4)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=axis, keepdims=True))  # (5)
    return top, shifted, log_sum


@checked(K=1)
def log_softmax(logits: Float[Array, "*positions K"]) -> Float[Array, "*positions K"]:
    _, shifted, log_sum = _shifted(logits, -1)
    log_p = shifted - log_sum  # (7)
    return log_p


@checked(N=1, K=1)
def softmax_cross_entropy(
    logits: Float[Array, "N K"], labels: Annotated[Int[Array, "N"], Below("K")]
) -> Float[Array, ""]:
    log_p = log_softmax(logits)
    picked = tf.gather(log_p, tf.cast(labels, tf.int64), axis=-1, batch_dims=1)
    loss = -tf.reduce_mean(picked)  # (8)
    return loss


@checked(N=1, K=1)
def soft_cross_entropy(logits: Float[Array, "N K"], target: Float[Array, "N K"]) -> Float[Array, ""]:
    log_p = log_softmax(logits)
    loss = -tf.reduce_mean(tf.reduce_sum(target * log_p, axis=1))  # (9)
    return loss


@checked(K=1)
def masked_cross_entropy(
    logits: Float[Array, "*positions K"],
    labels: Annotated[Int[Array, "*positions"], Below("K")],
    mask: Bool[Array, "*positions"],
) -> Float[Array, ""]:
    log_p = log_softmax(logits)
    picked = tf.gather(log_p, tf.cast(labels, tf.int64), axis=-1, batch_dims=len(labels.shape))
    count = tf.maximum(tf.reduce_sum(tf.cast(mask, logits.dtype)), 1)
    loss = -tf.reduce_sum(tf.where(mask, picked, tf.zeros_like(picked))) / count  # (10)
    return loss
