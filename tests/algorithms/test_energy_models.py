"""What energy models promise, by sums over every state: Gibbs sampling leaves the distribution as it is and a
parallel update does not, gradients of log Z are moments, AIS meets log Z, a stack of two tied RBMs is one RBM, and
scikit-learn's fit is ours, replayed.
"""

import itertools

import numpy as np
import pytest

from numpy_impl.generative.boltzmann_machine import (
    BoltzmannMachineParams,
    boltzmann_machine_energy,
    boltzmann_machine_gibbs,
    boltzmann_machine_gradient,
    boltzmann_machine_log_partition,
    boltzmann_machine_loss,
    boltzmann_machine_loss_backward,
)
from numpy_impl.generative.dbn import dbn_generate
from numpy_impl.generative.rbm import (
    RBMParams,
    rbm_cd,
    rbm_free_energy,
    rbm_free_energy_backward,
    rbm_gibbs,
    rbm_hidden,
    rbm_log_partition,
    rbm_log_partition_backward,
    rbm_visible,
)
from shared import backends
from shared.backends import to_backend, to_numpy
from shared.cases.generative._sklearn_rbm import from_sklearn, to_sklearn
from shared.differences import difference, flatten

COLUMNS = backends.installed()
each_column = pytest.mark.parametrize("column", COLUMNS)


