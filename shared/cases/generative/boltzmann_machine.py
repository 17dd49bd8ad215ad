"""Oracle: sums over every state and autograd of their logarithms, in torch and float64; Gibbs sampling from
differences of energies, one unit of one chain at a time."""

import numpy as np

from numpy_impl.generative.boltzmann_machine import BoltzmannMachineParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._enumeration import states
from shared.cases.generative._layers import bits

SMALLEST = {"N": 1, "M": 1, "V": 1, "H": 0, "R": 1}


def energy(params, s):
    """Pair by pair."""
    total = -(s @ params.b)
    for j in range(len(params.b)):
        for i in range(j):
            total = total - params.W[i, j] * s[:, i] * s[:, j]
    return total


def every_state(b):
    """Row k is k in binary digits."""
    return np.array([[float(digit) for digit in f"{k:0{len(b)}b}"[: len(b)]] for k in range(2 ** len(b))])


def log_partition(params):
    import torch

    return torch.logsumexp(-energy(params, states(len(params.b), params.b)), 0)


def log_likelihood(params, v):
    import torch

    h = states(len(params.b) - v.shape[1], v)
    rows = [torch.logsumexp(-energy(params, torch.cat([row.expand(len(h), -1), h], 1)), 0) for row in v]
    return torch.stack([*rows, log_partition(params)])[:-1] - log_partition(params)


def loss(params, v):
    return -log_likelihood(params, v).mean()


def gibbs(params, s, u, temperatures, *, free):
    """p(s_i = 1) from the energies of the state with s_i = 1 and with s_i = 0."""
    s = s.copy()
    for sweep, temperature in enumerate(temperatures):
        for chain in range(len(s)):
            for i in free:
                off, on = s[chain].copy(), s[chain].copy()
                off[i], on[i] = 0, 1
                gap = np.diff(energy(params, np.stack([off, on])))[0]
                s[chain, i] = u[sweep, chain, i] < np.exp(-np.logaddexp(0, gap / temperature))
    return s


def statistics(s):
    W = np.zeros((s.shape[1], s.shape[1]))
    for j in range(s.shape[1]):
        for i in range(j):
            W[i, j] = np.mean(s[:, i] * s[:, j])
    return BoltzmannMachineParams(W, s.mean(axis=0))


def gradient(s_clamped, s_free):
    """Of the mean energy of the clamped states less that of the free ones, by autograd."""
    import torch

    n = s_free.shape[1]
    params = BoltzmannMachineParams(torch.zeros(n, n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64))
    for leaf in params:
        leaf.requires_grad_()
    gap = energy(params, torch.tensor(s_clamped)).mean() - energy(params, torch.tensor(s_free)).mean()
    grads = torch.autograd.grad(gap, params, allow_unused=True)
    return BoltzmannMachineParams(*(np.zeros((n, n)) if g is None else g.numpy() for g in grads))


def initial(rng, n_units, dtype):
    W = 0.1 * np.random.default_rng(rng.seed).standard_normal((n_units, n_units))
    W[np.tril_indices(n_units)] = 0
    return BoltzmannMachineParams(W, np.zeros(n_units))


def weights(draw, n):
    """Numbers on the diagonal and below it as well, which must not be read."""
    return BoltzmannMachineParams(W=draw(n, n), b=draw(n))


