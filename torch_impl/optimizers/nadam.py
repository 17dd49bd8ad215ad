"""Nadam: Adam with Nesterov's look ahead, and a momentum that grows over time.

Idea: Adam's first moment is a momentum, so Nesterov's correction applies to it: step as if the coming momentum had
    acted already. Early gradients are unreliable, which is why the momentum starts low and grows to β₁.

    μ_t = β₁ (1 - ½ 0.96^(ψ t))                 (1)   schedule, t = 1, 2, ...
    π_t = π_{t-1} μ_t,  π_0 = 1                 (2)   product of all μ so far
    m ← β₁ m + (1 - β₁) g                       (3)   first moment; g: the gradient of the loss at θ
    v ← β₂ v + (1 - β₂) g²                      (4)   second moment
    m̂ = μ_{t+1} m / (1 - π_{t+1}) + (1 - μ_t) g / (1 - π_t)      (5)
    v̂ = v / (1 - β₂ᵗ)                           (6)   bias correction
    θ ← θ - η m̂ / (√v̂ + ε)                      (7)   η: the learning rate

Shapes: any tree of arrays; gradients, m and v are trees of the same structure and shapes. step and product are the
    scalars t and π_t.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient. ψ is per step.

Variant: Dozat's schedule at ψ = 0.004 and ε outside the root. The paper's factor β₂ on v̂ is left out, as by all
    libraries. Powers and π are computed in float64, and π is kept in the dtype of the parameters. (1 - β₂) g g is
    evaluated from the left and √v̂ as √v / √(1 - β₂ᵗ), so that g = 1e20 in float32 does not overflow.

Differs:
    torch.optim.NAdam: the same, ψ is momentum_decay; it keeps π in float32 even for float64 parameters.
    Keras: 0.96^t in the schedule, which is ψ = 1.
    optax: optax.nadam has no schedule, μ_t = β₁.
    Dozat: a factor β₂ on v̂.

Relation: adam with nag's look ahead in (5) and with a schedule for its momentum.

Raises: ValueError if η is negative, if ε is not positive, if a β is outside [0, 1), if ψ is negative, or if
    gradients, state and parameters are different trees.

Reference: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016, Algorithm 2.
"""

from typing import NamedTuple

import torch
import optree
from torch import Tensor as Array
from jaxtyping import Float, Int

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class NadamState(NamedTuple):
    step: Int[Array, ""]
    product: Float[Array, ""]
    m: Tree
    v: Tree


def nadam_init(params: Tree) -> NadamState:
    m, v = optree.tree_map(torch.zeros_like, params), optree.tree_map(torch.zeros_like, params)
    product = torch.ones((), dtype=optree.tree_leaves(params)[0].dtype)
    return NadamState(torch.zeros((), dtype=torch.int64), product, m, v)


@checked
def nadam_update(
    grads: Tree,
    state: NadamState,
    params: Tree,
    *,
    lr: NonNegative = 2e-3,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive = 1e-8,
    psi: NonNegative = 0.004,
) -> tuple[Tree, NadamState]:
    step = state.step + 1
    t = step.double()
    mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (psi * i)) for i in (t, t + 1))  # (1)
    product = state.product.double() * mu  # (2)
    along_m, along_g = mu_next / (1 - product * mu_next), (1 - mu) / (1 - product)  # (5)
    correction = 1 - beta2**t  # (6)

    def update(p, g, m, v):
        m = beta1 * m + (1 - beta1) * g  # (3)
        v = beta2 * v + (1 - beta2) * g * g  # (4)
        m_hat = along_m.to(m.dtype) * m + along_g.to(g.dtype) * g  # (5)
        sqrt_v_hat = torch.sqrt(v) / (correction**0.5).to(v.dtype)  # (6)
        p = p - lr * m_hat / (sqrt_v_hat + eps)  # (7)
        return p, m, v

    params, m, v = map_leaves(update, params, grads, state.m, state.v)
    return params, NadamState(step, product.to(state.product.dtype), m, v)
