"""Dynamic routing between capsules: each sends its vector to where the others agree with what it predicts.

Idea: A capsule is a vector: its length says whether an entity is present, its direction what it looks like. Max
    pooling passes on what is strongest and forgets where it was; routing sends each part to the whole on which the
    predictions of most parts agree.

    squared = Σ_d s²                                       (1)   squash(s), over the D numbers of a capsule
    scale = squared / (1 + squared) / √(squared + ε)       (2)
    v = scale ⊙ s                                          (3)   keeps the direction, makes the length less than 1
    predictions_ij = u_i W_ij                              (4)   what capsule i predicts that capsule j should be
    b_ij = 0 at first, then r rounds t = 1 ... r:
    c_ij = e^b_ij / Σ_k e^b_ik                             (5)   the part of capsule i that goes to capsule j
    s_j = Σ_i c_ij predictions_ij                          (6)
    v_j = squash(s_j)                                      (7)   output
    b_ij ← b_ij + predictions_ij · v_j                     (8)   agreement; not needed after the last round

Gradients:
    d_scale = Σ_d d_v ⊙ s                                                               through (3)
    d_squared = d_scale ⊙ (1 / (1 + squared) - ½ squared / (squared + ε)) / ((1 + squared) ⊙ √(squared + ε))
                                                                                        through (2)
    d_s = scale ⊙ d_v + 2 d_squared ⊙ s                                                 through (1) (3)
    d_W_{ij} = Σ_n u_niᵀ d_predictions_nij                                              through (4)
    d_u_i = Σ_j d_predictions_ij W_ijᵀ                                                  through (4)
    d_s_t = routing_squash_backward(d_v_t)                                              through (7)
    d_c_t = Σ_d d_s_t ⊙ predictions + (d_c of the output if t = r)                      through (6)
    d_b_t = c_t ⊙ (d_c_t - Σ_j c_t ⊙ d_c_t) + d_b_{t+1}                                 through (5) (8)
    d_v_{t-1} = Σ_i d_b_t ⊙ predictions                                                 through (8)
    d_predictions = Σ_t c_t ⊙ d_s_t + Σ_{t>1} d_b_t ⊙ v_{t-1}                           through (6) (8)

Shapes: N examples, I capsules with P numbers each below, J capsules with D numbers each above: u (N, I, P),
    W (I, P, J, D), predictions (N, J, I, D), s and v (N, J, D), b and c (N, J, I). routing returns v and c of the
    last round; squash takes any shape and works along the last axis.

Units: the length of v_j, less than 1, is how sure the network is that j is there; c_ij is a part of 1.

Variant: the softmax is over the capsules above, so that Σ_j c_ij = 1. Predictions have no bias; b starts at 0 for
    every example. Gradients go back through all r rounds, as in the authors' code: through the agreement of every
    round into the predictions and into the output of the round before. With stop_gradient=True the last c is taken
    for a constant: the same output, and only (6) and (7) of the last round have gradients. ε stands inside the root:
    at s = 0 output and gradient are 0, where without ε they are NaN. r = 1 is a linear map and a squash.

Differs:
    authors' code: adds a bias for each capsule above; no ε, so that a zero vector becomes NaN.
    public copies: many take the softmax over the capsules below, so that those compete; some stop the gradient at the
        last c, as stop_gradient=True does.
    torch, Keras, ONNX: have no capsules.

Relation: c is an attention weight that is found by iteration: recurrent/attention scores a query against keys once;
    here the query v is made from what it attends to, and the score is taken again.

Raises: ValueError if sizes or dtypes disagree, if there is no capsule above (J = 0), if r is less than 1, or if ε is
    not positive. No examples and no capsules below (N = 0, I = 0) are fine.

Reference: Sabour, Frosst & Hinton, "Dynamic routing between capsules", NeurIPS 2017, arXiv:1710.09829, and the
    authors' code.
"""

from typing import Annotated

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Positive, Range, checked
from shared.support.sizes import sizes

EPS = 1e-8
Rounds = Annotated[int, Range("[1, inf)")]


@checked
def routing_squash(s: Float[Array, "... D"], *, eps: Positive = EPS) -> Float[Array, "... D"]:
    squared = tf.reduce_sum(s * s, axis=-1, keepdims=True)  # (1)
    scale = squared / (1 + squared) / tf.sqrt(squared + eps)  # (2)
    v = scale * s  # (3)
    return v


@checked
def routing_predictions(W: Float[Array, "I P J D"], u: Float[Array, "N I P"]) -> Float[Array, "N J I D"]:
    I, P, J, D = W.shape
    pairs = tf.reshape(tf.transpose(u, (1, 0, 2)) @ tf.reshape(W, (I, P, J * D)), (I, sizes(u)[0], J, D))
    predictions = tf.transpose(pairs, (1, 2, 0, 3))  # (4)
    return predictions


@checked(J=1)
def routing(
    predictions: Float[Array, "N J I D"], *, iterations: Rounds = 3, stop_gradient: bool = False, eps: Positive = EPS
) -> tuple[Float[Array, "N J D"], Float[Array, "N J I"]]:
    b = tf.zeros(sizes(predictions)[:-1], predictions.dtype)
    for t in range(iterations):
        if t > 0:
            b = b + _agreement(v, predictions)  # (8)
        e = tf.exp(b - tf.stop_gradient(tf.reduce_max(b, axis=1, keepdims=True)))  # the shift has no gradient
        c = e / tf.reduce_sum(e, axis=1, keepdims=True)  # (5)
        c = tf.stop_gradient(c) if stop_gradient else c
        s = _mixture(c, predictions)  # (6)
        v = routing_squash(s, eps=eps)  # (7)
    return v, c


def _mixture(c, predictions):
    """Σ_i c_ij predictions_ij for every j: (N, J, D)."""
    return (c[:, :, None] @ predictions)[:, :, 0]


def _agreement(v, predictions):
    """predictions_ij · v_j for every i and j: (N, J, I)."""
    return tf.matmul(v[:, :, None], predictions, transpose_b=True)[:, :, 0]
