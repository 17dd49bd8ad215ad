"""Oracle: sums over every state, and autograd of a difference of free energies, in torch and float64; scikit-learn's
BernoulliRBM, with given uniforms for its random numbers, as a second opinion."""

import numpy as np

from numpy_impl.generative.rbm import RBMParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.generative import _enumeration as exact
from shared.cases.generative._layers import bits
from shared.cases.generative._rbm_chains import cd, gibbs, pcd, sample, sklearn_gibbs, sklearn_pcd
from shared.cases.generative._rbm_oracles import (
    energy,
    hidden,
    initial,
    pseudo_likelihood,
    sklearn_free_energy,
    sklearn_hidden,
    sklearn_pseudo_likelihood,
    visible,
    visible_bias,
)

SMALLEST = {"N": 1, "M": 1, "D": 1, "H": 1, "k": 1}


def weights(draw, D, H, scale=1.0):
    return RBMParams(W=scale * draw(D, H), b_v=scale * draw(D), b_h=scale * draw(H))


def cases(draw, N=4, M=3, D=5, H=6, k=2):
    params = weights(draw, D, H)
    v, h = draw.uniform(N, D), draw.uniform(N, H)
    yield Case("rbm_energy", (params, v, h), energy)
    yield Case(
        "rbm_free_energy", (params, draw(N, D)), exact.rbm_free_energy, second={"sklearn": sklearn_free_energy}
    )
    yield Case("rbm_hidden", (params, v), hidden, second={"sklearn": sklearn_hidden})
    yield Case("rbm_visible", (params, h), visible)
    v, chains = bits(draw, N, D), bits(draw, M, H)
    u_h, u_v = draw.uniform(k, N, H), draw.uniform(k, N, D)
    yield Case("rbm_gibbs", (params, v, u_v, u_h), gibbs, grad=False, second={"sklearn": sklearn_gibbs})
    soft = 0.05 + 0.9 * v  # of chains that came back to bits nothing would be left but rounding
    yield Case("rbm_cd", (params, soft, u_v, u_h), cd, grad=False)
    p, u_h, u_v = draw.uniform(N, D), draw.uniform(1, N, H), draw.uniform(1, N, D)
    yield Case("rbm_cd", (params, p, u_v, u_h), cd, grad=False, name="one step from probabilities")
    args = (params, soft, chains, draw.uniform(k, M, D), draw.uniform(k, M, H))
    yield Case("rbm_pcd", args, pcd, grad=False)
    args = (params, soft, bits(draw, N, H), draw.uniform(1, N, D), draw.uniform(1, N, H))
    yield Case("rbm_pcd", args, pcd, grad=False, name="as scikit-learn", second={"sklearn": sklearn_pcd})
    args = (params, draw.uniform(N, D), draw.integers(D, N))
    yield Case("rbm_pseudo_likelihood", args, pseudo_likelihood)
    args = (params, v, draw.integers(D, N))
    second = {"sklearn": sklearn_pseudo_likelihood}
    yield Case("rbm_pseudo_likelihood", args, pseudo_likelihood, name="of bits", second=second)
    yield Case("rbm_log_partition", (params,), exact.rbm_log_partition)
    yield Case("rbm_log_partition", (weights(draw, D + 2, H),), exact.rbm_log_partition, name="more visible units")
    p = draw.uniform(D)
    p[0] = 0
    yield Case("rbm_visible_bias", (p,), visible_bias, {"least": 0.1}, grad=False)
    yield Case("rbm_init", (Seed(5), D, H), initial, {"dtype": "float64"}, grad=False)
    yield Case("rbm_sample", (draw.uniform(N, D), draw.uniform(N, D)), sample, grad=False)


