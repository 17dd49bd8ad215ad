"""Restricted Boltzmann machine (RBM): energy, Gibbs sampling, contrastive divergence (CD-k), persistent CD.

    E(v, h)   = -Σ_i b_v,i v_i - Σ_j b_h,j h_j - Σ_ij v_i W_ij h_j             (1)   p(v, h) = e^(-E(v, h)) / Z
    F(v)      = -Σ_i b_v,i v_i - Σ_j softplus(b_h,j + Σ_i v_i W_ij)            (2)   -log Σ_h e^(-E(v, h))
    p(h|v)    = σ(b_h + v W)                                                   (3)   of every h_j = 1
    p(v|h)    = σ(b_v + h Wᵀ)                                                  (4)   of every v_i = 1
    h_j = 1 where u < p(h_j|v), v_i = 1 where u < p(v_i|h), else 0             (5)   sampling
    d         = ∇ (mean of F(v⁺) - mean of F(v⁻))                              (6)   v⁺ data, v⁻ from the chains
    pseudo    = D log σ(F(ṽ) - F(v))                                           (7)   ṽ: v with one unit flipped
    log Z     = log Σ_v e^(-F(v))                                              (8)   or over all h, if these are fewer
    b_v       = log(p / (1 - p))                                               (9)   p: how often a unit is 1

Shapes: v (N, D), h (N, H), each row an example or a chain; W (D, H), b_v (D,), b_h (H,); energies and pseudo (N,).
    Uniforms for k steps: u_h (k, N, H), u_v (k, N, D). The M chains of rbm_pcd need not be as many as the N examples.

Units: energies and logarithms of probabilities are in nats. v may hold probabilities; samples are 0 or 1.

Variant: in the chain h and v are both sampled, the statistics have the probabilities p(h|v) at both ends: so (6) is
    exactly the gradient of a difference of free energies (scikit-learn, learnergy; Hinton's guide allows v to be
    probabilities in the chain, which is another estimate). rbm_cd starts its k steps at the data, rbm_pcd at chains
    that go on, v first, from step to step (Tieleman; scikit-learn with k = 1). d is a gradient to go down along:
    weight cost, momentum and learning rate are an optimizer's. W starts at N(0, 0.01²), biases at 0 or b_v at (9), p
    kept off 0 and 1.

Raises: ValueError if sizes or dtypes disagree, if there is no example, chain or step, if a flipped unit is not one of
    the D, or if both sides have more than 20 units, too many to sum over.

Reference: Smolensky, "Information processing in dynamical systems", 1986; Hinton, "Training products of experts by
    minimizing contrastive divergence", Neural Computation 14 (2002); Tieleman, "Training restricted Boltzmann
    machines using approximations to the likelihood gradient", ICML 2008; Hinton, "A practical guide to training
    restricted Boltzmann machines", UTML TR 2010-003.
"""

from itertools import product
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from numpy.random import Generator

from numpy_impl.activations import sigmoid, softplus
from shared.support.shapes import Below, Positive, checked

LARGEST = 20  # units of the smaller side: a million states


class RBMParams(NamedTuple):
    W: Float[Array, "D H"]
    b_v: Float[Array, "D"]
    b_h: Float[Array, "H"]


def rbm_init(rng: Generator, n_visible: int, n_hidden: int, *, dtype: str = "float32") -> RBMParams:
    return RBMParams(
        W=rng.normal(0, 0.01, (n_visible, n_hidden)).astype(dtype),
        b_v=np.zeros(n_visible, dtype),
        b_h=np.zeros(n_hidden, dtype),
    )


@checked
def rbm_visible_bias(p: Float[Array, "D"], *, least: Positive = 0.01) -> Float[Array, "D"]:
    p = np.clip(p, least, 1 - least)
    return np.log(p / (1 - p))  # (9)


@checked
def rbm_energy(params: RBMParams, v: Float[Array, "N D"], h: Float[Array, "N H"]) -> Float[Array, "N"]:
    energy = -(v @ params.b_v) - (h @ params.b_h) - np.sum((v @ params.W) * h, axis=1)  # (1)
    return energy, (params, v, h)


def rbm_energy_backward(cache, d_energy):
    params, v, h = cache
    d_h, d_v = d_energy[:, None] * h, d_energy[:, None] * v
    d_params = RBMParams(W=-v.T @ d_h, b_v=-np.sum(d_v, axis=0), b_h=-np.sum(d_h, axis=0))  # through (1)
    d = -d_energy[:, None]
    return d_params, d * (params.b_v + h @ params.W.T), d * (params.b_h + v @ params.W)  # through (1)


