"""Annealed importance sampling (AIS): the partition function of an RBM, estimated, with error bars.

    b_β   = (1 - β) b_0 + β b_v                                               (1)   β from 0 to 1
    F_β(v) = -Σ_i b_β,i v_i - Σ_j softplus(β (b_h,j + Σ_i v_i W_ij))          (2)   at β = 1 that of the RBM
    log Z_0 = H log 2 + Σ_i softplus(b_0,i)                                   (3)   at β = 0 units are independent:
    v_i = 1 where u < σ(b_0,i)                                                (4)   where the chains start
    log w ← log w + F_β(v) - F_β'(v)                                          (5)   from one β to the next, β'
    h = 1 where u < σ(β' (b_h + v W)), v = 1 where u < σ(b_β' + β' h Wᵀ)      (6)   and one Gibbs step there
    log Z ≈ log (1/M Σ_m w_m)                                                 (7)   log w begins with log Z_0
    error bars: log (mean of w ± 3 s / √M)                                    (8)   s: standard deviation of w

Shapes: params an RBM's, W (D, H), b_v (D,), b_h (H,); b_0 (D,); M chains v (M, D) and log_w (M,); betas (K+1,) for K
    moves from one β to the next, uniforms u_h (K, M, H), u_v (K, M, D), u (M, D).

Units: log_w, log_z, low and high are in nats.

Variant: the base-rate model of Salakhutdinov & Murray as the start: visible biases b_0, best those of the data's mean
    (rbm_visible_bias), no weights, no hidden biases. ais_anneal may be called part by part: the last β of one part is
    the first of the next. The weights here already hold Z_0, so their mean is Z itself. s² is divided by M - 1; low
    is -∞ where three standard errors are more than the mean.

Raises: ValueError if sizes or dtypes disagree, if a β is outside [0, 1], if there is no chain or no move, or if there
    are fewer than two weights to estimate an error from.

Reference: Neal, "Annealed importance sampling", Statistics and Computing 11 (2001), arXiv:physics/9803008;
    Salakhutdinov & Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
"""

import math
from typing import Annotated, NamedTuple

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Range, checked
from tf_impl.activations import sigmoid, softplus
from tf_impl.generative.rbm import RBMParams


class AISState(NamedTuple):
    v: Float[Array, "M D"]
    log_w: Float[Array, "M"]


class AISEstimate(NamedTuple):
    log_z: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]


@checked(M=1)
def ais_start(params: RBMParams, b_0: Float[Array, "D"], u: Float[Array, "M D"]) -> AISState:
    log_z = params.b_h.shape[0] * math.log(2) + tf.reduce_sum(softplus(b_0))  # (3)
    v = tf.cast(u < sigmoid(b_0), u.dtype)  # (4)
    return AISState(v, log_w=log_z + tf.zeros([u.shape[0]], u.dtype))


@checked(M=1, K=1)
def ais_anneal(
    params: RBMParams,
    b_0: Float[Array, "D"],
    state: AISState,
    betas: Annotated[Float[Array, "K+1"], Range("[0, 1]")],
    u_h: Float[Array, "K M H"],
    u_v: Float[Array, "K M D"],
) -> AISState:
    v, log_w = state
    betas = tf.unstack(betas)
    for beta, after, u_hidden, u_visible in zip(betas[:-1], betas[1:], tf.unstack(u_h), tf.unstack(u_v), strict=True):
        z = v @ params.W + params.b_h
        log_w = log_w + _energy(params, b_0, v, z, beta) - _energy(params, b_0, v, z, after)  # (5)
        h = tf.cast(u_hidden < sigmoid(after * z), z.dtype)  # (6)
        z = _bias(params, b_0, after) + after * tf.matmul(h, params.W, transpose_b=True)
        v = tf.cast(u_visible < sigmoid(z), z.dtype)  # (6)
    return AISState(v, log_w)


def _energy(params, b_0, v, z, beta):
    return -tf.linalg.matvec(v, _bias(params, b_0, beta)) - tf.reduce_sum(softplus(beta * z), axis=1)  # (2)


def _bias(params, b_0, beta):
    return (1 - beta) * b_0 + beta * params.b_v  # (1)


@checked(M=2)
def ais_log_partition(log_w: Float[Array, "M"]) -> AISEstimate:
    most = tf.reduce_max(log_w)
    w = tf.exp(log_w - most)
    mean = tf.reduce_mean(w)
    error = 3 * tf.sqrt(tf.reduce_sum((w - mean) * (w - mean)) / (w.shape[0] - 1) / w.shape[0])  # (8)
    logs = tf.math.log(mean), tf.math.log(tf.maximum(mean - error, 0)), tf.math.log(mean + error)  # (7) (8)
    return AISEstimate(*(log + most for log in logs))