def nasty(draw):
    huge = RBMParams(*(1e3 * np.sign(x) for x in weights(draw, 5, 4)))
    v, h, u_h, u_v = bits(draw, 3, 5), bits(draw, 3, 4), draw.uniform(2, 3, 4), draw.uniform(2, 3, 5)
    name = "weights of 1000 or -1000"
    yield Case("rbm_energy", (huge, v, h), energy, name=name)
    yield Case("rbm_free_energy", (huge, v), exact.rbm_free_energy, name=name)
    yield Case("rbm_hidden", (huge, v), hidden, name=name)
    yield Case("rbm_pseudo_likelihood", (huge, v, np.array([0, 4, 2])), pseudo_likelihood, name=name)
    yield Case("rbm_log_partition", (huge,), exact.rbm_log_partition, name=name)
    yield Case("rbm_cd", (huge, v, u_v, u_h), cd, grad=False, name=name)
    never = RBMParams(W=np.zeros((3, 2)), b_v=np.array([-2e3, 2e3, 0.0]), b_h=np.array([-2e3, 2e3]))
    zero = np.zeros((1, 2, 3)), np.zeros((1, 2, 2))
    name = "p exactly 0 and 1, u = 0"
    yield Case("rbm_cd", (never, bits(draw, 2, 3), *zero), cd, grad=False, name=name)
    yield Case("rbm_pcd", (never, bits(draw, 2, 3), bits(draw, 2, 2), *zero), pcd, grad=False, name=name)
    half = RBMParams(*(0 * x for x in never))
    args = (half, bits(draw, 2, 3), zero[0] + 0.5, zero[1] + 0.5)
    yield Case("rbm_gibbs", args, gibbs, grad=False, name="u equal to p")
    for name, N, M, D, H in (
        ("one hidden unit", 3, 2, 4, 1),
        ("one visible unit", 3, 2, 1, 4),
        ("sizes one", 1, 1, 1, 1),
        ("more chains than examples", 1, 5, 3, 4),
    ):
        params = weights(draw, D, H)
        args = (params, bits(draw, N, D), bits(draw, M, H), draw.uniform(3, M, D), draw.uniform(3, M, H))
        yield Case("rbm_pcd", args, pcd, grad=False, name=name)
        yield Case("rbm_log_partition", (params,), exact.rbm_log_partition, name=name)
    params = weights(draw, 4, 3)
    params.W[1], params.W[:, 2] = 0, 0
    args = (params, bits(draw, 3, 4), draw.uniform(2, 3, 4), draw.uniform(2, 3, 3))
    yield Case("rbm_cd", args, cd, grad=False, name="units without connections")
    yield Case("rbm_log_partition", (params,), exact.rbm_log_partition, name="units without connections")
    yield Case("rbm_free_energy", (params, draw(0, 4)), exact.rbm_free_energy, name="no examples")
    ends = np.array([0.0, 1.0, 0.5])
    yield Case("rbm_visible_bias", (ends,), visible_bias, grad=False, name="never and always")


def bad(draw):
    params, v, h = weights(draw, 4, 3), bits(draw, 2, 4), bits(draw, 2, 3)
    u_h, u_v = draw.uniform(2, 2, 3), draw.uniform(2, 2, 4)
    yield Bad("rbm_energy", (params, v, h[:1]), r"h has shape \(1, 3\), expected \(N, H\) with N = 2, as in v")
    yield Bad("rbm_free_energy", (params, h), r"v has shape \(2, 3\), expected .* D = 4, as in params.W")
    yield Bad("rbm_free_energy", (params._replace(b_h=draw(4)), v), r"params.b_h has shape \(4,\), .* H = 3")
    yield Bad("rbm_free_energy", (params, v.astype(int)), "v has dtype int64, expected float")
    yield Bad("rbm_hidden", (params, v.astype("float32")), "v has dtype float32, expected float64")
    yield Bad("rbm_cd", (params, v, u_v, u_h[:1]), r"u_h has shape \(1, 2, 3\), expected .* k = 2, as in u_v")
    yield Bad("rbm_cd", (params, v, u_v[:0], u_h[:0]), r"u_v has shape \(0, 2, 4\), expected .* k at least 1")
    yield Bad("rbm_cd", (params, v[:0], u_v[:, :0], u_h[:, :0]), "N at least 1")
    yield Bad("rbm_pcd", (params, v, h[:0], u_v[:, :0], u_h[:, :0]), "M at least 1")
    yield Bad("rbm_pcd", (params, v, h, u_h, u_v), r"u_v has shape \(2, 2, 3\), expected .* D = 4")
    yield Bad("rbm_pseudo_likelihood", (params, v, np.array([0, 4])), r"flip holds 4 at \[1\], expected .* < 4")
    yield Bad("rbm_log_partition", (weights(draw, 21, 22),), "b has 21 units to sum over, expected at most 20")
    yield Bad("rbm_sample", (v, h), r"u has shape \(2, 3\), expected \(N, D\) with D = 4, as in p")
    yield Bad("rbm_visible_bias", (v[0],), r"least is 0, expected in \(0, inf\)", {"least": 0})


