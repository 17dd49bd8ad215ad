"""Nesterov's accelerated gradient (NAG): momentum that looks ahead.

Idea: Momentum is going to carry the weights further anyway, so the gradient is taken there and not where they
    stand. This look-ahead brakes earlier when the slope turns.

    v ← μ v + g                    (1)   velocity; g: the gradient of the loss at θ
    θ ← θ - η (g + μ v)            (2)   η: the learning rate

Shapes: any tree of arrays; gradients and v are trees of the same structure and shapes.

Units: v is in units of g; η is in units of θ per unit of g. Under a constant g the step grows to η g / (1 - μ).

Variant: the form of Bengio et al., in which θ is the point that Nesterov's method looks ahead to. Sutskever et
    al. keep the point φ before that look: v' ← μ v' - η ∇f(φ + μ v'), φ ← φ + v'. For a constant η the two are
    one, with v' = -η v and θ = φ + μ v'. The learning rate is outside the velocity. μ = 0 is SGD.

Differs:
    torch.optim.SGD(nesterov=True), optax.sgd(nesterov=True): the same.
    keras.optimizers.SGD(nesterov=True): the learning rate is inside the velocity, as for its momentum.

Relation: momentum with a look-ahead; Nadam is Adam with the same look-ahead.

Raises: ValueError if η is not positive, if μ is outside [0, 1), or if gradients, state and parameters are different
    trees.

Reference: Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k²)", Doklady
    Akademii Nauk SSSR 269 (1983); Sutskever, Martens, Dahl & Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013; Bengio, Boulanger-Lewandowski & Pascanu, "Advances in optimizing
    recurrent networks", 2012, arXiv:1212.0901.
"""

from typing import NamedTuple

import numpy as np
import optree
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class NAGState(NamedTuple):
    v: Tree


def nag_init(params: Tree) -> NAGState:
    return NAGState(optree.tree_map(np.zeros_like, params))


@checked
def nag_update(
    grads: Tree, state: NAGState, params: Tree, *, lr: Positive = 0.01, mu: Decay = 0.9
) -> tuple[Tree, NAGState]:
    def update(p, g, v):
        v = mu * v + g  # (1)
        return p - lr * (g + mu * v), v  # (2)

    params, v = map_leaves(update, params, grads, state.v)
    return params, NAGState(v)
