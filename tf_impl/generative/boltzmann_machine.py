"""Boltzmann machine: fully connected binary units, some of them visible; Gibbs sampling, annealing, learning.

Idea: A Boltzmann machine is a probability distribution over binary vectors, whose hidden units let pairwise weights
    express what no pair of visible units shows. A weight learns from its own two units alone: how often both are on
    while the data are held fixed, less how often both are on when the machine runs freely.

    energy  = -Σ_{i<j} W_ij s_i s_j - Σ_i b_i s_i                   (1)   p(s) = e^(-energy / T) / Z
    p_i     = σ((b_i + Σ_{j≠i} W_ij s_j) / T)                       (2)   that s_i is 1, given all other units
    s_i     = 1 where u_i < p_i, else 0                             (3)   one unit after the other
    statistics(s): W_ij = mean of s_i s_j, b_i = mean of s_i        (4)   for i < j
    gradient = statistics(s_free) - statistics(s_clamped)           (5)   of -log p(v), estimated, at T = 1
    log_z   = log Σ_s e^(-energies_s)                               (6)   over all 2^n states, T = 1
    s       = (v, h)                                                (7)   v with every state h of the other units
    log_sum = log Σ_h e^(-energies_h)                               (8)   over the states of (7)
    log_p   = log_sum - log_z                                       (9)   log p(v)
    loss    = -1/N Σ_n log_p_n                                      (10)

Gradients:
    d_W = -Σ_n d_energy_n s_nᵀ s_n above the diagonal, else 0   through (1)
    d_b = -Σ_n d_energy ⊙ s                                     through (1)
    d_s = -d_energy ⊙ (s (W + Wᵀ) + b)                          through (1)   W: above its diagonal
    d_energies = -d_log_z e^(-energies - log_z)                 through (6)   the free, negative phase
    d_v = Σ_h d_s of the visible units                          through (7)
    d_energies = -d_log_sum ⊙ e^(-energies - log_sum)           through (8)   the clamped, positive phase
    d_log_sum = d_log_p, d_log_z = -Σ_n d_log_p                 through (9)
    d_log_p = -1/N d_loss                                       through (10)

Shapes: s (N, n), each row a state of all n units, the visible ones first; W (n, n), b (n,); v (N, V), V ≤ n. For R
    sweeps uniforms u (R, N, n) and temperatures (R,). free: the units that are drawn, in their order; the others are
    clamped, which means that they keep their values.

Units: energies and logarithms of probabilities are in nats; temperatures in units of energy.

Variant: states are 0 and 1. Each pair has one weight, W_ij with i < j; the rest of W is never read, and its gradient
    is 0. A sweep draws one unit after the other; to draw all at once would sample another distribution. Annealing is
    a list of falling temperatures, in both phases. (5) estimates the gradient of (10), in which both statistics are
    sums over all states.

Differs:
    Ackley, Hinton & Sejnowski: thresholds in place of biases, θ = -b.
    Symmetric W: energy = -½ sᵀ W s - bᵀ s is the same number; each of W_ij and W_ji gets half of the gradient.
    Ising model: units of -1 and 1; J_ij = W_ij / 4 and field b_i / 2 + Σ_j W_ij / 4 give the same distribution.

Relation: rbm is the machine without connections inside the visible and inside the hidden units; it is far easier to
    sample.

Raises: ValueError if sizes or dtypes disagree, if a temperature is not positive, if there is no example, no sweep or
    no free unit, if free names a unit that is not there, if there are more visible units than units, or more than 20
    units to sum over.

Reference: Ackley, Hinton & Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive Science 9 (1985);
    Geman & Geman, IEEE Transactions on Pattern Analysis and Machine Intelligence 6 (1984), for Gibbs sampling;
    Kirkpatrick, Gelatt & Vecchi, Science 220 (1983), for annealing.
"""

from itertools import product
from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, Range, checked
from shared.support.sizes import sizes
from tf_impl import losses
from tf_impl.activations import sigmoid

LARGEST = 20  # units: a million states


class BoltzmannMachineParams(NamedTuple):
    W: Float[Array, "n n"]
    b: Float[Array, "n"]


@checked
def boltzmann_machine_init(rng: Generator, n_units: int, *, dtype: Dtype = "float32") -> BoltzmannMachineParams:
    W = _upper(tf.constant(rng.normal(0, 0.1, (n_units, n_units)), dtype))
    return BoltzmannMachineParams(W, b=tf.zeros([n_units], dtype))


