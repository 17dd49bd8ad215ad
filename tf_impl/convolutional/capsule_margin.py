"""Margin loss of capsules: the capsule of the right class should be long, all others short.

Idea: A softmax would let the classes compete, and an image with two digits would have to choose. Here every class has
    a margin of its own, and a length beyond it is left in peace, so that several entities can be present at once.

    lengths_nj = √(Σ_d v_njd² + ε)                          (1)
    short = max(0, m⁺ - lengths)                            (2)   how much the right capsule is too short
    long = max(0, lengths - m⁻)                             (3)   how much another one is too long
    margin = 1/N Σ_n Σ_j T short² + λ (1 - T) long²         (4)   T_nj = 1 if j is label(n), else 0

Gradients:
    d_short = 2/N d_margin T ⊙ short                        through (4)
    d_long = 2/N d_margin λ (1 - T) ⊙ long                  through (4)
    d_lengths = (d_long if long > 0) - (d_short if short > 0)   through (2) (3)
    d_v = d_lengths / lengths ⊙ v                           through (1)

Shapes: capsules v (N, J, D), labels (N,) integers from 0 to J-1; lengths, short, long and T (N, J), margin ().

Units: a length, up to 1, is how sure the network is of a class.

Variant: m⁺ = 0.9, m⁻ = 0.1, λ = 0.5, squares as in the paper; the sum over the classes, the mean over the examples.
    ε = 1e-8, that of routing, inside the root gives a zero capsule a gradient of 0, where it would be NaN.

Differs:
    authors' code: a factor ½ in front.
    public copies: often forget the squares.

Relation: with J = 1 and without the upper margin, it is the squared hinge loss of a support vector machine.

Raises: ValueError if sizes or dtypes disagree, if there is no example or no class, if m⁺ or m⁻ is outside [0, 1] or λ
    negative, or if a label is negative or at least J.

Reference: Sabour, Frosst & Hinton, "Dynamic routing between capsules", NeurIPS 2017, arXiv:1710.09829, equation 4.
"""

from typing import Annotated

import tensorflow as tf
from jaxtyping import Float, Int
from tensorflow import Tensor as Array

from shared.support.shapes import Below, NonNegative, Rate, checked
from tf_impl.activations import relu
from tf_impl.convolutional.routing import EPS


@checked
def capsule_margin_lengths(v: Float[Array, "N J D"]) -> Float[Array, "N J"]:
    lengths = tf.sqrt(tf.reduce_sum(v * v, axis=-1) + EPS)  # (1)
    return lengths


@checked(N=1, J=1)
def capsule_margin_loss(
    v: Float[Array, "N J D"],
    labels: Annotated[Int[Array, "N"], Below("J")],
    *,
    m_plus: Rate = 0.9,
    m_minus: Rate = 0.1,
    lam: NonNegative = 0.5,
) -> Float[Array, ""]:
    T = _one_hot(labels, v)
    lengths = tf.sqrt(tf.reduce_sum(v * v, axis=-1) + EPS)  # (1)
    short = relu(m_plus - lengths)  # (2)
    long = relu(lengths - m_minus)  # (3)
    margin = tf.reduce_mean(tf.reduce_sum(tf.where(T, short * short, lam * (long * long)), axis=1))  # (4)
    return margin


def _one_hot(labels, v):
    return tf.cast(labels, tf.int64)[:, None] == tf.range(v.shape[1], dtype=tf.int64)