@checked
def rbm_free_energy(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N"]:
    z = v @ params.W + params.b_h
    return -(v @ params.b_v) - np.sum(softplus(z), axis=1), (params, v, z)  # (2)


def rbm_free_energy_backward(cache, d_energy):
    params, v, z = cache
    d_z = -d_energy[:, None] * sigmoid(z)  # through (2)
    d_params = RBMParams(W=v.T @ d_z, b_v=-(d_energy @ v), b_h=np.sum(d_z, axis=0))  # through (2)
    return d_params, d_z @ params.W.T - d_energy[:, None] * params.b_v


@checked
def rbm_hidden(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N H"]:
    p = sigmoid(v @ params.W + params.b_h)  # (3)
    return p, (params, v, p)


def rbm_hidden_backward(cache, d_p):
    params, v, p = cache
    d_z = d_p * p * (1 - p)  # through (3)
    return RBMParams(W=v.T @ d_z, b_v=0 * params.b_v, b_h=np.sum(d_z, axis=0)), d_z @ params.W.T


@checked
def rbm_visible(params: RBMParams, h: Float[Array, "N H"]) -> Float[Array, "N D"]:
    p = sigmoid(h @ params.W.T + params.b_v)  # (4)
    return p, (params, h, p)


def rbm_visible_backward(cache, d_p):
    params, h, p = cache
    d_z = d_p * p * (1 - p)  # through (4)
    return RBMParams(W=d_z.T @ h, b_v=np.sum(d_z, axis=0), b_h=0 * params.b_h), d_z @ params.W


@checked(k=1)
def rbm_gibbs(
    params: RBMParams, v: Float[Array, "N D"], u_h: Float[Array, "k N H"], u_v: Float[Array, "k N D"]
) -> tuple[Float[Array, "N D"], Float[Array, "N D"]]:
    """v after k steps, and the probabilities that it was drawn from."""
    for u_hidden, u_visible in zip(u_h, u_v, strict=True):
        h = _sample(rbm_hidden(params, v)[0], u_hidden)
        p_v, _ = rbm_visible(params, h)
        v = _sample(p_v, u_visible)
    return v, p_v


def _sample(p, u):
    return (u < p).astype(p.dtype)  # (5)


@checked(k=1, N=1)
def rbm_cd(
    params: RBMParams, v: Float[Array, "N D"], u_h: Float[Array, "k N H"], u_v: Float[Array, "k N D"]
) -> tuple[RBMParams, Float[Array, "N D"]]:
    """The gradient of CD-k, and v after k steps."""
    p_data, _ = rbm_hidden(params, v)
    p_h, v_k = p_data, v
    for u_hidden, u_visible in zip(u_h, u_v, strict=True):
        h = _sample(p_h, u_hidden)
        v_k = _sample(rbm_visible(params, h)[0], u_visible)
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
        v_k = _sample(rbm_visible(params, h)[0], u_visible)
        p_h, _ = rbm_hidden(params, v_k)
        h = _sample(p_h, u_hidden)
    return _gradient(v, rbm_hidden(params, v)[0], v_k, p_h), h


def _gradient(v_pos, h_pos, v_neg, h_neg):
    h_pos, h_neg = h_pos / len(v_pos), h_neg / len(v_neg)
    return RBMParams(
        W=v_neg.T @ h_neg - v_pos.T @ h_pos,  # (6)
        b_v=np.mean(v_neg, axis=0) - np.mean(v_pos, axis=0),  # (6)
        b_h=np.sum(h_neg, axis=0) - np.sum(h_pos, axis=0),  # (6)
    )


@checked
def rbm_pseudo_likelihood(
    params: RBMParams, v: Float[Array, "N D"], flip: Annotated[Int[Array, "N"], Below("D")]
) -> Float[Array, "N"]:
    flipped = np.arange(v.shape[1]) == flip[:, None]
    energy, cache = rbm_free_energy(params, v)
    other, other_cache = rbm_free_energy(params, np.where(flipped, 1 - v, v))
    pseudo = -v.shape[1] * softplus(energy - other)  # (7)
    return pseudo, (v.shape[1], flipped, energy - other, cache, other_cache)


def rbm_pseudo_likelihood_backward(cache, d_pseudo):
    n, flipped, gap, cache, other_cache = cache
    d_gap = -n * d_pseudo * sigmoid(gap)  # through (7)
    d_params, d_v = rbm_free_energy_backward(cache, d_gap)
    d_other, d_flipped = rbm_free_energy_backward(other_cache, -d_gap)
    d_params = RBMParams(*(a + b for a, b in zip(d_params, d_other, strict=True)))
    return d_params, d_v + np.where(flipped, -d_flipped, d_flipped), None


@checked
def rbm_log_partition(params: RBMParams) -> Float[Array, ""]:
    small = _swapped(params) if params.W.shape[0] > params.W.shape[1] else params
    energies, cache = rbm_free_energy(small, _states(small.b_v))
    least = np.min(energies)
    log_z = np.log(np.sum(np.exp(least - energies))) - least  # (8)
    return log_z, (params, energies, log_z, cache)


def rbm_log_partition_backward(cache, d_log_z):
    params, energies, log_z, cache = cache
    d_energies = -d_log_z * np.exp(-energies - log_z)  # through (8)
    d_small, _ = rbm_free_energy_backward(cache, d_energies)
    return (_swapped(d_small) if params.W.shape[0] > params.W.shape[1] else d_small,)


def _swapped(params):
    return RBMParams(params.W.T, b_v=params.b_h, b_h=params.b_v)


def _states(b):
    if len(b) > LARGEST:
        raise ValueError(f"rbm_log_partition: the smaller side has {len(b)} units, expected at most {LARGEST}")
    return np.array(list(product((0, 1), repeat=len(b))), b.dtype)