def cases(draw, N=4, M=3, V=3, H=2, R=3):
    n = V + H
    params = weights(draw, n)
    yield Case("boltzmann_machine_energy", (params, draw(N, n)), energy)
    temperatures = np.sort(0.3 + draw.uniform(R))[::-1].copy()
    args = (params, bits(draw, N, n), draw.uniform(R, N, n), temperatures)
    yield Case("boltzmann_machine_gibbs", args, gibbs, {"free": tuple(range(n))}, grad=False)
    half = tuple(range(n - 1, -1, -2))
    yield Case(
        "boltzmann_machine_gibbs", args, gibbs, {"free": half}, grad=False, name="half of the units, backwards"
    )
    yield Case("boltzmann_machine_statistics", (bits(draw, N, n),), statistics, grad=False)
    yield Case("boltzmann_machine_gradient", (draw.uniform(N, n), bits(draw, M, n)), gradient, grad=False)
    yield Case("boltzmann_machine_log_partition", (params,), log_partition)
    yield Case("boltzmann_machine_log_likelihood", (params, draw.uniform(N, V)), log_likelihood)
    yield Case("boltzmann_machine_loss", (params, bits(draw, N, V)), loss)
    yield Case("boltzmann_machine_states", (draw(n),), every_state, grad=False)
    yield Case("boltzmann_machine_init", (Seed(7), n), initial, {"dtype": "float64"}, grad=False)


def nasty(draw):
    huge = BoltzmannMachineParams(*(1e3 * np.sign(x) for x in weights(draw, 5)))
    s, u, free = bits(draw, 3, 5), draw.uniform(4, 3, 5), {"free": (0, 1, 2, 3, 4)}
    name, cold = "weights of 1000 or -1000", np.array([10.0, 1.0, 1e-3, 1e-3])
    yield Case("boltzmann_machine_energy", (huge, s), energy, name=name)
    yield Case("boltzmann_machine_gibbs", (huge, s, u, cold), gibbs, free, grad=False, name=name)
    yield Case("boltzmann_machine_log_partition", (huge,), log_partition, name=name)
    yield Case("boltzmann_machine_loss", (huge, s[:, :3]), loss, name=name)
    one = BoltzmannMachineParams(W=draw(1, 1), b=draw(1))
    args = (one, bits(draw, 2, 1), draw.uniform(3, 2, 1), np.ones(3))
    yield Case("boltzmann_machine_gibbs", args, gibbs, {"free": (0,)}, grad=False, name="one unit")
    yield Case("boltzmann_machine_energy", (one, bits(draw, 2, 1)), energy, name="one unit")
    yield Case("boltzmann_machine_loss", (one, bits(draw, 2, 1)), loss, name="one unit")
    yield Case(
        "boltzmann_machine_gradient", (bits(draw, 2, 1), bits(draw, 3, 1)), gradient, grad=False, name="one unit"
    )
    lonely = weights(draw, 4)
    lonely.W[1], lonely.W[:, 1], lonely.b[1] = 0, 0, 0
    yield Case("boltzmann_machine_loss", (lonely, bits(draw, 3, 2)), loss, name="a unit without connections")
    edge = BoltzmannMachineParams(W=np.zeros((4, 4)), b=np.array([-2e3, 2e3, 0.0, 0.0]))
    u = np.stack([np.zeros((2, 4)), np.full((2, 4), 0.5)])
    args = (edge, bits(draw, 2, 4), u, np.ones(2))
    free = {"free": (0, 1, 2, 3)}
    yield Case("boltzmann_machine_gibbs", args, gibbs, free, grad=False, name="p exactly 0 and 1, u = 0, u = p")
    params = weights(draw, 4)
    args = (params, bits(draw, 2, 4), draw.uniform(2, 2, 4), np.ones(2))
    yield Case("boltzmann_machine_gibbs", args, gibbs, {"free": (2,)}, grad=False, name="one free unit")
    args = (params, bits(draw, 0, 4), draw.uniform(2, 0, 4), np.ones(2))
    yield Case("boltzmann_machine_gibbs", args, gibbs, free, grad=False, name="no chains")
    yield Case("boltzmann_machine_log_likelihood", (params, bits(draw, 3, 4)), log_likelihood, name="no hidden units")
    args = (params, bits(draw, 3, 4), draw.uniform(30, 3, 4), np.geomspace(10, 0.1, 30))
    yield Case("boltzmann_machine_gibbs", args, gibbs, free, grad=False, name="thirty sweeps of annealing")
    args = (params, bits(draw, 20, 4), draw.uniform(3, 20, 4), np.array([0.5, 20.0, 5.0]))
    yield Case("boltzmann_machine_gibbs", args, gibbs, free, grad=False, name="twenty chains that end hot")