MUTANTS = [
    Mutant("- (h @ params.b_h) - np.sum((v @", "+ (h @ params.b_h) - np.sum((v @",
           "Thresholds in place of biases: the papers of the eighties have +θ s in the energy."),
    Mutant("np.sum((v @ params.W) * h, axis=1)  # (1)", "np.sum((v @ params.W) * h, axis=1) / 2  # (1)",
           "The ½ of the symmetric Boltzmann machine: here every pair stands in W once."),
    Mutant("-(v @ params.b_v) - np.sum(softplus(z_h), axis=1)", "-(v @ params.b_v) + np.sum(softplus(z_h), axis=1)",
           "The hidden units' part of the free energy with the wrong sign."),
    Mutant("np.sum(softplus(z_h), axis=1)  # (3)", "np.sum(np.log(1 + np.exp(z_h)), axis=1)  # (3)",
           "log(1 + e^z) as written on paper: infinite as soon as z passes 710, in float32 88."),
    Mutant("-(v @ params.b_v) - np.sum(softplus(z_h), axis=1)", "-np.sum(softplus(z_h), axis=1)",
           "The visible biases left out of the free energy."),
    Mutant("d_z_h, d_b_v = -d_free_energy[:, None]", "d_z_h, d_b_v = d_free_energy[:, None]",
           "∂F/∂W with the sign of its expectation: the model learns to dislike the data."),
    Mutant("d_z_h @ params.W.T - d_free_energy[:, None] * params.b_v", "d_z_h @ params.W.T",
           "The gradient for v forgets that v meets its bias as well."),
    Mutant("p_v = sigmoid(z_v)  # (6)", "p_v = z_v  # (6)",
           "Visible units taken for Gaussian ones, whose mean this is."),
    Mutant("return (u < p).astype(u.dtype)", "return (u <= p).astype(u.dtype)",
           "Not strictly less: a unit whose probability is exactly 0 fires when u is 0, which does occur."),
    Mutant("return (u < p).astype(u.dtype)", "return (u > p).astype(u.dtype)", "On with probability 1 - p."),
    Mutant("return (u < p).astype(u.dtype)", "return p",
           "Mean field: probabilities handed on where states belong, so the chain does not sample the model."),
    Mutant("h = rbm_sample(p_h, u_hidden)\n        v_k", "h = p_h\n        v_k",
           "The hidden units drive the reconstruction with real numbers: more than one bit each gets through."),
    Mutant("h = rbm_sample(p_h, u_hidden)\n        v_k = rbm_sample(rbm_visible(params, h)[0], u_visible)",
           "h = rbm_sample(p_h, u_hidden)\n        v_k = rbm_visible(params, h)[0]",
           "Visible units as probabilities in the chain: another estimate, on average too, than with samples."),
    Mutant("    return _gradient(v, p_data, v_k, p_h), v_k", "    return _gradient(v, p_data, v_k, h), v_k",
           "Sampled hidden units in the statistics, one half step too early besides."),
    Mutant("    return _gradient(v, p_data, v_k, p_h), v_k", "    return _gradient(v, h, v_k, p_h), v_k",
           "A sample in the statistics of the data: right on average for one step, but noisier for nothing."),
    Mutant("p_h, v_k = p_data, v\n", "p_h, v_k, u_v, u_h = p_data, v, u_v[1:], u_h[1:]\n",
           "Off by one: k - 1 steps."),
    Mutant("p_h, v_k = p_data, v\n", "p_h, v_k = 0 * p_data + 0.5, v\n",
           "The chain of CD starts anywhere instead of at the data."),
    Mutant("rbm_hidden(params, v)[0], v_k, p_h), h", "rbm_hidden(params, v)[0], v_k, p_h), p_h",
           "The persistent chains keep probabilities instead of states."),
    Mutant("W=v_k.T @ (p_k / len(v_k)) - v.T @ (p_data / len(v))",
           "W=v.T @ (p_data / len(v)) - v_k.T @ (p_k / len(v_k))",
           "The direction of the textbooks, uphill, given to an optimizer that goes downhill."),
    Mutant("v_k.T @ (p_k / len(v_k))", "v_k.T @ (p_k / len(v))",
           "Both sums divided by the number of examples: wrong whenever the chains are more or fewer (scikit-learn's "
           "last batch)."),
    Mutant("np.mean(v_k, axis=0) - np.mean(v, axis=0)", "np.sum(v_k, axis=0) - np.sum(v, axis=0)",
           "Sums for the biases, means for the weights: biases that learn N times as fast."),
    Mutant("pseudo = -v.shape[1] * softplus(gap)", "pseudo = -softplus(gap)",
           "The factor D forgotten: one unit's logarithm is not the whole of the pseudo-likelihood."),
    Mutant("pseudo = -v.shape[1] * softplus(gap)", "pseudo = -v.shape[1] * softplus(-gap)",
           "The flipped example scored instead of the example."),
    Mutant("boltzmann_machine_states(params.b_v))", "boltzmann_machine_states(params.b_v)[1:])",
           "The state of all zeros left out of the sum."),
    Mutant("losses.logsumexp(-energies)", "(np.log(np.sum(np.exp(-energies))), losses.logsumexp(-energies)[1])",
           "e^(-energy) without a shift overflows."),
    Mutant("b_v=params.b_h, b_h=params.b_v)", "b_v=params.b_v, b_h=params.b_h)",
           "Sides changed in W and not in the biases."),
    Mutant("return np.log(p / (1 - p))", "return np.log(p)", "The bias is the logit of p, not its logarithm."),
    Mutant("rng.normal(0, 0.01, (n_visible", "rng.normal(0, 0.1, (n_visible",
           "Weights ten times too large at the start: hidden units saturate before they have learned."),
    Mutant("d_W, d_b_h = v.T @ d_z_h, np.sum(d_z_h, axis=0)", "d_W, d_b_h = v.T @ d_z_h, np.sum(d_z_h, axis=1)",
           "The hidden biases' gradient summed over the units instead of the examples."),
    Mutant("d_z_v = d_p_v * p_v * (1 - p_v)", "d_z_v = d_p_v * p_v",
           "Half of the sigmoid's derivative: the factor 1 - p dropped."),
    Mutant("d_v = -d_energy[:, None] * (params.b_v + h @ params.W.T)", "d_v = -d_energy[:, None] * (h @ params.W.T)",
           "The energy's gradient for v without the bias term."),
    Mutant("np.where(cache.flipped, -d_rows[N:], d_rows[N:])", "d_rows[N:]",
           "Where a unit was flipped, 1 - v, its gradient changes sign."),
    Mutant("_swapped(d_params) if cache.swapped else d_params", "d_params",
           "The gradients of the two sides not swapped back."),
]  # fmt: skip
