"""Nesterov's accelerated gradient (NAG): momentum that looks ahead.

Idea: Momentum overshoots, because the gradient is taken before the velocity has moved the weights. NAG takes it at
    the point where the velocity is about to lead, so that a step too far is corrected one step earlier.

    v ← μ v + g                    (1)   velocity; g: the gradient of the loss at θ
    θ ← θ - η (g + μ v)            (2)   η: the learning rate

Shapes: any tree of arrays; gradients and v are trees of the same structure and shapes.

Units: v is in units of g; η is in units of θ per unit of g. Under a constant g the step grows to η g / (1 - μ).

Variant: the form of Bengio et al., in which θ is the point that Nesterov's method looks ahead to, so that the
    gradient is that at θ itself. The learning rate is outside the velocity, as in momentum.

Differs:
    torch.optim.SGD: the same with momentum=μ and nesterov=True.
    optax: the same, optax.trace(μ, nesterov=True) and then -η.
    Keras: the same form with η inside the velocity; -η times this v as long as η is constant.
    Sutskever et al.: the point φ before the look: v' ← μ v' - η ∇f(φ + μ v'), φ ← φ + v'. At a constant η the two are
        one, with v' = -η v and θ = φ + μ v'.

Relation: momentum with μ v + g in place of v in the step. μ = 0 is sgd. nadam does the same to adam.

Raises: ValueError if η is negative, if μ is outside [0, 1), or if gradients, state and parameters are different
    trees.

Reference: Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k²)", Doklady
    Akademii Nauk SSSR 269 (1983); Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013; Bengio, Boulanger-Lewandowski & Pascanu, "Advances in optimizing
    recurrent networks", 2012, arXiv:1212.0901.
"""

from typing import NamedTuple

import torch
import optree
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class NAGState(NamedTuple):
    v: Tree


def nag_init(params: Tree) -> NAGState:
    return NAGState(optree.tree_map(torch.zeros_like, params))


@checked
def nag_update(
    grads: Tree, state: NAGState, params: Tree, *, lr: NonNegative = 0.01, mu: Decay = 0.9
) -> tuple[Tree, NAGState]:
    def update(p, g, v):
        v = mu * v + g  # (1)
        p = p - lr * (g + mu * v)  # (2)
        return p, v

    params, v = map_leaves(update, params, grads, state.v)
    return params, NAGState(v)