def bad(draw):
    params, s, free = weights(draw, 4), bits(draw, 2, 4), {"free": (0, 1)}
    u, ones = draw.uniform(3, 2, 4), np.ones(3)
    yield Bad(
        "boltzmann_machine_energy", (params._replace(W=draw(4, 3)), s), r"params.W has shape \(4, 3\), .* n = 4"
    )
    yield Bad("boltzmann_machine_energy", (params, s[:, :3]), r"s has shape \(2, 3\), expected .* n = 4")
    far, none = {"free": (0, 4)}, {"free": ()}
    yield Bad("boltzmann_machine_gibbs", (params, s, u, ones), "free holds 4, expected units from 0 to 3", far)
    yield Bad("boltzmann_machine_gibbs", (params, s, u, ones), "free is tuple of length 0", none)
    yield Bad(
        "boltzmann_machine_gibbs", (params, s, u, 0 * ones), r"temperatures holds 0.0 at \[0\], .* \(0, inf\)", free
    )
    yield Bad("boltzmann_machine_gibbs", (params, s, u, ones[:2]), r"temperatures has shape \(2,\), .* R = 3", free)
    yield Bad("boltzmann_machine_gibbs", (params, s, u[:0], ones[:0]), "R at least 1", free)
    yield Bad("boltzmann_machine_gradient", (s, s[:, :3]), r"s_free has shape \(2, 3\), expected .* n = 4")
    yield Bad("boltzmann_machine_statistics", (s[:0],), "N at least 1")
    yield Bad(
        "boltzmann_machine_loss", (params, bits(draw, 2, 5)), r"v has shape \(2, 5\), expected at most 4 columns"
    )
    yield Bad("boltzmann_machine_loss", (params, s[:0]), "N at least 1")
    yield Bad(
        "boltzmann_machine_log_partition", (weights(draw, 21),), "b has 21 units to sum over, expected at most 20"
    )
    yield Bad("boltzmann_machine_states", (draw(21),), "b has 21 units to sum over, expected at most 20")


