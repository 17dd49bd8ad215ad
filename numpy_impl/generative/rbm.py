"""Restricted Boltzmann machine (RBM): energy, Gibbs sampling, contrastive divergence (CD-k), persistent CD.

Idea: An RBM is a probability distribution over binary vectors v, and its hidden units h learn what occurs together in
    v. No two units of one side are connected, so that a whole side is drawn in one step, given the other.

    energy      = -v·b_v - h·b_h - Σ_ij v_i W_ij h_j           (1)   p(v, h) = e^(-energy) / Z
    z_h         = v W + b_h                                    (2)
    free_energy = -v·b_v - Σ_j softplus(z_h,j)                 (3)   -log Σ_h e^(-energy(v, h))
    p_h         = σ(z_h)                                       (4)   that h_j is 1, given v
    z_v         = h Wᵀ + b_v                                   (5)
    p_v         = σ(z_v)                                       (6)   that v_i is 1, given h
    h           = 1 where u_h < p_h, else 0                    (7)   sampling; the same for v with u_v and p_v
    gradient    = ∇ mean free_energy(v) - ∇ mean free_energy(v_k)   (8)   v: data, v_k: chains after k steps
    log_z       = log Σ_s e^(-energies_s)                      (9)   energies: free energies of all 2^D states
    rows        = v, and below them v with one unit flipped    (10)
    gap         = free_energy(v) - free_energy(flipped v)      (11)
    pseudo      = -D softplus(gap)                             (12)  D log p(v_i | all other units)
    b_v         = log(p / (1 - p))                             (13)  p: how often a unit is 1

Gradients:
    d_W = -vᵀ (d_energy ⊙ h), d_b_v = -Σ_n d_energy ⊙ v, d_b_h = -Σ_n d_energy ⊙ h    through (1)
    d_v = -d_energy ⊙ (b_v + h Wᵀ), d_h = -d_energy ⊙ (b_h + v W)                     through (1)
    d_z_h = -d_free_energy ⊙ σ(z_h), d_b_v = -Σ_n d_free_energy ⊙ v                   through (3)
    d_v = d_z_h Wᵀ - d_free_energy ⊙ b_v                                              through (2) (3)   in free_energy
    d_z_h = d_p_h ⊙ p_h ⊙ (1 - p_h)                                                   through (4)
    d_W = vᵀ d_z_h, d_b_h = Σ_n d_z_h, d_v = d_z_h Wᵀ                                 through (2)   in p_h
    d_z_v = d_p_v ⊙ p_v ⊙ (1 - p_v)                                                   through (6)
    d_W = d_z_vᵀ h, d_b_v = Σ_n d_z_v, d_h = d_z_v W                                  through (5)
    d_energies_s = -d_log_z e^(-energies_s - log_z)                                   through (9)
    d_gap = -D d_pseudo ⊙ σ(gap)                                                      through (12)
    d_energies = d_gap for v, -d_gap for flipped v                                    through (11)
    d_v = d_rows of v, plus d_rows of flipped v, its sign turned at the flipped unit  through (10)

Shapes: v (N, D), h (N, H), each row an example or a chain; W (D, H), b_v (D,), b_h (H,); energies and pseudo (N,).
    Uniforms for k steps: u_v (k, N, D), u_h (k, N, H). The M chains of rbm_pcd need not be as many as the N examples.

Units: energies and logarithms of probabilities are in nats. v may hold probabilities; samples are 0 or 1.

Variant: h and v are both sampled in the chain; the statistics at its two ends use p_h, which makes (8) exactly the
    gradient of a difference of free energies. rbm_cd starts at the data, rbm_pcd at the chains of the step before,
    v first. (8) is to descend; weight decay, momentum and learning rate are the optimizer's. (9) sums over the hidden
    side if that is smaller. W starts at N(0, 0.01²), biases at 0, or b_v at (13) with p kept away from 0 and 1.

Differs:
    Hinton's guide: v may stay probabilities inside the chain, which is another estimate of the gradient.
    scikit-learn: BernoulliRBM does rbm_pcd with k = 1 and SGD; W transposed is components_. It divides both sums by
        the number of examples, which is wrong for a last batch with fewer examples than chains.

Relation: a Boltzmann machine without connections inside a side. dbn stacks RBMs, ais estimates (9) for large ones.

Raises: ValueError if sizes or dtypes disagree, if there is no example, chain or step, if a flipped unit is not one of
    the D, or if both sides have more than 20 units, too many to sum over.

Reference: Smolensky, "Information processing in dynamical systems" (1986); Hinton, Neural Computation 14 (2002), CD;
    Tieleman, ICML 2008, persistent CD; Hinton, "A practical guide to training RBMs", UTML TR 2010-003.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl import losses
from numpy_impl.activations import sigmoid, softplus
from numpy_impl.generative.boltzmann_machine import boltzmann_machine_states
from shared.support.shapes import Below, Positive, checked


class RBMParams(NamedTuple):
    W: Float[Array, "D H"]
    b_v: Float[Array, "D"]
    b_h: Float[Array, "H"]


class RBMCache(NamedTuple):
    params: RBMParams
    v: Array  # or p_v, where that was computed
    h: Array  # or p_h


class RBMFreeEnergyCache(NamedTuple):
    params: RBMParams
    v: Array
    z_h: Array


class RBMLogPartitionCache(NamedTuple):
    swapped: bool
    free_energy: RBMFreeEnergyCache
    log_sum: losses.LogSumExpCache


class RBMPseudoLikelihoodCache(NamedTuple):
    flipped: Array
    gap: Array
    free_energy: RBMFreeEnergyCache


def rbm_init(rng: Generator, n_visible: int, n_hidden: int, *, dtype: str = "float32") -> RBMParams:
    W = rng.normal(0, 0.01, (n_visible, n_hidden)).astype(dtype)
    return RBMParams(W, b_v=np.zeros(n_visible, dtype), b_h=np.zeros(n_hidden, dtype))


@checked
def rbm_visible_bias(p: Float[Array, "D"], *, least: Positive = 0.01) -> Float[Array, "D"]:
    p = np.clip(p, least, 1 - least)
    return np.log(p / (1 - p))  # (13)


@checked
def rbm_energy(params: RBMParams, v: Float[Array, "N D"], h: Float[Array, "N H"]) -> Float[Array, "N"]:
    energy = -(v @ params.b_v) - (h @ params.b_h) - np.sum((v @ params.W) * h, axis=1)  # (1)
    return energy, RBMCache(params, v, h)


def rbm_energy_backward(cache, d_energy):
    params, v, h = cache
    d_W = -v.T @ (d_energy[:, None] * h)  # through (1)
    d_b_v, d_b_h = -(d_energy @ v), -(d_energy @ h)  # through (1)
    d_v = -d_energy[:, None] * (params.b_v + h @ params.W.T)  # through (1)
    d_h = -d_energy[:, None] * (params.b_h + v @ params.W)  # through (1)
    return RBMParams(d_W, d_b_v, d_b_h), d_v, d_h


@checked
def rbm_free_energy(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N"]:
    z_h = v @ params.W + params.b_h  # (2)
    free_energy = -(v @ params.b_v) - np.sum(softplus(z_h), axis=1)  # (3)
    return free_energy, RBMFreeEnergyCache(params, v, z_h)


def rbm_free_energy_backward(cache, d_free_energy):
    params, v, z_h = cache
    d_z_h = -d_free_energy[:, None] * sigmoid(z_h)  # through (3)
    d_b_v = -(d_free_energy @ v)  # through (3)
    d_W, d_b_h = v.T @ d_z_h, np.sum(d_z_h, axis=0)  # through (2)
    d_v = d_z_h @ params.W.T - d_free_energy[:, None] * params.b_v  # through (2) (3)
    return RBMParams(d_W, d_b_v, d_b_h), d_v


@checked
def rbm_hidden(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N H"]:
    z_h = v @ params.W + params.b_h  # (2)
    p_h = sigmoid(z_h)  # (4)
    return p_h, RBMCache(params, v, p_h.copy())


def rbm_hidden_backward(cache, d_p_h):
    params, v, p_h = cache
    d_z_h = d_p_h * p_h * (1 - p_h)  # through (4)
    d_W, d_b_h, d_v = v.T @ d_z_h, np.sum(d_z_h, axis=0), d_z_h @ params.W.T  # through (2)
    return RBMParams(d_W, np.zeros_like(params.b_v), d_b_h), d_v


@checked
def rbm_visible(params: RBMParams, h: Float[Array, "N H"]) -> Float[Array, "N D"]:
    z_v = h @ params.W.T + params.b_v  # (5)
    p_v = sigmoid(z_v)  # (6)
    return p_v, RBMCache(params, p_v.copy(), h)


def rbm_visible_backward(cache, d_p_v):
    params, p_v, h = cache
    d_z_v = d_p_v * p_v * (1 - p_v)  # through (6)
    d_W, d_b_v, d_h = d_z_v.T @ h, np.sum(d_z_v, axis=0), d_z_v @ params.W  # through (5)
    return RBMParams(d_W, d_b_v, np.zeros_like(params.b_h)), d_h


@checked
def rbm_sample(p: Float[Array, "... D"], u: Float[Array, "N D"]) -> Float[Array, "N D"]:
    return (u < p).astype(u.dtype)  # (7)


@checked(k=1)
def rbm_gibbs(
    params: RBMParams, v: Float[Array, "N D"], u_v: Float[Array, "k N D"], u_h: Float[Array, "k N H"]
) -> tuple[Float[Array, "N D"], Float[Array, "N D"]]:
    """v after k steps, and the probabilities that it was drawn from."""
    for u_visible, u_hidden in zip(u_v, u_h, strict=True):
        h = rbm_sample(rbm_hidden(params, v)[0], u_hidden)
        p_v, _ = rbm_visible(params, h)
        v = rbm_sample(p_v, u_visible)
    return v, p_v


@checked(k=1, N=1)
def rbm_cd(
    params: RBMParams, v: Float[Array, "N D"], u_v: Float[Array, "k N D"], u_h: Float[Array, "k N H"]
) -> tuple[RBMParams, Float[Array, "N D"]]:
    """The gradient of CD-k, and v after k steps."""
    p_data, _ = rbm_hidden(params, v)
    p_h, v_k = p_data, v
    for u_visible, u_hidden in zip(u_v, u_h, strict=True):
        h = rbm_sample(p_h, u_hidden)
        v_k = rbm_sample(rbm_visible(params, h)[0], u_visible)
        p_h, _ = rbm_hidden(params, v_k)
    return _gradient(v, p_data, v_k, p_h), v_k


@checked(k=1, N=1, M=1)
def rbm_pcd(
    params: RBMParams,
    v: Float[Array, "N D"],
    h: Float[Array, "M H"],
    u_v: Float[Array, "k M D"],
    u_h: Float[Array, "k M H"],
) -> tuple[RBMParams, Float[Array, "M H"]]:
    """The gradient of persistent CD with the chains h, and the chains k steps later."""
    for u_visible, u_hidden in zip(u_v, u_h, strict=True):
        v_k = rbm_sample(rbm_visible(params, h)[0], u_visible)
        p_h, _ = rbm_hidden(params, v_k)
        h = rbm_sample(p_h, u_hidden)
    return _gradient(v, rbm_hidden(params, v)[0], v_k, p_h), h


def _gradient(v, p_data, v_k, p_k):
    return RBMParams(
        W=v_k.T @ (p_k / len(v_k)) - v.T @ (p_data / len(v)),  # (8)
        b_v=np.mean(v_k, axis=0) - np.mean(v, axis=0),  # (8)
        b_h=np.mean(p_k, axis=0) - np.mean(p_data, axis=0),  # (8)
    )


@checked
def rbm_pseudo_likelihood(
    params: RBMParams, v: Float[Array, "N D"], flip: Annotated[Int[Array, "N"], Below("D")]
) -> Float[Array, "N"]:
    flipped = np.arange(v.shape[1]) == flip[:, None]
    rows = np.concatenate([v, np.where(flipped, 1 - v, v)])  # (10)
    energies, cache = rbm_free_energy(params, rows)  # (3)
    gap = energies[: len(v)] - energies[len(v) :]  # (11)
    pseudo = -v.shape[1] * softplus(gap)  # (12)
    return pseudo, RBMPseudoLikelihoodCache(flipped, gap, cache)


def rbm_pseudo_likelihood_backward(cache, d_pseudo):
    N, D = cache.flipped.shape
    d_gap = -D * d_pseudo * sigmoid(cache.gap)  # through (12)
    d_energies = np.concatenate([d_gap, -d_gap])  # through (11)
    d_params, d_rows = rbm_free_energy_backward(cache.free_energy, d_energies)  # through (2) (3)
    d_v = d_rows[:N] + np.where(cache.flipped, -d_rows[N:], d_rows[N:])  # through (10)
    return d_params, d_v, None


@checked
def rbm_log_partition(params: RBMParams) -> Float[Array, ""]:
    swapped = params.W.shape[0] > params.W.shape[1]
    params = _swapped(params) if swapped else params
    energies, cache = rbm_free_energy(params, boltzmann_machine_states(params.b_v))  # (3)
    log_z, sum_cache = losses.logsumexp(-energies)  # (9)
    return log_z, RBMLogPartitionCache(swapped, cache, sum_cache)


def rbm_log_partition_backward(cache, d_log_z):
    d_energies = -losses.logsumexp_backward(cache.log_sum, d_log_z)[0]  # through (9)
    d_params, _ = rbm_free_energy_backward(cache.free_energy, d_energies)  # through (2) (3)
    return (_swapped(d_params) if cache.swapped else d_params,)


def _swapped(params):
    return RBMParams(params.W.T, b_v=params.b_h, b_h=params.b_v)
