"""RMSProp: the gradient divided by a running root mean square of itself; centered, by its standard deviation.

Idea: AdaGrad's sum only grows, so its steps die out. A running average of the squared gradient forgets, and
    every weight keeps moving in steps of about η.

    v ← ρ v + (1 - ρ) g²           (1)   g: the gradient of the loss at θ
    s = √v                         (2)   root mean square, unless centered
    a ← ρ a + (1 - ρ) g            (3)   centered: mean
    s = √max(v - a², 0)            (4)   centered: standard deviation
    u = g / (s + ε)                (5)
    b ← μ b + u,  u = b            (6)   with momentum μ > 0: velocity
    θ ← θ - η u                    (7)   η: the learning rate

Shapes: any tree of arrays; gradients, v, a and b are trees of the same structure and shapes.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient, u and b have none.

Variant: ε is outside the root and η outside the velocity. There is no bias correction: the first steps have the
    length η / √(1 - ρ). v - a² is evaluated as (√v - |a|) (√v + |a|) and never below 0: rounding would make it
    negative under a constant gradient, and s NaN. (1 - ρ) g g is evaluated from the left: in float32 v can hold
    one gradient of 5e19, and many of 1e19; where it becomes infinite, that weight stands still. The state keeps
    a only if centered and b only with momentum, else they are None: rmsprop_init takes the same two keywords as
    rmsprop_update.

Differs:
    torch.optim.RMSprop: the same formula; its default ρ, called alpha, is 0.99.
    keras.optimizers.RMSprop: ε inside the root, √(v + ε), default 1e-7; the learning rate inside the velocity,
        b ← μ b + η u.
    optax.rmsprop: ε inside the root (eps_in_sqrt=False puts it outside), the learning rate inside the velocity.
    Graves 2013: ε = 1e-4 inside the root, centered, with momentum.

Relation: AdaGrad that forgets. Adam averages the gradient too and corrects both averages; AdaDelta puts the
    steps into the units of the weights.

Raises: ValueError if η or ε is not positive, if ρ or μ is outside [0, 1), if the state was made for other keywords,
    or if gradients, state and parameters are different trees.

Reference: Tieleman & Hinton, "Lecture 6.5: rmsprop", Coursera: Neural Networks for Machine Learning, 2012; Graves,
    "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850 (centered, with momentum).
"""

from typing import NamedTuple

import optree
import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.blocks import map_leaves
from shared.support.shapes import Decay, Positive, TreeOf, checked

Tree = TreeOf[Float[Array, "..."]]


class RMSPropState(NamedTuple):
    v: Tree
    a: Tree | None
    b: Tree | None


def rmsprop_init(params: Tree, *, centered: bool = False, momentum: Decay = 0.0) -> RMSPropState:
    zeros = lambda used: optree.tree_map(tf.zeros_like, params) if used else None
    return RMSPropState(zeros(True), zeros(centered), zeros(momentum > 0))


@checked
def rmsprop_update(
    grads: Tree,
    state: RMSPropState,
    params: Tree,
    *,
    lr: Positive = 1e-3,
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
        s = tf.sqrt(v)  # (2)
        if centered:
            a = rho * a + (1 - rho) * g  # (3)
            s = tf.sqrt(tf.maximum(s - abs(a), 0) * (s + abs(a)))  # (4)
        u = g / (s + eps)  # (5)
        if momentum:
            u = b = momentum * b + u  # (6)
        return p - lr * u, *(new for new in (v, a, b) if new is not None)  # (7)

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