@checked(n=1)
def boltzmann_machine_energy(params: BoltzmannMachineParams, s: Float[Array, "N n"]) -> Float[Array, "N"]:
    energy = -tf.reduce_sum((s @ _upper(params.W)) * s, axis=1) - tf.linalg.matvec(s, params.b)  # (1)
    return energy


def _upper(W):
    units = tf.range(W.shape[0])
    return tf.where(units[:, None] < units, W, tf.zeros_like(W))  # whatever stands elsewhere


def _symmetric(W):
    upper = _upper(W)
    return upper + tf.transpose(upper)


@checked(n=1, R=1)
def boltzmann_machine_gibbs(
    params: BoltzmannMachineParams,
    s: Float[Array, "N n"],
    u: Float[Array, "R N n"],
    temperatures: Annotated[Float[Array, "R"], Range("(0, inf)")],
    *,
    free: tuple[int, ...],
) -> Float[Array, "N n"]:
    _check_units(free, s)
    W, units = _symmetric(params.W), tf.range(s.shape[1])
    for u_sweep, temperature in zip(tf.unstack(u), tf.unstack(temperatures), strict=True):
        for i in free:
            p = sigmoid((tf.linalg.matvec(s, W[i]) + params.b[i]) / temperature)  # (2)
            s_i = u_sweep[:, i] < p  # (3)
            s = tf.where(units == i, tf.cast(s_i, s.dtype)[:, None], s)
    return s


def _check_units(free, s):
    for i in free:
        if not 0 <= i < s.shape[1]:
            raise ValueError(f"boltzmann_machine_gibbs: free holds {i}, expected units from 0 to {s.shape[1] - 1}")


@checked(N=1)
def boltzmann_machine_statistics(s: Float[Array, "N n"]) -> BoltzmannMachineParams:
    W = tf.matmul(s, s, transpose_a=True) / tf.cast(sizes(s)[0], s.dtype)
    return BoltzmannMachineParams(W=_upper(W), b=tf.reduce_mean(s, axis=0))  # (4)


@checked(N=1, M=1)
def boltzmann_machine_gradient(s_clamped: Float[Array, "N n"], s_free: Float[Array, "M n"]) -> BoltzmannMachineParams:
    free, clamped = boltzmann_machine_statistics(s_free), boltzmann_machine_statistics(s_clamped)
    return BoltzmannMachineParams(W=free.W - clamped.W, b=free.b - clamped.b)  # (5)


@checked
def boltzmann_machine_states(b: Float[Array, "n"]) -> Float[Array, "_ n"]:
    """All 2^n states of n units, from their biases."""
    n = b.shape[0]
    if n > LARGEST:
        raise ValueError(f"boltzmann_machine_states: b has {n} units to sum over, expected at most {LARGEST}")
    return tf.constant(list(product((0, 1), repeat=n)), b.dtype)


@checked(n=1)
def boltzmann_machine_log_partition(params: BoltzmannMachineParams) -> Float[Array, ""]:
    energies = boltzmann_machine_energy(params, boltzmann_machine_states(params.b))  # (1)
    log_z = losses.logsumexp(-energies)  # (6)
    return log_z


@checked(n=1)
def boltzmann_machine_log_likelihood(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, "N"]:
    s = _completions(v, params.b)  # (7)
    energies = boltzmann_machine_energy(params, s)  # (1)
    every_h = tf.reshape(energies, [sizes(v)[0], 2 ** (s.shape[1] - v.shape[1])])
    log_sum = losses.logsumexp(-every_h)  # (8)
    log_z = boltzmann_machine_log_partition(params)  # (6)
    log_p = log_sum - log_z  # (9)
    return log_p


@checked(N=1)
def boltzmann_machine_loss(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, ""]:
    log_p = boltzmann_machine_log_likelihood(params, v)  # (9)
    loss = -tf.reduce_mean(log_p)  # (10)
    return loss


def _completions(v, b):
    """Every row of v with all states of the other units, (N 2^(n - V), n)."""
    if v.shape[1] > b.shape[0]:
        raise ValueError(
            f"boltzmann_machine: v has shape {tuple(v.shape)}, expected at most {b.shape[0]} columns, as params.W"
        )
    h = boltzmann_machine_states(b[v.shape[1] :])
    return tf.concat([tf.repeat(v, h.shape[0], axis=0), tf.tile(h, [sizes(v)[0], 1])], 1)
