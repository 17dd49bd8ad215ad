"""Multilayer perceptron (MLP): affine maps with an activation between them.

Idea: One affine map can only cut space by a hyperplane. Hidden layers first bend space with features of their own,
    and backpropagation gets the gradients of all layers in one pass backwards, for about twice the cost of the pass
    forwards.

    z_l = a_{l-1} W_l + b_l                              (1)   for the hidden layers l = 1 ... L-1; a_0 = x
    a_l = φ(z_l)                                         (2)   φ: any of activations
    logits = a_{L-1} W_L + b_L                           (3)   = z_L
    loss = -1/N Σ_n log softmax(logits_n)_label(n)       (4)

Gradients:
    d_logits = 1/N d_loss (softmax(logits) - onehot)     through (4)   = d_z_L
    d_W_l = a_{l-1}ᵀ d_z_l, d_b_l = Σ_n d_z_l            through (1) (3)
    d_a_{l-1} = d_z_l W_lᵀ                               through (1) (3)
    d_z_l = d_a_l ⊙ φ'(z_l)                              through (2)
    d_x = d_z_1 W_1ᵀ                                     through (1) (3)

Shapes: x (N, D), labels (N,) integers from 0 to K-1, W_l (D_{l-1}, D_l), b_l (D_l,), logits (N, K), loss ().
    params is a tuple of layers; one layer alone is softmax regression.

Units: the loss is in nats per example.

Variant: the same activation in every hidden layer, none on the last; mean over the examples, no penalty. mlp_init
    draws He-uniform weights and sets biases to zero.

Differs:
    torch.nn.Linear: W is transposed, (out, in); weights and biases are drawn from U(-1/√in, 1/√in).
    Keras: Dense has the same W; it is drawn Glorot-uniform.
    scikit-learn: MLPClassifier adds a penalty α/2 ‖W‖² / N, by default with α = 0.0001.

Relation: with no hidden layer this is softmax_regression.

Raises: ValueError if sizes or dtypes disagree, if a loss has no examples, if a label is negative or at least K,
    or if the activation is unknown.

Reference: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", Nature 323 (1986).
"""

# A port of intro/mlp. Check it with: triptych check intro/mlp --impl THIS_FILE
# Every `raise NotImplementedError` gives way to code; the comments above it name the lines that
# compute an equation. Keep their names, and the numbers at their ends: so the check can tell in which
# equation, step and element a port goes wrong.
# Gradients are taken by the library where Triptych knows how (JAX, MLX, PyTorch, TensorFlow);
# elsewhere write f_backward beside f, as the NumPy column has it: f(...) -> (outputs, cache) and
# f_backward(cache, d_outputs) -> d_args.
# The columns import from their siblings: activations, initializers, losses.

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, nn
from numpy.random import Generator

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "softplus", "swish")
PHI = {name: getattr(nn, name, None) for name in ACTIVATIONS} | {
    "gelu": partial(nn.gelu, approximate=False),
    "tanh": jnp.tanh,
}


class MLPLayer(NamedTuple):
    W: Array  # (D_in, D_out)
    b: Array  # (D_out,)


MLPParams = tuple[MLPLayer, ...]


def mlp_init(rng: Generator, sizes: tuple[int, ...], *, dtype: str = "float32") -> MLPParams:
    params = []
    for n_in, n_out in pairwise(sizes):
        bound = (6 / n_in) ** 0.5
        W = jnp.asarray(rng.uniform(-bound, bound, (n_in, n_out)), dtype)
        params.append(MLPLayer(W, jnp.zeros(n_out, dtype)))
    return tuple(params)


def mlp(params: MLPParams, x: Array, *, activation: str = "relu") -> Array:
    # x (N, D), returns (N, K)
    a = x
    for layer in params[:-1]:
        z = a @ layer.W + layer.b  # (1)
        a = PHI[activation](z)  # (2)
    return a @ params[-1].W + params[-1].b  # (3)


def mlp_loss(params: MLPParams, x: Array, labels: Array, *, activation: str = "relu") -> Array:
    # x (N, D), labels (N,) integers, returns ()
    log_p = nn.log_softmax(mlp(params, x, activation=activation))
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=-1))  # (4)