def states(n):
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def draw(seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal


def boltzmann_machine(n, seed=0):
    normal = draw(seed)
    return BoltzmannMachineParams(W=np.triu(normal((n, n)), 1), b=normal(n))


def rbm(D, H, scale=1.0, seed=0):
    normal = draw(seed)
    return RBMParams(W=scale * normal((D, H)), b_v=scale * normal(D), b_h=scale * normal(H))


def distribution(energies):
    p = np.exp(energies.min() - energies)
    return p / p.sum()


def index(s):
    return (s @ 2 ** np.arange(s.shape[1])[::-1]).astype(int)


# --- the Boltzmann machine ------------------------------------------------------------------------------------


def one_unit(params, i, temperature):
    """The matrix of transition probabilities of drawing unit i: the sampler's own answers to uniforms on either side
    of the probability that it must use."""
    n = len(params.b)
    every = states(n)
    energies, _ = boltzmann_machine_energy(params, every)
    flipped = every.copy()
    flipped[:, i] = 1 - flipped[:, i]
    gap = (2 * every[:, i] - 1) * (boltzmann_machine_energy(params, flipped)[0] - energies)  # E(off) - E(on)
    p, P = 1 / (1 + np.exp(-gap / temperature)), np.zeros((2**n, 2**n))
    for edge in (1 - 1e-9, 1 + 1e-9):  # just below p the unit is on, just above it is off
        u = np.zeros((1, 2**n, n))
        u[0, :, i] = p * edge
        new = boltzmann_machine_gibbs(params, every, u, np.array([temperature]), free=(i,))
        assert np.all(new[:, i] == (edge < 1))
        P[np.arange(2**n), index(new)] += p if edge < 1 else 1 - p
    return P


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
def test_a_sweep_in_sequence_leaves_the_distribution_and_a_parallel_one_does_not(temperature):
    params = boltzmann_machine(4)
    pi = distribution(boltzmann_machine_energy(params, states(4))[0] / temperature)
    units = [one_unit(params, i, temperature) for i in range(4)]
    np.testing.assert_allclose(pi @ np.linalg.multi_dot(units), pi, atol=1e-15)
    for P in units:
        np.testing.assert_allclose(pi[:, None] * P, (pi[:, None] * P).T, atol=1e-15)  # detailed balance
    on = np.stack([P @ states(4)[:, i] for i, P in enumerate(units)], axis=1)  # every p from the same state
    parallel = np.prod(np.where(states(4)[None] == 1, on[:, None], 1 - on[:, None]), axis=2)
    assert np.abs(pi @ parallel - pi).max() > 1e-2


def test_a_long_chain_has_the_exact_moments():
    params, generator = boltzmann_machine(4), np.random.default_rng(3)
    every = states(4)
    pi = distribution(boltzmann_machine_energy(params, every)[0])
    s = (generator.random((4000, 4)) < 0.5) * 1.0
    s = boltzmann_machine_gibbs(params, s, generator.random((40, 4000, 4)), np.ones(40), free=(0, 1, 2, 3))
    np.testing.assert_allclose(s.mean(axis=0), pi @ every, atol=4 * 0.5 / np.sqrt(4000))


def test_annealing_finds_the_lowest_energy():
    params, generator = boltzmann_machine(8, seed=5), np.random.default_rng(4)
    s = (generator.random((50, 8)) < 0.5) * 1.0
    temperatures = np.geomspace(10, 0.05, 60)
    s = boltzmann_machine_gibbs(params, s, generator.random((60, 50, 8)), temperatures, free=tuple(range(8)))
    lowest = boltzmann_machine_energy(params, states(8))[0].min()
    assert np.mean(np.isclose(boltzmann_machine_energy(params, s)[0], lowest)) > 0.5


def test_the_exact_gradient_is_the_difference_of_exact_statistics():
    params, v = boltzmann_machine(5), np.array([[1.0, 0, 1], [0, 0, 1]])
    loss, cache = boltzmann_machine_loss(params, v)
    exact, _ = boltzmann_machine_loss_backward(cache, 1.0)
    every = states(5)
    energies, _ = boltzmann_machine_energy(params, every)
    pairs = np.triu(np.einsum("ki,kj->kij", every, every), 1)
    free = distribution(energies)
    seen = [np.all(every[:, :3] == row, axis=1) for row in v]
    clamped = np.mean([np.where(rows, distribution(np.where(rows, energies, np.inf)), 0) for rows in seen], axis=0)
    np.testing.assert_allclose(exact.W, np.einsum("k,kij->ij", free - clamped, pairs), atol=1e-14)
    np.testing.assert_allclose(exact.b, (free - clamped) @ every, atol=1e-14)
    log_p = [np.log(free[rows].sum()) for rows in seen]
    assert loss == pytest.approx(-np.mean(log_p), rel=1e-13)


def test_sampled_learning_has_the_exact_gradient_on_average():
    params, generator = boltzmann_machine(4), np.random.default_rng(8)
    v = np.array([[1.0, 0.0], [0.0, 1.0]])
    exact, _ = boltzmann_machine_loss_backward(boltzmann_machine_loss(params, v)[1], 1.0)
    n, ones = 8000, np.ones(30)
    s = np.hstack([np.tile(v, (n // 2, 1)), generator.random((n, 2)) < 0.5])
    clamped = boltzmann_machine_gibbs(params, s, generator.random((30, n, 4)), ones, free=(2, 3))
    free = boltzmann_machine_gibbs(params, s, generator.random((30, n, 4)), ones, free=(0, 1, 2, 3))
    sampled = boltzmann_machine_gradient(clamped, free)
    np.testing.assert_allclose(sampled.W, exact.W, atol=4 / np.sqrt(2 * n))
    np.testing.assert_allclose(sampled.b, exact.b, atol=4 / np.sqrt(2 * n))


def test_units_of_plus_and_minus_one_have_a_map_to_these():
    """J = W / 4 and h = b / 2 + Σ W / 4 give the same energies, but for a constant."""
    params = boltzmann_machine(5)
    s = states(5)
    W = params.W + params.W.T
    spins = 2 * s - 1
    ising = -0.5 * np.sum(spins @ (W / 4) * spins, axis=1) - spins @ (params.b / 2 + W.sum(axis=1) / 4)
    gap = boltzmann_machine_energy(params, s)[0] - ising
    np.testing.assert_allclose(gap, gap[0], rtol=1e-13)


def test_an_rbm_is_a_boltzmann_machine_without_connections_inside_a_side():
    one = rbm(3, 2)
    W = np.zeros((5, 5))
    W[:3, 3:] = one.W
    params = BoltzmannMachineParams(W, np.concatenate([one.b_v, one.b_h]))
    whole, _ = boltzmann_machine_log_partition(params)
    assert rbm_log_partition(one)[0] == pytest.approx(whole, rel=1e-14)


@each_column
def test_as_many_units_as_allowed_are_summed_over_and_not_one_more(column, monkeypatch):
    module = backends.module(column, "generative/boltzmann_machine")
    monkeypatch.setattr(module, "LARGEST", 3)
    (three, four) = to_backend(column, (np.zeros(3), np.zeros(4)))
    np.testing.assert_array_equal(to_numpy(column, module.boltzmann_machine_states(three)), states(3))
    with pytest.raises(ValueError, match="b has 4 units to sum over, expected at most 3"):
        module.boltzmann_machine_states(four)


# --- the RBM --------------------------------------------------------------------------------------------------


def block_transitions(params):
    """p(v' | v) of one block Gibbs step, by sums over all h."""
    v, h = states(len(params.b_v)), states(len(params.b_h))
    p_h, p_v = rbm_hidden(params, v)[0], rbm_visible(params, h)[0]
    to_h = np.prod(np.where(h[None] == 1, p_h[:, None], 1 - p_h[:, None]), axis=2)
    return to_h @ np.prod(np.where(v[None] == 1, p_v[:, None], 1 - p_v[:, None]), axis=2)


def test_a_block_step_leaves_the_distribution():
    params = rbm(4, 3)
    pi = distribution(rbm_free_energy(params, states(4))[0])
    np.testing.assert_allclose(pi @ block_transitions(params), pi, atol=1e-15)


def test_samples_have_the_probabilities_of_the_block_step():
    params, generator, n = rbm(3, 2), np.random.default_rng(1), 40_000
    v = np.tile(states(3)[5], (n, 1))
    v, _ = rbm_gibbs(params, v, generator.random((1, n, 3)), generator.random((1, n, 2)))
    found = np.bincount(index(v), minlength=8) / n
    np.testing.assert_allclose(found, block_transitions(params)[5], atol=4 * 0.5 / np.sqrt(n))


def test_the_gradient_of_log_z_is_the_moments():
    params = rbm(4, 3)
    _, cache = rbm_log_partition(params)
    (moments,) = rbm_log_partition_backward(cache, 1.0)
    v = states(4)
    pi, p_h = distribution(rbm_free_energy(params, v)[0]), rbm_hidden(params, v)[0]
    np.testing.assert_allclose(moments.W, np.einsum("n,ni,nj->ij", pi, v, p_h), atol=1e-15)
    np.testing.assert_allclose(moments.b_v, pi @ v, atol=1e-15)
    np.testing.assert_allclose(moments.b_h, pi @ p_h, atol=1e-15)


def test_cd_with_many_steps_becomes_the_likelihoods_gradient():
    params, generator, n = rbm(3, 2), np.random.default_rng(2), 40_000
    v = np.tile(np.array([[1.0, 0, 1], [0, 1, 1]]), (n // 2, 1))
    found, _ = rbm_cd(params, v, generator.random((25, n, 3)), generator.random((25, n, 2)))
    _, cache = rbm_free_energy(params, v)
    data, _ = rbm_free_energy_backward(cache, np.full(n, 1 / n))
    (model,) = rbm_log_partition_backward(rbm_log_partition(params)[1], 1.0)
    for got, a, b in zip(found, data, model, strict=True):
        np.testing.assert_allclose(got, a + b, atol=4 * 0.5 / np.sqrt(n))


@each_column
@pytest.mark.parametrize(("D", "H", "scale"), [(20, 16, 0.3), (30, 10, 0.6), (8, 12, 1.0)])
def test_ais_meets_the_exact_log_z(column, D, H, scale):
    """Within its three standard errors, on three models, with the same uniforms in every column."""
    module, generator = backends.module(column, "generative/ais"), np.random.default_rng(D)
    params, K, M = rbm(D, H, scale, seed=H), 400, 60
    exact, _ = rbm_log_partition(params)
    arrays = params, np.zeros(D), generator.random((M, D)), np.linspace(0, 1, K + 1)
    moves = generator.random((K, M, D)), generator.random((K, M, H))
    params, b_0, u, betas, u_v, u_h = to_backend(column, (*arrays, *moves))
    state = module.ais_anneal(params, b_0, module.ais_start(params, b_0, u), betas, u_v, u_h)
    found = to_numpy(column, module.ais_log_partition(state.log_w))
    assert found.low < exact < found.high
    assert found.high - found.low < 0.6
    assert abs(found.log_z - exact) < 0.2


@each_column
def test_scikit_learns_fit_is_ours_replayed(column):
    """Its own fit from its own random numbers: three epochs of persistent CD with SGD, batch by batch."""
    from sklearn.neural_network import BernoulliRBM

    n, D, H, size, epochs, lr = 40, 7, 5, 8, 3, 0.1
    X = (np.random.default_rng(0).random((n, D)) < 0.4) * 1.0
    theirs = BernoulliRBM(H, learning_rate=lr, batch_size=size, n_iter=epochs, random_state=6).fit(X)
    stream = np.random.RandomState(6)
    params = RBMParams(W=stream.normal(0, 0.01, (H, D)).T.copy(), b_v=np.zeros(D), b_h=np.zeros(H))
    rbm_module, sgd = backends.module(column, "generative/rbm"), backends.module(column, "optimizers/sgd")
    params, h = to_backend(column, (params, np.zeros((size, H))))
    for _, at in itertools.product(range(epochs), range(0, n, size)):
        noise = stream.uniform(size=(size, D))[None], stream.uniform(size=(size, H))[None]
        v, u_v, u_h = to_backend(column, (X[at : at + size], *noise))
        d, h = rbm_module.rbm_pcd(params, v, h, u_v, u_h)
        params, _ = sgd.sgd_update(d, sgd.sgd_init(params), params, lr=lr)
    wanted, chains = from_sklearn(theirs)
    for got, want in zip(to_numpy(column, params), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(to_numpy(column, h), chains)


def test_to_scikit_learn_and_back():
    params, h = rbm(4, 3), (np.random.default_rng(0).random((6, 3)) < 0.5) * 1.0
    model = to_sklearn(params, h, learning_rate=0.5)
    assert (model.batch_size, model.learning_rate) == (6, 0.5)
    v = np.random.default_rng(1).random((5, 4))
    np.testing.assert_allclose(model.transform(v), rbm_hidden(params, v)[0], rtol=1e-14)
    back, chains = from_sklearn(model)
    for one, two in zip((*params, h), (*back, chains), strict=True):
        np.testing.assert_array_equal(one, two)
    model.partial_fit((v < 0.5) * 1.0)
    assert not np.array_equal(from_sklearn(model)[0].W, params.W)
    with pytest.raises(ValueError, match=r"b_h has shape \(2,\)"):
        to_sklearn(params._replace(b_h=np.zeros(2)))


# --- the deep belief network ----------------------------------------------------------------------------------


def tied(params):
    """A second RBM, the first one upside down."""
    return RBMParams(W=params.W.T.copy(), b_v=params.b_h, b_h=params.b_v)


def test_a_tied_second_layer_keeps_the_distribution():
    """p(v) = Σ_h p_1(v | h) p_2(h), with W_2 the transpose of W_1, is the first RBM's p(v)."""
    first = rbm(4, 3)
    v, h = states(4), states(3)
    p_h = distribution(rbm_free_energy(tied(first), h)[0])
    p_v = rbm_visible(first, h)[0]
    likelihood = np.prod(np.where(v[None] == 1, p_v[:, None], 1 - p_v[:, None]), axis=2)
    np.testing.assert_allclose(p_h @ likelihood, distribution(rbm_free_energy(first, v)[0]), atol=1e-15)


def test_generation_has_the_mean_of_the_distribution():
    first, generator, n = rbm(4, 3), np.random.default_rng(5), 20_000
    x = (generator.random((n, 3)) < 0.5) * 1.0
    noise = generator.random((30, n, 3)), generator.random((30, n, 4)), np.zeros((n, 0))
    p, _ = dbn_generate((first, tied(first)), x, np.full(3, False), *noise)
    v = states(4)
    wanted = distribution(rbm_free_energy(first, v)[0]) @ v
    np.testing.assert_allclose(p.mean(axis=0), wanted, atol=4 * 0.5 / np.sqrt(n))


def test_the_variational_bound_holds_and_is_not_tight_for_untied_weights():
    """log p(v) ≥ E_q [log p(v | h) + log p(h)] + H(q), q = p(h | v) of the first RBM: equal if the second is tied."""
    first, v, h = rbm(4, 3), states(4), states(3)
    for second, tight in ((tied(first), True), (rbm(3, 5, seed=9), False)):
        prior, p_v, p_h = (
            distribution(rbm_free_energy(second, h)[0]),
            rbm_visible(first, h)[0],
            rbm_hidden(first, v)[0],
        )
        likelihood = np.prod(np.where(v[:, None] == 1, p_v[None], 1 - p_v[None]), axis=2)  # (v, h)
        q = np.prod(np.where(h[None] == 1, p_h[:, None], 1 - p_h[:, None]), axis=2)
        bound = np.sum(q * (np.log(likelihood) + np.log(prior) - np.log(q)), axis=1)
        gap = np.log(likelihood @ prior) - bound
        assert np.all(gap > -1e-13)
        assert np.all(gap < 1e-13) if tight else np.all(gap > 1e-3)


@each_column
@pytest.mark.parametrize("what", [np.nan, np.inf])
def test_the_diagonal_and_below_of_a_boltzmann_machine_is_never_read(column, what):
    """Nor has it a gradient, whatever stands there."""
    rng = np.random.default_rng(0)
    machine = backends.module(column, "generative/boltzmann_machine")
    W, b, s = rng.standard_normal((4, 4)), rng.standard_normal(4), (rng.random((3, 4)) < 0.5) * 1.0
    u, temperatures = rng.random((2, 3, 4)), np.ones(2)
    found = []
    for lower in (0.0, what):
        params = BoltzmannMachineParams(np.where(np.tri(4, dtype=bool), lower, W), b)
        ours, v, *draws = backends.to_backend(column, (params, s, u, temperatures))
        loss = machine.boltzmann_machine_loss
        _, grads = backends.get(column).value_and_grad(loss)(ours, v[:, :2])
        energy = backends.get(column).call(machine.boltzmann_machine_energy, (ours, v), {})
        drawn = machine.boltzmann_machine_gibbs(ours, v, *draws, free=(1, 3))
        found.append(flatten(backends.to_numpy(column, (grads, energy, drawn)), "found"))
    assert difference(found[1], found[0]).error == 0
    assert all(np.isfinite(leaf).all() for leaf in found[1].values())
