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

import torch
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import Positive, Range, checked

EPS = 1e-8
Rounds = Annotated[int, Range("[1, inf)")]


@checked
def routing_squash(s: Float[Array, "... D"], *, eps: Positive = EPS) -> Float[Array, "... D"]:
    squared = torch.sum(s * s, dim=-1, keepdim=True)
    scale = squared / (1 + squared) / torch.sqrt(squared + eps)
    return scale * s  # (1)


@checked
def routing_predictions(W: Float[Array, "I P J D"], u: Float[Array, "N I P"]) -> Float[Array, "N J I D"]:
    I, P, J, D = W.shape
    rows = (u.transpose(0, 1) @ W.reshape(I, P, J * D)).reshape(I, len(u), J, D)
    predictions = rows.permute(1, 2, 0, 3).contiguous()  # (2)
    return predictions


@checked(J=1)
def routing(
    predictions: Float[Array, "N J I D"], *, iterations: Rounds = 3, stop_gradient: bool = False, eps: Positive = EPS
) -> tuple[Float[Array, "N J D"], Float[Array, "N J I"]]:
    b = predictions.new_zeros(predictions.shape[:-1])
    for t in range(iterations):
        if t > 0:
            b = b + _agreement(v, predictions)  # (6)
        e = torch.exp(b - torch.amax(b, dim=1, keepdim=True).detach())  # the shift has no gradient
        c = e / torch.sum(e, dim=1, keepdim=True)  # (3)
        c = c.detach() if stop_gradient else c
        s = _mixture(c, predictions)  # (4)
        v = routing_squash(s, eps=eps)  # (5)
    return v, c


def _mixture(c, predictions):
    """Σ_i c_ij û_ij for every j: (N, J, D)."""
    return (c[:, :, None] @ predictions)[:, :, 0]


def _agreement(v, predictions):
    """û_ij · v_j for every i and j: (N, J, I)."""
    return (v[:, :, None] @ predictions.mT)[:, :, 0]
