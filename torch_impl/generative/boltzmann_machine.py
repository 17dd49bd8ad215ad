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

import torch
from torch import Tensor as Array
from jaxtyping import Float
from numpy.random import Generator

from shared.support.shapes import Range, checked
from torch_impl.activations import sigmoid

LARGEST = 20  # units: a million states


class BoltzmannMachineParams(NamedTuple):
    W: Float[Array, "n n"]
    b: Float[Array, "n"]


def boltzmann_machine_init(rng: Generator, n_units: int, *, dtype: str = "float32") -> BoltzmannMachineParams:
    W = torch.triu(torch.tensor(rng.normal(0, 0.1, (n_units, n_units)), dtype=getattr(torch, dtype)), 1)
    return BoltzmannMachineParams(W, b=W.new_zeros(n_units))


@checked(n=1)
def boltzmann_machine_energy(params: BoltzmannMachineParams, s: Float[Array, "N n"]) -> Float[Array, "N"]:
    return -torch.sum((s @ torch.triu(params.W, 1)) * s, dim=1) - s @ params.b  # (1)


def _symmetric(W):
    upper = torch.triu(W, 1)
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
    W, s = _symmetric(params.W), s.clone()
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
    return BoltzmannMachineParams(W=torch.triu(s.T @ s / s.shape[0], 1), b=torch.mean(s, dim=0))  # (4)


@checked(N=1, M=1)
def boltzmann_machine_gradient(s_clamped: Float[Array, "N n"], s_free: Float[Array, "M n"]) -> BoltzmannMachineParams:
    free, clamped = boltzmann_machine_statistics(s_free), boltzmann_machine_statistics(s_clamped)
    return BoltzmannMachineParams(W=free.W - clamped.W, b=free.b - clamped.b)  # (5)


@checked(n=1)
def boltzmann_machine_log_partition(params: BoltzmannMachineParams) -> Float[Array, ""]:
    energies = boltzmann_machine_energy(params, _states(params.b.shape[0], params.b))
    return torch.logsumexp(-energies, dim=0)  # (6)


@checked(n=1)
def boltzmann_machine_log_likelihood(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, "N"]:
    energies = boltzmann_machine_energy(params, _completions(v, params.b.shape[0]))
    log_sum = torch.logsumexp(-energies.reshape(v.shape[0], 2 ** (params.b.shape[0] - v.shape[1])), dim=1)
    return log_sum - boltzmann_machine_log_partition(params)  # (7)


@checked(N=1)
def boltzmann_machine_loss(params: BoltzmannMachineParams, v: Float[Array, "N V"]) -> Float[Array, ""]:
    return -torch.mean(boltzmann_machine_log_likelihood(params, v))  # (8)


def _states(n, like):
    if n > LARGEST:
        raise ValueError(f"boltzmann_machine: there are {n} units to sum over, expected at most {LARGEST}")
    return torch.tensor(list(product((0, 1), repeat=n)), dtype=like.dtype, device=like.device)


def _completions(v, n):
    """Every row of v with all states of the other units, (N 2^(n - V), n)."""
    if v.shape[1] > n:
        raise ValueError(
            f"boltzmann_machine: v has shape {tuple(v.shape)}, expected at most {n} columns, as params.W"
        )
    h = _states(n - v.shape[1], v)
    return torch.cat([torch.repeat_interleave(v, h.shape[0], dim=0), h.repeat(v.shape[0], 1)], dim=1)