MUTANTS = [
    Mutant("energy = -np.sum((s @ np.triu(params.W, 1)) * s", "energy = -np.sum((s @ _symmetric(params.W)) * s",
           "Each pair counted twice: the ½ before sᵀW s forgotten."),
    Mutant("energy = -np.sum((s @ np.triu(params.W, 1)) * s", "energy = -np.sum((s @ np.triu(params.W)) * s",
           "A diagonal that is not zero: units that excite themselves."),
    Mutant("* s, axis=1) - s @ params.b", "* s, axis=1) + s @ params.b",
           "The paper's thresholds, +θ s, filled with biases."),
    Mutant("energy = -np.sum(", "energy = np.sum(", "Weights that repel where they should attract."),
    Mutant("d_W = np.triu(-s.T @ (d_energy[:, None] * s), 1)", "d_W = -s.T @ (d_energy[:, None] * s)",
           "A gradient for the whole matrix: a number for each pair in two places, and a diagonal."),
    Mutant("s @ _symmetric(params.W) + params.b)", "s @ np.triu(params.W, 1) + params.b)",
           "A unit feels those before it only: half of its neighbours."),
    Mutant("upper = np.triu(W, 1)\n", "upper = np.triu(W)\n",
           "Each unit's own state in its input, twice the diagonal: no Gibbs step any more."),
    Mutant("        for i in free:\n            p = sigmoid((s @ W",
           "        before = s.copy()\n        for i in free:\n            p = sigmoid((before @ W",
           "A parallel update, every unit from the state before the sweep: it samples another distribution."),
    Mutant("(s @ W[i] + params.b[i]) / temperature", "s @ W[i] / temperature + params.b[i]",
           "The temperature divides the weights and not the biases."),
    Mutant("(s @ W[i] + params.b[i]) / temperature", "(s @ W[i] + params.b[i]) * temperature",
           "β taken for T: annealing heats."),
    Mutant("(s @ W[i] + params.b[i]) / temperature", "s @ W[i] + params.b[i]",
           "No temperature at all: the schedule does nothing."),
    Mutant("(s @ W[i] + params.b[i]) / temperature", "(s @ W[i] + params.b[i]) / temperatures[0]",
           "The first temperature all the time."),
    Mutant("s_i = u_sweep[:, i] < p", "s_i = u_sweep[:, i] <= p",
           "Not strictly less: a unit whose probability is exactly 0 fires when u is 0, which does occur."),
    Mutant("s_i = u_sweep[:, i] < p", "s_i = p",
           "Mean field: a probability written down as the unit's state."),
    Mutant("for i in free:\n            p = ", "for i in set(range(s.shape[1])) - set(free):\n            p = ",
           "The clamped units move and the free ones stay."),
    Mutant("for i in free:\n            p = ", "for i in range(s.shape[1]):\n            p = ",
           "Clamping forgotten: the negative phase twice."),
    Mutant("_symmetric(params.W), s.copy()\n",
           "_symmetric(params.W), s.copy()\n    u, temperatures = u[1:], temperatures[1:]\n",
           "Off by one: a sweep too few."),
    Mutant("s_i = u_sweep[:, i] < p", "s_i = u_sweep[:, 0] < p",
           "One uniform for all units of a sweep: they move together."),
    Mutant("s.T @ s / len(s), 1)", "s.T @ s / s.shape[1], 1)",
           "The statistics divided by the number of units instead of the number of states."),
    Mutant("s.T @ s / len(s), 1)", "s.T @ s, 1)", "Sums in place of means: two phases of different length."),
    Mutant("W=free.W - clamped.W, b=free.b - clamped.b)  # (5)", "W=clamped.W - free.W, b=clamped.b - free.b)  # (5)",
           "The direction of the textbooks, uphill, given to an optimizer that goes downhill."),
    Mutant("log_p = log_sum - log_z", "log_p = log_sum", "Without log Z every state is given a low energy."),
    Mutant("W=clamped.W + free.W, b=clamped.b + free.b)", "W=clamped.W, b=clamped.b)",
           "Hebb's rule alone: the free phase, which unlearns, is missing."),
    Mutant("log_z, sum_cache = losses.logsumexp(-energies)",
           "log_z, sum_cache = np.log(np.sum(np.exp(-energies))), losses.logsumexp(-energies)[1]",
           "e^(-energy) without a shift overflows."),
    Mutant("loss = -np.mean(log_p)", "loss = -np.sum(log_p)", "A sum over examples for a mean."),
    Mutant("d_log_sum, d_log_z = d_log_p, -np.sum(d_log_p)", "d_log_sum, d_log_z = d_log_p, -np.mean(d_log_p)",
           "The free phase weighed as one example against N clamped ones."),
    Mutant("(s @ _symmetric(params.W) + params.b)  # through", "(s @ _symmetric(params.W))  # through",
           "The bias term dropped from a unit's gradient."),
    Mutant("np.sum(every_h[:, :, : cache.n_visible], axis=1)", "np.sum(every_h[:, :, : cache.n_visible], axis=2)",
           "The gradient of v summed over its units instead of over the hidden states."),
    Mutant("np.sum(every_h[:, :, : cache.n_visible], axis=1)", "every_h[:, 0, : cache.n_visible]",
           "v's gradient from one hidden state alone."),
    Mutant("np.full_like(log_p, -d_loss / len(log_p))", "np.full_like(log_p, -d_loss)",
           "The mean of the loss differentiated as if it were a sum."),
    Mutant("np.triu(rng.normal(0, 0.1, (n_units, n_units)), 1)", "rng.normal(0, 0.1, (n_units, n_units))",
           "A start with numbers where no weights are."),
]  # fmt: skip
