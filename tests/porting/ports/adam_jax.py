"""Adam: steps scaled by running averages of the gradient and of its square.

Idea: Adam goes in the average direction of recent gradients, and each weight's step is about η long however large its
    gradients are. Averages that start at 0 are too small at first; the bias correction divides by what is missing.

    m ← β₁ m + (1 - β₁) g                       (1)   first moment; g: the gradient of the loss at θ
    v ← β₂ v + (1 - β₂) g²                      (2)   second moment
    m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)       (3)   bias correction, t = 1, 2, ...
    θ ← θ - η m̂ / (√v̂ + ε)                      (4)   η: the learning rate

Shapes: any tree of arrays; gradients, m and v are trees of the same structure and shapes. step is the scalar t.

Units: η is in units of θ, whatever the scale of the loss; ε is in units of the gradient.

Variant: the paper's Algorithm 1, with ε outside the root and after the bias correction. (1 - β₂) g g is evaluated
    from the left and √v̂ as √v / √(1 - β₂ᵗ), so that g = 1e20 in float32 does not overflow. 1 - βᵗ is computed in
    float64.

Differs:
    torch.optim.Adam: the same.
    optax: the same, optax.adam with eps_root=0.
    Keras: the "ε̂" form at the end of the paper's section 2: ε is added to √v before the correction. Its ε is this
        ε √(1 - β₂ᵗ), different at every step; TensorFlow's raw operation has the same form.

Relation: rmsprop with bias correction and an average of g in place of g. nadam is Adam with Nesterov's look ahead,
    amsgrad with a second moment that never falls, adamax with a maximum in place of the second moment.

Raises: ValueError if η is negative, if ε is not positive, if a β is outside [0, 1), or if gradients, state and
    parameters are different trees.

Reference: Kingma & Ba, "Adam: a method for stochastic optimization", 2015, arXiv:1412.6980, Algorithm 1.
"""

# A port of optimizers/adam. Check it with: triptych check optimizers/adam --impl THIS_FILE
# Every `raise NotImplementedError` gives way to code; the comments above it name the lines that
# compute an equation. Keep their names, and the numbers at their ends: so the check can tell in which
# equation, step and element a port goes wrong.
# Gradients are taken by the library where Triptych knows how (JAX, MLX, PyTorch, TensorFlow);
# elsewhere write f_backward beside f, as the NumPy column has it: f(...) -> (outputs, cache) and
# f_backward(cache, d_outputs) -> d_args.

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.tree_util import tree_flatten, tree_leaves, tree_map

Tree = Any  # a tree of arrays


class AdamState(NamedTuple):
    step: Array  # () integers
    m: Tree
    v: Tree


def adam_init(params: Tree) -> AdamState:
    zeros = tree_map(jnp.zeros_like, params)
    return AdamState(jnp.asarray(0), zeros, zeros)


def adam_update(
    grads: Tree,
    state: AdamState,
    params: Tree,
    *,
    lr: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[Tree, AdamState]:
    # lr > 0, beta1 in [0, 1), beta2 in [0, 1), eps > 0
    step = state.step + 1
    correction1, correction2 = 1 - beta1 ** step.astype(float), 1 - beta2 ** step.astype(float)

    def update(p, g, m, v):
        m = beta1 * m + (1 - beta1) * g  # (1)
        v = beta2 * v + (1 - beta2) * g * g  # (2)
        m_hat = m / correction1.astype(m.dtype)  # (3)
        sqrt_v_hat = jnp.sqrt(v) / jnp.sqrt(correction2).astype(v.dtype)  # (3)
        return p - lr * m_hat / (sqrt_v_hat + eps), m, v  # (4)

    leaves, tree = tree_flatten(params)
    others = (tree_leaves(other) for other in (grads, state.m, state.v))
    params, m, v = (tree.unflatten(new) for new in zip(*map(update, leaves, *others), strict=True))
    return params, AdamState(step, m, v)
