"""Dynamic routing between capsules: each sends its vector to where the others agree with what it predicts.

    squash(s) = |s|² / (1 + |s|²) · s / √(|s|² + ε)        (1)   keeps the direction, makes the length less than 1
    û_ij = u_i W_ij                                        (2)   what capsule i predicts that capsule j should be
    b_ij = 0 at first, then r times:
    c_ij = e^(b_ij) / Σ_k e^(b_ik)                         (3)   what part of capsule i goes to capsule j
    s_j  = Σ_i c_ij û_ij                                   (4)
    v_j  = squash(s_j)                                     (5)   output
    b_ij ← b_ij + û_ij · v_j                               (6)   agreement; not needed after the last time

Shapes: N examples, I capsules with P numbers each below, J capsules with D numbers each above: u (N, I, P),
    W (I, P, J, D), predictions û (N, J, I, D), s and v (N, J, D), b and c (N, J, I). routing returns v and the last
    c; squash takes any shape and works along the last axis.

Units: the length of v_j, less than 1, is how sure the network is that j is there; c_ij is a part of 1.

Variant: the softmax is over the capsules above, so that Σ_j c_ij = 1 (many public copies take it over those below);
    û has no bias (the authors' code adds one for each j); b starts at 0 for every example. Gradients go back through
    all r rounds, as in the authors' code. With stop_gradient=True the coefficients c are taken as constants: the same
    output, other gradients. ε stands inside the root: at s = 0 output and gradient are 0, where without ε they are
    NaN. r = 1 is a linear map and a squash.

Raises: ValueError if sizes or dtypes disagree, if there is no capsule above (J = 0), if r is less than 1, or if ε is
    not positive. No examples and no capsules below (N = 0, I = 0) are fine.

Reference: Sabour, Frosst & Hinton, "Dynamic routing between capsules", NeurIPS 2017, arXiv:1710.09829, and the
    authors' code.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.shapes import Positive, Range, checked

EPS = 1e-8
Rounds = Annotated[int, Range("[1, inf)")]


@checked
def routing_squash(s: Float[Array, "... D"], *, eps: Positive = EPS) -> Float[Array, "... D"]:
    squared = np.sum(s * s, axis=-1, keepdims=True)
    scale = squared / (1 + squared) / np.sqrt(squared + eps)
    return scale * s, (s, squared, scale, eps)  # (1)


def routing_squash_backward(cache, d_v):
    s, squared, scale, eps = cache
    slope = (1 / (1 + squared) - 0.5 * squared / (squared + eps)) / ((1 + squared) * np.sqrt(squared + eps))
    d_squared = slope * np.sum(d_v * s, axis=-1, keepdims=True)  # slope: how scale changes with |s|²
    d_s = scale * d_v + 2 * d_squared * s  # through (1)
    return (d_s,)


@checked
def routing_predictions(W: Float[Array, "I P J D"], u: Float[Array, "N I P"]) -> Float[Array, "N J I D"]:
    I, _, J, D = W.shape
    rows = np.empty((len(u), J, I, D), W.dtype).transpose(1, 2, 0, 3)  # filled in the order of the result, no copy
    predictions = np.matmul(u.swapaxes(0, 1), W.transpose(2, 0, 1, 3), out=rows).transpose(2, 0, 1, 3)  # (2)
    return predictions, (W, u)


def routing_predictions_backward(cache, d_predictions):
    W, u = cache
    d_rows, weights = d_predictions.transpose(1, 2, 0, 3), np.empty_like(W).transpose(2, 0, 1, 3)
    d_W = np.matmul(u.transpose(1, 2, 0), d_rows, out=weights).transpose(1, 2, 0, 3)  # through (2)
    d_u = np.sum(d_rows @ W.transpose(2, 0, 3, 1), axis=0).swapaxes(0, 1)  # through (2)
    return d_W, d_u


@checked(J=1)
def routing(
    predictions: Float[Array, "N J I D"], *, iterations: Rounds = 3, stop_gradient: bool = False, eps: Positive = EPS
) -> tuple[Float[Array, "N J D"], Float[Array, "N J I"]]:
    b = np.zeros(predictions.shape[:-1], predictions.dtype)
    rounds = []
    for t in range(iterations):
        if t > 0:
            b = b + _agreement(v, predictions)  # (6)
        e = np.exp(b - np.max(b, axis=1, keepdims=True))
        c = e / np.sum(e, axis=1, keepdims=True)  # (3)
        s = _mixture(c, predictions)  # (4)
        v, cache = routing_squash(s, eps=eps)  # (5)
        rounds.append((c, v, cache))
    return (v, c), (predictions, rounds, stop_gradient)


def routing_backward(cache, d_outputs):
    predictions, rounds, stop_gradient = cache
    d_v, d_c = d_outputs
    c, _, squash_cache = rounds[-1]
    (d_s,) = routing_squash_backward(squash_cache, d_v)  # through (5)
    d_b, products = 0, [(c, d_s)]
    for before in [] if stop_gradient else rounds[-2::-1]:
        d_c = d_c + _agreement(d_s, predictions)  # through (4)
        d_b = d_b + c * (d_c - np.sum(c * d_c, axis=1, keepdims=True))  # through (3)
        c, v, squash_cache = before
        d_v = _mixture(d_b, predictions)  # through (6)
        (d_s,) = routing_squash_backward(squash_cache, d_v)  # through (5)
        products += [(d_b, v), (c, d_s)]
        d_c = 0
    left, right = zip(*products, strict=True)
    d_predictions = np.stack(left, axis=-1) @ np.stack(right, axis=-2)  # through (4) (6), all rounds in one matmul
    return (d_predictions,)


def _mixture(c, predictions):
    """Σ_i c_ij û_ij for every j: (N, J, D)."""
    return (c[:, :, None] @ predictions)[:, :, 0]


def _agreement(v, predictions):
    """û_ij · v_j for every i and j: (N, J, I)."""
    return (v[:, :, None] @ predictions.swapaxes(2, 3))[:, :, 0]
