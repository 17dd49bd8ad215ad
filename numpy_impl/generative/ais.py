"""Annealed importance sampling (AIS): the partition function of an RBM, estimated, with error bars.

Idea: Z is a sum over more states than can be visited, and a sample of them says little about the sum. AIS leads
    chains from a model whose Z is known to the RBM, through many models in between: the ratio of Z from one model to
    the next is near 1 and easy to estimate, and the product of the ratios is an unbiased estimate of Z.

    b_β     = (1 - β) b_0 + β b_v                                                (1)   β from 0 to 1
    F_β(v)  = -v·b_β - Σ_j softplus(β z_h,j),  z_h = v W + b_h                   (2)   free energy; at β = 1 the RBM's
    log_z_0 = H log 2 + Σ_i softplus(b_0,i)                                      (3)   at β = 0 units are independent
    v       = 1 where u < σ(b_0), else 0                                         (4)   the start, drawn at β = 0
    log_w  ← log_w + F_β(v) - F_β'(v)                                            (5)   from β to the next one, β'
    h       = 1 where u_h < σ(β' z_h),  v = 1 where u_v < σ(b_β' + β' h Wᵀ)      (6)   one Gibbs step at β'
    log_z   = log (1/M Σ_m w_m)                                                  (7)   log_w begins with log_z_0
    error   = 3 s / √M                                                           (8)   s: standard deviation of w / Z
    low     = log_z + log(1 - error),  high = log_z + log(1 + error)             (9)

Shapes: params an RBM's, W (D, H), b_v (D,), b_h (H,); b_0 (D,); M chains v (M, D) and log_w (M,); betas (K+1,) for K
    moves from one β to the next; uniforms u (M, D), u_v (K, M, D), u_h (K, M, H).

Units: log_w, log_z, low and high are in nats.

Variant: the start is the base-rate model of Salakhutdinov & Murray: visible biases b_0, best those of the data's mean
    (rbm_visible_bias), no weights, no hidden biases. ais_anneal may be called part by part: the last β of one part is
    the first of the next. log_w contains log_z_0, so that the mean of w is Z itself. s² is divided by M - 1; low is
    -∞ where three standard errors exceed the mean.

Differs:
    Neal: the mean of w estimates the ratio Z / Z_0; log_w begins with 0 there.

Relation: estimates rbm's equation (9), which is exact but needs a sum over all states of the smaller side.

Raises: ValueError if sizes or dtypes disagree, if a β is outside [0, 1], if there is no chain or no move, or if there
    are fewer than two weights to estimate an error from.

Reference: Neal, "Annealed importance sampling", Statistics and Computing 11 (2001), arXiv:physics/9803008;
    Salakhutdinov & Murray, "On the quantitative analysis of deep belief networks", ICML 2008.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from numpy_impl import losses
from numpy_impl.activations import sigmoid, softplus
from numpy_impl.generative.rbm import RBMParams, rbm_sample
from shared.support.shapes import Range, checked


class AISState(NamedTuple):
    v: Float[Array, "M D"]
    log_w: Float[Array, "M"]


class AISEstimate(NamedTuple):
    log_z: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]


@checked(M=1)
def ais_start(params: RBMParams, b_0: Float[Array, "D"], u: Float[Array, "M D"]) -> AISState:
    log_z_0 = params.b_h.shape[0] * math.log(2) + np.sum(softplus(b_0))  # (3)
    v = rbm_sample(sigmoid(b_0), u)  # (4)
    return AISState(v, log_w=log_z_0 + np.zeros(u.shape[0], u.dtype))


@checked(M=1, K=1)
def ais_anneal(
    params: RBMParams,
    b_0: Float[Array, "D"],
    state: AISState,
    betas: Annotated[Float[Array, "K+1"], Range("[0, 1]")],
    u_v: Float[Array, "K M D"],
    u_h: Float[Array, "K M H"],
) -> AISState:
    v, log_w = state
    for beta, after, u_visible, u_hidden in zip(betas[:-1], betas[1:], u_v, u_h, strict=True):
        z_h = v @ params.W + params.b_h
        log_w = log_w + _free_energy(params, b_0, v, z_h, beta) - _free_energy(params, b_0, v, z_h, after)  # (5)
        h = rbm_sample(sigmoid(after * z_h), u_hidden)  # (6)
        z_v = _bias(params, b_0, after) + after * (h @ params.W.T)
        v = rbm_sample(sigmoid(z_v), u_visible)  # (6)
    return AISState(v, log_w)


def _free_energy(params, b_0, v, z_h, beta):
    return -(v @ _bias(params, b_0, beta)) - np.sum(softplus(beta * z_h), axis=1)  # (2)


def _bias(params, b_0, beta):
    return (1 - beta) * b_0 + beta * params.b_v  # (1)


@checked(M=2)
def ais_log_partition(log_w: Float[Array, "M"]) -> AISEstimate:
    M = log_w.shape[0]
    log_z = losses.logsumexp(log_w)[0] - math.log(M)  # (7)
    w = np.exp(log_w - log_z)  # over Z: their mean is 1
    error = 3 * np.sqrt(np.sum((w - 1) * (w - 1)) / (M - 1) / M)  # (8)
    with np.errstate(divide="ignore"):  # log 0 is -∞
        low, high = log_z + np.log(np.maximum(1 - error, 0)), log_z + np.log(1 + error)  # (9)
    return AISEstimate(log_z, low, high)
