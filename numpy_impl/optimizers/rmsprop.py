"""RMSProp: the gradient divided by a running root mean square of itself; centered, by its standard deviation.

Idea: The signs of gradients are more reliable than their sizes. Divided by its own recent root mean square, a
    gradient becomes a step of about length η; and since this mean forgets old gradients, as the sum in AdaGrad does
    not, the steps do not die out.

    v ← ρ v + (1 - ρ) g²           (1)   g: the gradient of the loss at θ
    s = √v                         (2)   root mean square, unless centered
    a ← ρ a + (1 - ρ) g            (3)   centered: mean
    s = √max(v - a², 0)            (4)   centered: standard deviation
    u = g / (s + ε)                (5)
    b ← μ b + u,  u = b            (6)   with momentum μ > 0: velocity
    θ ← θ - η u                    (7)   η: the learning rate

Shapes: any tree of arrays; gradients, v, a and b are trees of the same structure and shapes.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient, u and b have none.

Variant: ε outside the root and η outside the velocity. There is no bias correction: the first steps have the length η
    / √(1 - ρ). v - a² is evaluated as (√v - |a|) (√v + |a|) and kept from falling below 0, where rounding would bring
    it under a constant gradient, and s would be NaN. (1 - ρ) g g is evaluated from the left: in float32 v can hold
    one gradient of 5e19, and many of 1e19; a weight whose v is infinite stands still. The state keeps a only if
    centered and b only with momentum, otherwise they are None: rmsprop_init takes the same two keywords as
    rmsprop_update.

Differs:
    torch.optim.RMSprop: the same, ρ is alpha; its v - a² can be negative, then its weights are NaN.
    Keras: ε inside, √(v + ε), and η inside the velocity, b ← μ b + η u. TensorFlow's raw operation has the same form.
    optax: the same with eps_in_sqrt=False; by default ε is inside the root.
    Graves: centered, with momentum, and with ε = 1e-4 inside the root.

Relation: adagrad with an average in place of the sum. adam is RMSProp with bias correction and an average of g in
    place of g; adadelta replaces η by the size of recent steps.

Raises: ValueError if η is negative, if ε is not positive, if ρ or μ is outside [0, 1), if the state was made for
    other keywords, or if gradients, state and parameters are different trees.

Reference: Tieleman & Hinton, "Lecture 6.5: rmsprop", Coursera: Neural Networks for Machine Learning, 2012; Graves,
    "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850 (centered, with momentum).
"""

from typing import NamedTuple

import numpy as np
import optree
from jaxtyping import Float
from numpy import ndarray as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, NonNegative, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class RMSPropState(NamedTuple):
    v: Tree
    a: Tree | None
    b: Tree | None


def rmsprop_init(params: Tree, *, centered: bool = False, momentum: Decay = 0.0) -> RMSPropState:
    zeros = lambda used: optree.tree_map(np.zeros_like, params) if used else None
    return RMSPropState(zeros(True), zeros(centered), zeros(momentum > 0))


@checked
def rmsprop_update(
    grads: Tree,
    state: RMSPropState,
    params: Tree,
    *,
    lr: NonNegative = 1e-3,
    rho: Decay = 0.9,
    eps: Positive = 1e-8,
    centered: bool = False,
    momentum: Decay = 0.0,
) -> tuple[Tree, RMSPropState]:
    _check(state, params, centered, momentum)
    kept = [name for name, tree in state._asdict().items() if tree is not None]

    def update(p, g, v, *others):
        a, b = others[0] if centered else None, others[-1] if momentum else None
        v = rho * v + (1 - rho) * g * g  # (1)
        s = np.sqrt(v)  # (2)
        if centered:
            a = rho * a + (1 - rho) * g  # (3)
            s = np.sqrt(np.maximum(s - abs(a), 0) * (s + abs(a)))  # (4)
        u = g / (s + eps)  # (5)
        if momentum:
            u = b = momentum * b + u  # (6)
        p = p - lr * u  # (7)
        return p, *(new for new in (v, a, b) if new is not None)

    params, *trees = map_leaves(update, params, grads, *(getattr(state, name) for name in kept))
    return params, state._replace(**dict(zip(kept, trees, strict=True)))


def _check(state, params, centered, momentum):
    about = lambda tree: optree.tree_map(lambda x: (tuple(x.shape), str(x.dtype)), tree)
    for name, used, keyword in (("a", centered, f"centered={centered}"), ("b", momentum > 0, f"momentum={momentum}")):
        tree = getattr(state, name)
        if (tree is not None) != used:
            found = "None" if tree is None else "kept"
            raise ValueError(f"rmsprop_update: state.{name} is {found}, expected rmsprop_init with {keyword} as here")
        if used and about(tree) != about(params):
            raise ValueError(f"rmsprop_update: state.{name} holds {about(tree)}, expected {about(params)}, as params")
