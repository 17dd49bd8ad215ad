"""Boltzmann machine: fully connected binary units, some of them visible; Gibbs sampling, annealing, learning.

    E(s) = -Σ_{i<j} W_ij s_i s_j - Σ_i b_i s_i                      (1)   p(s) = e^(-E(s) / T) / Z
    p_i  = σ((b_i + Σ_{j≠i} W_ij s_j) / T)                          (2)   that s_i is 1, given all other units
    s_i  = 1 where u < p_i, else 0                                  (3)   one unit after the other
    statistics: mean of s_i s_j for i < j, mean of s_i              (4)
    d    = free statistics - clamped statistics                     (5)   the gradient of -log p(v), at T = 1
    log Z    = log Σ_s e^(-E(s))                                    (6)   over all 2^n states, T = 1
    log p(v) = log Σ_h e^(-E(v, h)) - log Z                         (7)   h: the units that are not visible
    loss = -1/N Σ_n log p(v_n)                                      (8)

Shapes: s (N, n), each row a state of all n units, the visible ones first; W (n, n), b (n,); v (N, V), V ≤ n. For R
    sweeps uniforms u (R, N, n) and temperatures (R,). free: the units that are drawn, in their order; the others are
    clamped, they keep their values.

Units: energies and logarithms of probabilities are in nats; temperatures in units of energy.

Variant: states are 0 and 1. There is one weight for a pair, W_ij with i < j; what else stands in W is never read, and
    its gradient is 0. Where others keep a symmetric W, E = -½ sᵀW s - bᵀs, which is the same, its gradient is half of
    this one in each of the two places. The paper has thresholds, θ = -b. A sweep draws one unit after the other; all
    at once would sample something else. Annealing is a list of falling temperatures, in both phases. The exact
    learning rule is the gradient of (8), in which both statistics are sums over all states.

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

from shared.support.shapes import Range, checked
from tf_impl.activations import sigmoid

LARGEST = 20  # units: a million states


class BoltzmannMachineParams(NamedTuple):
    W: Float[Array, "n n"]
    b: Float[Array, "n"]


def boltzmann_machine_init(rng: Generator, n_units: int, *, dtype: str = "float32") -> BoltzmannMachineParams:
    W = _upper(tf.constant(rng.normal(0, 0.1, (n_units, n_units)), dtype))
    return BoltzmannMachineParams(W, b=tf.zeros([n_units], dtype))


@checked(n=1)
def boltzmann_machine_energy(params: BoltzmannMachineParams, s: Float[Array, "N n"]) -> Float[Array, "N"]:
    return -tf.reduce_sum((s @ _upper(params.W)) * s, axis=1) - tf.linalg.matvec(s, params.b)  # (1)


def _upper(W):
    return tf.linalg.band_part(W, 0, -1) - tf.linalg.band_part(W, 0, 0)


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
    W = tf.matmul(s, s, transpose_a=True) / s.shape[0]
    return BoltzmannMachineParams(W=_upper(W), b=tf.reduce_mean(s, axis=0))  # (4)


@checked(N=1, M=1)
def boltzmann_machine_gradient(s_clamped: Float[Array, "N n"], s_free: Float[Array, "M n"]) -> BoltzmannMachineParams:
    free, clamped = boltzmann_machine_statistics(s_free), boltzmann_machine_statistics(s_clamped)
    return BoltzmannMachineParams(W=free.W - clamped.W, b=free.b - clamped.b)  # (5)


@checked(n=1)
def boltzmann_machine_log_partition(params: BoltzmannMachineParams) -> Float[Array, ""]:
    energies = boltzmann_machine_energy(params, _states(params.b.shape[0], params.b.dtype))
    return tf.reduce_logsumexp(-energies)  # (6)


@checked(n=1)
def boltzmann_machine_log_likelihood(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, "N"]:
    energies = boltzmann_machine_energy(params, _completions(v, params.b.shape[0]))
    log_sum = tf.reduce_logsumexp(-tf.reshape(energies, [v.shape[0], 2 ** (params.b.shape[0] - v.shape[1])]), axis=1)
    return log_sum - boltzmann_machine_log_partition(params)  # (7)


@checked(N=1)
def boltzmann_machine_loss(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, ""]:
    return -tf.reduce_mean(boltzmann_machine_log_likelihood(params, v))  # (8)


def _states(n, dtype):
    if n > LARGEST:
        raise ValueError(f"boltzmann_machine: there are {n} units to sum over, expected at most {LARGEST}")
    return tf.constant(list(product((0, 1), repeat=n)), dtype)


def _completions(v, n):
    """Every row of v with all states of the other units, (N 2^(n - V), n)."""
    if v.shape[1] > n:
        raise ValueError(
            f"boltzmann_machine: v has shape {tuple(v.shape)}, expected at most {n} columns, as params.W"
        )
    h = _states(n - v.shape[1], v.dtype)
    return tf.concat([tf.repeat(v, h.shape[0], axis=0), tf.tile(h, [v.shape[0], 1])], 1)
