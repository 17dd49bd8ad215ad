"""AMSGrad: Adam whose second moment never falls.

Idea: Adam can fail to converge where large gradients are rare: it forgets them, and its steps grow long before the
    next one comes. AMSGrad divides by the largest second moment so far, and so does not forget them.

    m ← β₁ m + (1 - β₁) g                       (1)   first moment; g: the gradient of the loss at θ
    v ← β₂ v + (1 - β₂) g²                      (2)   second moment
    w ← max(w, v)                               (3)   its largest value so far
    m̂ = m / (1 - β₁ᵗ),  ŵ = w / (1 - β₂ᵗ)       (4)   bias correction, t = 1, 2, ...
    θ ← θ - η m̂ / (√ŵ + ε)                      (5)   η: the learning rate

Shapes: any tree of arrays; gradients, m, v and w are trees of the same structure and shapes. step is the scalar t.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient.

Variant: the maximum of the uncorrected v, corrected after it, and ε outside the root. (1 - β₂) g g is evaluated from
    the left and √ŵ as √w / √(1 - β₂ᵗ), so that g = 1e20 in float32 does not overflow. 1 - βᵗ is computed in float64.

Differs:
    torch.optim.Adam: the same with amsgrad=True.
    Keras: the same maximum in Adam's "ε̂" form, as in TensorFlow's raw operation: its ε is this ε √(1 - β₂ᵗ).
    optax: optax.amsgrad takes the maximum of the corrected v̂, which is another algorithm in the first steps.
    Reddi, Kale & Kumar: no bias correction and no ε.

Relation: adam with the maximum w in place of v.

Raises: ValueError if η is negative, if ε is not positive, if a β is outside [0, 1), or if gradients, state and
    parameters are different trees.

Reference: Reddi, Kale & Kumar, "On the convergence of Adam and beyond", 2018, arXiv:1904.09237, Algorithm 2.
"""

from typing import NamedTuple

import torch
import optree
from torch import Tensor as Array
from jaxtyping import Float, Int

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class AMSGradState(NamedTuple):
    step: Int[Array, ""]
    m: Tree
    v: Tree
    w: Tree


def amsgrad_init(params: Tree) -> AMSGradState:
    m, v, w = (optree.tree_map(torch.zeros_like, params) for _ in range(3))
    return AMSGradState(torch.zeros((), dtype=torch.int64), m, v, w)


@checked
def amsgrad_update(
    grads: Tree,
    state: AMSGradState,
    params: Tree,
    *,
    lr: NonNegative = 1e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
) -> tuple[Tree, AMSGradState]:
    step = state.step + 1
    t = step.double()
    correction1, correction2 = 1 - beta1**t, 1 - beta2**t  # (4)

    def update(p, g, m, v, w):
        m = beta1 * m + (1 - beta1) * g  # (1)
        v = beta2 * v + (1 - beta2) * g * g  # (2)
        w = torch.maximum(w, v)  # (3)
        m_hat, sqrt_w_hat = m / correction1.to(m.dtype), torch.sqrt(w) / (correction2**0.5).to(v.dtype)  # (4)
        p = p - lr * m_hat / (sqrt_w_hat + eps)  # (5)
        return p, m, v, w

    params, m, v, w = map_leaves(update, params, grads, state.m, state.v, state.w)
    return params, AMSGradState(step, m, v, w)
