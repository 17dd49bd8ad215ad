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

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Positive, checked
from tf_impl.activations import sigmoid, softplus

LARGEST = 20  # units of the smaller side: a million states


class RBMParams(NamedTuple):
    W: Float[Array, "D H"]
    b_v: Float[Array, "D"]
    b_h: Float[Array, "H"]


def rbm_init(rng: Generator, n_visible: int, n_hidden: int, *, dtype: str = "float32") -> RBMParams:
    return RBMParams(
        W=tf.constant(rng.normal(0, 0.01, (n_visible, n_hidden)), dtype),
        b_v=tf.zeros([n_visible], dtype),
        b_h=tf.zeros([n_hidden], dtype),
    )


@checked
def rbm_visible_bias(p: Float[Array, "D"], *, least: Positive = 0.01) -> Float[Array, "D"]:
    p = tf.clip_by_value(p, least, 1 - least)
    return tf.math.log(p / (1 - p))  # (9)


@checked
def rbm_energy(params: RBMParams, v: Float[Array, "N D"], h: Float[Array, "N H"]) -> Float[Array, "N"]:
    return (
        -tf.linalg.matvec(v, params.b_v) - tf.linalg.matvec(h, params.b_h) - tf.reduce_sum((v @ params.W) * h, axis=1)
    )  # (1)


@checked
def rbm_free_energy(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N"]:
    z = v @ params.W + params.b_h
    return -tf.linalg.matvec(v, params.b_v) - tf.reduce_sum(softplus(z), axis=1)  # (2)


@checked
def rbm_hidden(params: RBMParams, v: Float[Array, "N D"]) -> Float[Array, "N H"]:
    return sigmoid(v @ params.W + params.b_h)  # (3)


@checked
def rbm_visible(params: RBMParams, h: Float[Array, "N H"]) -> Float[Array, "N D"]:
    return sigmoid(tf.matmul(h, params.W, transpose_b=True) + params.b_v)  # (4)


@checked(k=1)
def rbm_gibbs(
    params: RBMParams, v: Float[Array, "N D"], u_h: Float[Array, "k N H"], u_v: Float[Array, "k N D"]
) -> tuple[Float[Array, "N D"], Float[Array, "N D"]]:
    """v after k steps, and the probabilities that it was drawn from."""
    for u_hidden, u_visible in zip(tf.unstack(u_h), tf.unstack(u_v), strict=True):
        h = _sample(rbm_hidden(params, v), u_hidden)
        p_v = rbm_visible(params, h)
        v = _sample(p_v, u_visible)
    return v, p_v


def _sample(p, u):
    return tf.cast(u < p, p.dtype)  # (5)


@checked(k=1, N=1)
def rbm_cd(
    params: RBMParams, v: Float[Array, "N D"], u_h: Float[Array, "k N H"], u_v: Float[Array, "k N D"]
) -> tuple[RBMParams, Float[Array, "N D"]]:
    """The gradient of CD-k, and v after k steps."""
    p_data = rbm_hidden(params, v)
    p_h, v_k = p_data, v
    for u_hidden, u_visible in zip(tf.unstack(u_h), tf.unstack(u_v), strict=True):
        h = _sample(p_h, u_hidden)
        v_k = _sample(rbm_visible(params, h), u_visible)
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
        v_k = _sample(rbm_visible(params, h), u_visible)
        p_h = rbm_hidden(params, v_k)
        h = _sample(p_h, u_hidden)
    return _gradient(v, rbm_hidden(params, v), v_k, p_h), h


def _gradient(v_pos, h_pos, v_neg, h_neg):
    h_pos, h_neg = h_pos / v_pos.shape[0], h_neg / v_neg.shape[0]
    return RBMParams(
        W=tf.matmul(v_neg, h_neg, transpose_a=True) - tf.matmul(v_pos, h_pos, transpose_a=True),  # (6)
        b_v=tf.reduce_mean(v_neg, axis=0) - tf.reduce_mean(v_pos, axis=0),  # (6)
        b_h=tf.reduce_sum(h_neg, axis=0) - tf.reduce_sum(h_pos, axis=0),  # (6)
    )


@checked
def rbm_pseudo_likelihood(
    params: RBMParams, v: Float[Array, "N D"], flip: Annotated[Int[Array, "N"], Below("D")]
) -> Float[Array, "N"]:
    flipped = tf.range(v.shape[1], dtype=flip.dtype) == flip[:, None]
    energy = rbm_free_energy(params, v)
    other = rbm_free_energy(params, tf.where(flipped, 1 - v, v))
    return -v.shape[1] * softplus(energy - other)  # (7)


@checked
def rbm_log_partition(params: RBMParams) -> Float[Array, ""]:
    small = _swapped(params) if params.W.shape[0] > params.W.shape[1] else params
    energies = rbm_free_energy(small, _states(small.b_v))
    return tf.reduce_logsumexp(-energies)  # (8)


def _swapped(params):
    return RBMParams(tf.transpose(params.W), b_v=params.b_h, b_h=params.b_v)


def _states(b):
    if b.shape[0] > LARGEST:
        raise ValueError(f"rbm_log_partition: the smaller side has {b.shape[0]} units, expected at most {LARGEST}")
    return tf.constant(list(product((0, 1), repeat=b.shape[0])), b.dtype)
