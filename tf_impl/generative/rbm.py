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

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Dtype, Positive, checked
from shared.support.sizes import sizes
from tf_impl import losses
from tf_impl.activations import sigmoid, softplus
from tf_impl.generative.boltzmann_machine import boltzmann_machine_states


class RBMParams(NamedTuple):
    W: Float[Array, "D H"]
    b_v: Float[Array, "D"]
    b_h: Float[Array, "H"]


@checked
def rbm_init(rng: Generator, n_visible: int, n_hidden: int, *, dtype: Dtype = "float32") -> RBMParams:
    W = tf.constant(rng.normal(0, 0.01, (n_visible, n_hidden)), dtype)
    return RBMParams(W, b_v=tf.zeros([n_visible], dtype), b_h=tf.zeros([n_hidden], dtype))


@checked
def rbm_visible_bias(p: Float[Array, "D"], *, least: Positive = 0.01) -> Float[Array, "D"]:
    p = tf.clip_by_value(p, least, 1 - least)
    return tf.math.log(p / (1 - p))  # (13)


@checked
def rbm_energy(params: RBMParams, v: Float[Array, "N D"], h: Float[Array, "N H"]) -> Float[Array, "N"]:
    bias = tf.linalg.matvec(v, params.b_v) + tf.linalg.matvec(h, params.b_h)
    energy = -bias - tf.reduce_sum((v @ params.W) * h, axis=1)  # (1)
    return energy


@checked
def rbm_free_energy(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N"]:
    z_h = v @ params.W + params.b_h  # (2)
    free_energy = -tf.linalg.matvec(v, params.b_v) - tf.reduce_sum(softplus(z_h), axis=1)  # (3)
    return free_energy


@checked
def rbm_hidden(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N H"]:
    z_h = v @ params.W + params.b_h  # (2)
    p_h = sigmoid(z_h)  # (4)
    return p_h


@checked
def rbm_visible(params: RBMParams, h: Float[Array, "N H"]) -> Float[Array, "N D"]:
    z_v = tf.matmul(h, params.W, transpose_b=True) + params.b_v  # (5)
    p_v = sigmoid(z_v)  # (6)
    return p_v


@checked
def rbm_sample(p: Float[Array, "... D"], u: Float[Array, "N D"]) -> Float[Array, "N D"]:
    return tf.cast(u < p, u.dtype)  # (7)


@checked(k=1)
def rbm_gibbs(
    params: RBMParams, v: Float[Array, "N D"], u_v: Float[Array, "k N D"], u_h: Float[Array, "k N H"]
) -> tuple[Float[Array, "N D"], Float[Array, "N D"]]:
    """v after k steps, and the probabilities that it was drawn from."""
    for u_visible, u_hidden in zip(tf.unstack(u_v), tf.unstack(u_h), strict=True):
        h = rbm_sample(rbm_hidden(params, v), u_hidden)
        p_v = rbm_visible(params, h)
        v = rbm_sample(p_v, u_visible)
    return v, p_v


@checked(k=1, N=1)
def rbm_cd(
    params: RBMParams, v: Float[Array, "N D"], u_v: Float[Array, "k N D"], u_h: Float[Array, "k N H"]
) -> tuple[RBMParams, Float[Array, "N D"]]:
    """The gradient of CD-k, and v after k steps."""
    p_data = rbm_hidden(params, v)
    p_h, v_k = p_data, v
    for u_visible, u_hidden in zip(tf.unstack(u_v), tf.unstack(u_h), strict=True):
        h = rbm_sample(p_h, u_hidden)
        v_k = rbm_sample(rbm_visible(params, h), u_visible)
        p_h = rbm_hidden(params, v_k)
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
    for u_visible, u_hidden in zip(tf.unstack(u_v), tf.unstack(u_h), strict=True):
        v_k = rbm_sample(rbm_visible(params, h), u_visible)
        p_h = rbm_hidden(params, v_k)
        h = rbm_sample(p_h, u_hidden)
    return _gradient(v, rbm_hidden(params, v), v_k, p_h), h


def _gradient(v, p_data, v_k, p_k):
    chains, examples = tf.cast(sizes(v_k)[0], v.dtype), tf.cast(sizes(v)[0], v.dtype)
    return RBMParams(
        W=tf.transpose(v_k) @ (p_k / chains) - tf.transpose(v) @ (p_data / examples),  # (8)
        b_v=tf.reduce_mean(v_k, axis=0) - tf.reduce_mean(v, axis=0),  # (8)
        b_h=tf.reduce_mean(p_k, axis=0) - tf.reduce_mean(p_data, axis=0),  # (8)
    )


@checked
def rbm_pseudo_likelihood(
    params: RBMParams, v: Float[Array, "N D"], flip: Annotated[Int[Array, "N"], Below("D")]
) -> Float[Array, "N"]:
    flipped = tf.range(v.shape[1], dtype=tf.int64) == tf.cast(flip, tf.int64)[:, None]
    rows = tf.concat([v, tf.where(flipped, 1 - v, v)], axis=0)  # (10)
    energies = rbm_free_energy(params, rows)  # (3)
    energy, flipped_energy = tf.split(energies, 2)
    gap = energy - flipped_energy  # (11)
    pseudo = -v.shape[1] * softplus(gap)  # (12)
    return pseudo


@checked
def rbm_log_partition(params: RBMParams) -> Float[Array, ""]:
    swapped = params.W.shape[0] > params.W.shape[1]
    params = _swapped(params) if swapped else params
    energies = rbm_free_energy(params, boltzmann_machine_states(params.b_v))  # (3)
    log_z = losses.logsumexp(-energies)  # (9)
    return log_z


def _swapped(params):
    return RBMParams(tf.transpose(params.W), b_v=params.b_h, b_h=params.b_v)
