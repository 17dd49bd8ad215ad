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

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid
from shared.support.shapes import Range, checked

LARGEST = 20  # units: a million states


class BoltzmannMachineParams(NamedTuple):
    W: Float[Array, "n n"]
    b: Float[Array, "n"]


def boltzmann_machine_init(rng: Generator, n_units: int, *, dtype: str = "float32") -> BoltzmannMachineParams:
    W = np.triu(rng.normal(0, 0.1, (n_units, n_units)), 1).astype(dtype)
    return BoltzmannMachineParams(W, b=np.zeros(n_units, dtype))


@checked(n=1)
def boltzmann_machine_energy(params: BoltzmannMachineParams, s: Float[Array, "N n"]) -> Float[Array, "N"]:
    energy = -np.sum((s @ np.triu(params.W, 1)) * s, axis=1) - s @ params.b  # (1)
    return energy, (params, s)


def boltzmann_machine_energy_backward(cache, d_energy):
    params, s = cache
    d_s = d_energy[:, None] * s
    d_params = BoltzmannMachineParams(W=np.triu(-s.T @ d_s, 1), b=-np.sum(d_s, axis=0))  # through (1)
    return d_params, -d_energy[:, None] * (s @ _symmetric(params.W) + params.b)  # through (1)


def _symmetric(W):
    upper = np.triu(W, 1)
    return upper + upper.T


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
    W, s = _symmetric(params.W), s.copy()
    for u_sweep, temperature in zip(u, temperatures, strict=True):
        for i in free:
            p = sigmoid((s @ W[i] + params.b[i]) / temperature)  # (2)
            s_i = u_sweep[:, i] < p  # (3)
            s[:, i] = s_i
    return s


def _check_units(free, s):
    for i in free:
        if not 0 <= i < s.shape[1]:
            raise ValueError(f"boltzmann_machine_gibbs: free holds {i}, expected units from 0 to {s.shape[1] - 1}")


@checked(N=1)
def boltzmann_machine_statistics(s: Float[Array, "N n"]) -> BoltzmannMachineParams:
    return BoltzmannMachineParams(W=np.triu(s.T @ s / len(s), 1), b=np.mean(s, axis=0))  # (4)


@checked(N=1, M=1)
def boltzmann_machine_gradient(s_clamped: Float[Array, "N n"], s_free: Float[Array, "M n"]) -> BoltzmannMachineParams:
    free, clamped = boltzmann_machine_statistics(s_free), boltzmann_machine_statistics(s_clamped)
    return BoltzmannMachineParams(W=free.W - clamped.W, b=free.b - clamped.b)  # (5)


@checked(n=1)
def boltzmann_machine_log_partition(params: BoltzmannMachineParams) -> Float[Array, ""]:
    energies, cache = boltzmann_machine_energy(params, _states(params.b.size, params.b.dtype))
    log_z = _log_sum_exp(-energies)  # (6)
    return log_z, (energies, log_z, cache)


def boltzmann_machine_log_partition_backward(cache, d_log_z):
    energies, log_z, cache = cache
    d_params, _ = boltzmann_machine_energy_backward(cache, -d_log_z * np.exp(-energies - log_z))  # through (6)
    return (d_params,)


@checked(n=1)
def boltzmann_machine_log_likelihood(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, "N"]:
    energies, cache = boltzmann_machine_energy(params, _completions(v, params.b.size))
    energies = energies.reshape(len(v), 2 ** (params.b.size - v.shape[1]))
    log_sum = _log_sum_exp(-energies)
    log_z, z_cache = boltzmann_machine_log_partition(params)
    return log_sum - log_z, (v, energies, log_sum, cache, z_cache)  # (7)


def boltzmann_machine_log_likelihood_backward(cache, d_log_p):
    v, energies, log_sum, cache, z_cache = cache
    d_energies = -d_log_p[:, None] * np.exp(-energies - log_sum[:, None])  # through (7)
    clamped, d_s = boltzmann_machine_energy_backward(cache, d_energies.reshape(-1))
    (free,) = boltzmann_machine_log_partition_backward(z_cache, np.sum(d_log_p))
    d_v = np.sum(d_s.reshape(*energies.shape, d_s.shape[1])[:, :, : v.shape[1]], axis=1)
    return BoltzmannMachineParams(W=clamped.W - free.W, b=clamped.b - free.b), d_v  # through (7)


@checked(N=1)
def boltzmann_machine_loss(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, ""]:
    log_p, cache = boltzmann_machine_log_likelihood(params, v)
    return -np.mean(log_p), (log_p, cache)  # (8)


def boltzmann_machine_loss_backward(cache, d_loss):
    log_p, cache = cache
    return boltzmann_machine_log_likelihood_backward(cache, np.full_like(log_p, -d_loss / len(log_p)))  # through (8)


def _states(n, dtype):
    if n > LARGEST:
        raise ValueError(f"boltzmann_machine: there are {n} units to sum over, expected at most {LARGEST}")
    return np.array(list(product((0, 1), repeat=n)), dtype)


def _completions(v, n):
    """Every row of v with all states of the other units, (N 2^(n - V), n)."""
    if v.shape[1] > n:
        raise ValueError(
            f"boltzmann_machine: v has shape {tuple(v.shape)}, expected at most {n} columns, as params.W"
        )
    h = _states(n - v.shape[1], v.dtype)
    return np.concatenate([np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1))], axis=1)


def _log_sum_exp(x):
    most = np.max(x, axis=-1, keepdims=True)
    return np.squeeze(most, -1) + np.log(np.sum(np.exp(x - most), axis=-1))
