"""Oracle: the same draws taken unit by unit in NumPy, with energies from sums over every hidden state, and scipy's
logsumexp; that the estimate meets the exact log Z is tested in tests/algorithms/test_energy_models.py."""

from itertools import pairwise

import numpy as np

from numpy_impl.generative.ais import AISEstimate, AISState
from numpy_impl.generative.rbm import RBMParams
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._layers import bits
from shared.cases.generative._rbm_chains import sample, sigmoid
from shared.cases.generative.rbm import weights
from shared.differences import RUN

SMALLEST = {"M": 1, "D": 1, "H": 1, "K": 1}


def tempered(params, b_0, beta):
    """The RBM at β."""
    return RBMParams(beta * params.W, (1 - beta) * b_0 + beta * params.b_v, beta * params.b_h)


def log_probability(params, v):
    """log Σ_h e^(-E(v, h)) of every row, not normalised, from the energies of all h."""
    from scipy.special import logsumexp

    n = len(params.b_h)
    h = (np.arange(2**n)[:, None] >> np.arange(n)) % 2.0
    return logsumexp((v @ params.b_v)[:, None] + h @ params.b_h + v @ params.W @ h.T, axis=1)


def start(params, b_0, u):
    from scipy.special import logsumexp

    independent = RBMParams(0 * params.W, b_0, 0 * params.b_h)
    n = len(b_0)
    every = (np.arange(2**n)[:, None] >> np.arange(n)) % 2.0
    log_z = logsumexp(log_probability(independent, every))
    return AISState(sample(np.broadcast_to(sigmoid(b_0), u.shape), u), np.full(len(u), log_z))


def anneal(params, b_0, state, betas, u_v, u_h):
    v, log_w = state
    for step, (before, after) in enumerate(pairwise(betas)):
        here, there = (tempered(params, b_0, beta) for beta in (before, after))
        log_w = log_w + log_probability(there, v) - log_probability(here, v)
        h = sample(sigmoid(v @ there.W + there.b_h), u_h[step])
        v = sample(sigmoid(h @ there.W.T + there.b_v), u_v[step])
    return AISState(v, log_w)


def estimate(log_w):
    from scipy.special import logsumexp

    m = len(log_w)
    log_z = logsumexp(log_w) - np.log(m)
    relative = 3 * np.std(np.exp(log_w - log_z), ddof=1) / np.sqrt(m)
    low = log_z + np.log1p(-relative) if relative < 1 else -np.inf
    return AISEstimate(log_z, np.asarray(low), log_z + np.log1p(relative))


def cases(draw, M=3, D=4, H=5, K=6):
    params, b_0 = weights(draw, D, H), draw(D)
    yield Case("ais_start", (params, b_0, draw.uniform(M, D)), start, grad=False)
    state = AISState(bits(draw, M, D), draw(M))
    betas = np.sort(draw.uniform(K + 1))
    u_h, u_v = draw.uniform(K, M, H), draw.uniform(K, M, D)
    args = (params, b_0, state, betas, u_v, u_h)
    yield Case("ais_anneal", args, anneal, grad=False, tolerance=RUN)
    yield Case("ais_log_partition", (5 + 0.1 * draw(M + 1),), estimate, grad=False)


def in_parts(ais, params, b_0, u, betas, u_v, u_h):
    """Two parts, the last β of one the first of the other: must equal the whole."""
    state = ais.ais_start(params, b_0, u)
    state = ais.ais_anneal(params, b_0, state, betas[:3], u_v[:2], u_h[:2])
    return ais.ais_anneal(params, b_0, state, betas[2:], u_v[2:], u_h[2:])


def whole(params, b_0, u, betas, u_v, u_h):
    return anneal(params, b_0, start(params, b_0, u), betas, u_v, u_h)


def nasty(draw):
    M, D, H, K = 3, 4, 2, 5
    noise = draw.uniform(K, M, D), draw.uniform(K, M, H)
    params, betas = weights(draw, D, H), np.linspace(0, 1, K + 1)
    args = (params, draw(D), draw.uniform(M, D), betas, *noise)
    yield Case(in_parts, args, whole, grad=False, tolerance=RUN, name="from 0 to 1")
    huge = RBMParams(*(1e3 * np.sign(x) for x in params))
    args = (huge, draw(D), AISState(bits(draw, M, D), np.zeros(M)), betas, *noise)
    yield Case("ais_anneal", args, anneal, grad=False, tolerance=RUN, name="weights of 1000 or -1000")
    never, zero = np.array([-2e3, 2e3, 0.0, 1.0]), np.zeros((M, D))
    yield Case("ais_start", (params, never, zero), start, grad=False, name="p exactly 0 and 1, u = 0")
    off = RBMParams(W=np.zeros((D, H)), b_v=10 * never, b_h=np.array([-2e4, 2e4]))
    off.W[2, 0] = 10  # shows when the hidden unit that is never on is on
    args = (off, 10 * never, AISState(zero, np.zeros(M)), betas, np.full((K, M, D), 0.5), np.zeros((K, M, H)))
    yield Case("ais_anneal", args, anneal, grad=False, tolerance=RUN, name="p exactly 0 and 1, u = 0")
    args = (params, draw(D), AISState(bits(draw, M, D), draw(M)), betas[[2, 2]], noise[0][:1], noise[1][:1])
    yield Case("ais_anneal", args, anneal, grad=False, tolerance=RUN, name="the same β again")
    yield Case("ais_log_partition", (np.array([1e4, 1e4 + 1, 1e4 - 1]),), estimate, grad=False, name="huge weights")
    yield Case("ais_log_partition", (np.array([0.0, 50.0]),), estimate, grad=False, name="error above the mean")
    yield Case("ais_log_partition", (np.full(4, -3.0),), estimate, grad=False, name="all weights equal")


def bad(draw):
    params, b_0, state = weights(draw, 4, 3), draw(4), AISState(bits(draw, 2, 4), draw(2))
    betas, noise = np.array([0.0, 0.5, 1.0]), (draw.uniform(2, 2, 4), draw.uniform(2, 2, 3))
    yield Bad("ais_start", (params, draw(3), draw.uniform(2, 4)), r"b_0 has shape \(3,\), expected .* D = 4")
    yield Bad("ais_start", (params, b_0, draw.uniform(0, 4)), "M at least 1")
    yield Bad("ais_anneal", (params, b_0, state, betas[:2], *noise), r"betas has shape \(2,\), .* K\+1 = 3")
    yield Bad(
        "ais_anneal", (params, b_0, state, 2 * betas, *noise), r"betas holds 2.0 at \[2\], expected in \[0, 1\]"
    )
    few = noise[0], noise[1][:, :1]
    yield Bad("ais_anneal", (params, b_0, state, betas, *few), r"u_h has shape \(2, 1, 3\), expected .* M = 2")
    none = betas[:1], noise[0][:0], noise[1][:0]
    yield Bad("ais_anneal", (params, b_0, state, *none), r"u_v has shape \(0, 2, 4\), expected .* K at least 1")
    yield Bad("ais_log_partition", (draw(1),), r"log_w has shape \(1,\), expected .* M at least 2")


MUTANTS = [
    Mutant("params.b_h.shape[0] * math.log(2) + np.sum", "np.sum",
           "The hidden units of the model without weights left out of its Z: 2^H states weigh the same."),
    Mutant("+ np.sum(softplus(b_0))", "+ np.sum(b_0)", "log Z_0 from the biases instead of from log(1 + e^b)."),
    Mutant("v = rbm_sample(sigmoid(b_0), u)", "v = rbm_sample(sigmoid(0 * b_0), u)",
           "Chains that start at a coin's toss while the weights speak of b_0."),
    Mutant("_free_energy(params, b_0, v, z_h, beta) - _free_energy(params, b_0, v, z_h, after)",
           "_free_energy(params, b_0, v, z_h, after) - _free_energy(params, b_0, v, z_h, beta)",
           "Weights upside down: p_before / p_after estimates Z_0 and not Z."),
    Mutant("rbm_sample(sigmoid(after * z_h), u_hidden)", "rbm_sample(sigmoid(beta * z_h), u_hidden)",
           "Off by one: the Gibbs step is taken at the old β, where the chain already is."),
    Mutant("rbm_sample(sigmoid(after * z_h), u_hidden)", "rbm_sample(sigmoid(z_h), u_hidden)",
           "The hidden units at β = 1 all the way: the chain leaves the path that its weights are for."),
    Mutant("after * (h @ params.W.T)", "h @ params.W.T", "The temperature in one half of the Gibbs step only."),
    Mutant("rbm_sample(sigmoid(after * z_h), u_hidden)", "sigmoid(after * z_h)",
           "Hidden units as probabilities: this is not a Gibbs step, and no p_β is left as it was."),
    Mutant("rbm_sample(sigmoid(after * z_h), u_hidden)", "1.0 * (u_hidden <= sigmoid(after * z_h))",
           "Not strictly less: a unit whose probability is 0 fires when u is 0."),
    Mutant("softplus(beta * z_h)", "beta * softplus(z_h)", "β pulled out of the softplus, as if that were linear."),
    Mutant("(1 - beta) * b_0 + beta * params.b_v", "b_0 + beta * params.b_v",
           "The biases of the start stay to the end: the path does not lead to the RBM."),
    Mutant("log_w = log_w + _free", "log_w = 0 * log_w + _free", "Only the last move counts."),
    Mutant("losses.logsumexp(log_w)[0]", "np.log(np.sum(np.exp(log_w)))", "e^(log w) without a shift overflows."),
    Mutant("losses.logsumexp(log_w)[0] - math.log(M)", "np.mean(log_w)",
           "The mean of the logarithms is a lower bound, not an estimate of log Z."),
    Mutant("/ (M - 1) / M)", "/ (M - 1))",
           "The spread of one weight taken for the error of their mean."),
    Mutant("3 * np.sqrt(", "np.sqrt(", "One standard error where three are meant."),
    Mutant("losses.logsumexp(log_w)[0] - math.log(M)", "losses.logsumexp(log_w)[0]",
           "The sum of the weights for their mean: log M too much."),
]  # fmt: skip
