"""An RBM of binarised MNIST by persistent contrastive divergence: filters, fantasies, and the test log-likelihood in
nats with the error bars of annealed importance sampling.

A pixel is 1 with the probability that its grey value says, drawn anew for every training batch and once for the test
images, as in Salakhutdinov & Murray (2008). `loss` is the mean squared error of a reconstruction, to look at; what is
trained is the likelihood.
"""

from typing import Any, NamedTuple

import numpy as np

from shared import backends
from shared import pictures as draw
from shared.backends import module
from shared.data.mnist import Digits
from shared.recipes import INIT, NOISE, _digits, falling, rng, rows
from shared.recipes.generative._images import filters_figure, rows_figure

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

PATH = "generative/rbm"


class Budget(NamedTuple):
    steps: int
    batch: int  # examples, and as many persistent chains
    lr: float
    jit: tuple[str, ...]
    hidden: int
    betas: int  # of annealed importance sampling


class State(NamedTuple):
    params: Any
    h: Any  # the persistent chains


class Outcome(NamedTuple):
    filters: np.ndarray  # (n, H, W)
    steps: tuple[int, ...]  # of Gibbs sampling
    fantasies: np.ndarray  # (len(steps), n, H, W), probabilities
    text: str


BUDGETS = {
    "quick": Budget(steps=6000, batch=100, lr=0.05, jit=(), hidden=128, betas=3000),
    "full": Budget(steps=90_000, batch=100, lr=0.05, jit=("tf",), hidden=500, betas=14_500),
}
STEPS = (1, 10, 100, 1000)  # the Gibbs steps after which fantasies are drawn
CHAINS, AT_ONCE = 100, 50  # of annealed importance sampling; steps of a chain in one call
BINARY = 3  # a stream of random numbers: the test images' pixels


def load(run, directory) -> Digits:
    return _digits.load(run, directory)


def init(run, data):
    rbm, generator, hidden = module(run.backend, PATH), rng(run), run.budget.hidden
    params = rbm.rbm_init(generator, _digits.pixels(data), hidden, dtype=run.dtype)
    h = generator.random((min(run.budget.batch, len(data.train_images)), hidden)) < 0.5
    return State(
        params._replace(b_v=_base(run, data)), *backends.to_backend(run.backend, (h.astype(run.dtype),), run.device)
    )


def batch(run, data, i):
    """Binarised images, uniforms for the chains' visible and hidden units, learning rate."""
    generator, chosen = rng(run, NOISE, i), rows(run, len(data.train_images), i)
    x = _digits.flat(data.train_images[chosen], run.dtype)
    x = (generator.random(x.shape, run.dtype) < x).astype(run.dtype)
    u_v = generator.random((1, *x.shape), run.dtype)
    return x, u_v, generator.random((1, len(x), run.budget.hidden), run.dtype), falling(run, i)


def step(run):
    rbm, sgd, losses = (module(run.backend, path) for path in (PATH, "optimizers/sgd", "losses"))
    call = backends.get(run.backend).call

    def advance(state, x, u_v, u_h, lr):
        grads, h = rbm.rbm_pcd(state.params, x, state.h, u_v, u_h)
        p_h = call(rbm.rbm_hidden, (state.params, x), {})
        loss = call(losses.mse, (call(rbm.rbm_visible, (state.params, p_h), {}), x), {})
        params, _ = sgd.sgd_update(grads, sgd.sgd_init(state.params), state.params, lr=lr)
        return State(params, h), {"loss": loss}

    return advance


def evaluate(run, data, state):
    """The log-likelihood of test images, and of as many training images; low and high, if log Z is at the end of its
    error bars."""
    free_energy, metrics = module(run.backend, PATH).rbm_free_energy, {}
    log_z, low, high = log_partition(run, data, state.params)
    for name, images in (("test", data.test_images), ("train", data.train_images[: len(data.test_images)])):
        v = _digits.flat(images, run.dtype)
        v = (rng(run._replace(seed=0), BINARY).random(v.shape, run.dtype) < v).astype(run.dtype)
        free = -np.mean(_call(run, free_energy, state.params, v), dtype=np.float64)
        metrics |= {f"{name}_log_likelihood": float(free - log_z)}
        if name == "test":
            ends = {"test_log_likelihood_low": float(free - high), "test_log_likelihood_high": float(free - low)}
            metrics |= ends | {"log_z": float(log_z)}
    test, low, high = (metrics[f"test_log_likelihood{end}"] for end in ("", "_low", "_high"))
    text = f"mean log p of the test images {test:.1f} nats ({low:.1f} to {high:.1f})"
    shape = data.test_images.shape[1:]
    filters = backends.to_numpy(run.backend, state.params).W.T.reshape(-1, *shape)
    return metrics, Outcome(filters[:100], STEPS, _fantasies(run, state).reshape(len(STEPS), -1, *shape), text)


def log_partition(run, data, params):
    """(log Z, low, high) by annealed importance sampling; most β are near 1, as in Salakhutdinov & Murray."""
    ais, shapes = module(run.backend, "generative/ais"), tuple(params.W.shape)
    generator, b_0 = rng(run, NOISE, run.budget.steps), _base(run, data)
    k = run.budget.betas
    parts = (
        np.linspace(0, 0.5, k // 29 + 1),
        np.linspace(0.5, 0.9, 8 * k // 29 + 1),
        np.linspace(0.9, 1, 20 * k // 29 + 1),
    )
    betas = np.unique(np.concatenate(parts)).astype(run.dtype)
    (u,) = _uniforms(run, generator, (CHAINS, shapes[0]))
    state = ais.ais_start(params, b_0, u)
    for at in range(0, len(betas) - 1, AT_ONCE):
        (some,) = backends.to_backend(run.backend, (betas[at : at + AT_ONCE + 1],), run.device)
        moves = len(some) - 1
        u_h, u_v = _uniforms(run, generator, (moves, CHAINS, shapes[1]), (moves, CHAINS, shapes[0]))
        state = backends.get(run.backend).call(ais.ais_anneal, (params, b_0, state, some, u_v, u_h), {})
    return _call(run, ais.ais_log_partition, state.log_w)


def _fantasies(run, state, n=20):
    """Probabilities of the pixels of n chains, from random hidden units on, after STEPS."""
    gibbs, generator = module(run.backend, PATH).rbm_gibbs, rng(run, INIT, 1)
    n_visible, n_hidden = state.params.W.shape
    v, done, found = (generator.random((n, n_visible)) < 0.5).astype(run.dtype), 0, []
    (v,) = backends.to_backend(run.backend, (v,), run.device)
    for until in STEPS:
        while done < until:
            k = min(AT_ONCE, until - done)
            u_h, u_v = _uniforms(run, generator, (k, n, n_hidden), (k, n, n_visible))
            v, p = backends.get(run.backend).call(gibbs, (state.params, v, u_v, u_h), {})
            done += k
        found.append(backends.get(run.backend).numpy(p))
    return np.stack(found)


def _base(run, data):
    """Visible biases from how often a pixel is 1."""
    mean = (data.train_images.mean(axis=0, dtype=np.float64).reshape(-1) / 255).astype(run.dtype)
    return module(run.backend, PATH).rbm_visible_bias(*backends.to_backend(run.backend, (mean,), run.device))


def _uniforms(run, generator, *shapes):
    arrays = tuple(generator.random(shape, run.dtype) for shape in shapes)
    return backends.to_backend(run.backend, arrays, run.device)


def _call(run, fn, *args):
    """fn's result as NumPy arrays; arguments are the backend's or NumPy's."""
    adapter = backends.get(run.backend)
    args = [adapter.array(x, run.device) if isinstance(x, np.ndarray) else x for x in args]
    return backends.to_numpy(run.backend, adapter.call(fn, tuple(args), {}))


def pictures(data, outcome, folder):
    labelled = [
        (f"{n} steps" if n > 1 else "1 step", x) for n, x in zip(outcome.steps, outcome.fantasies, strict=True)
    ]
    title = f"Fantasies: chains that begin with random pixels\n{outcome.text}"
    filters = filters_figure([("", outcome.filters)], 10, "What hidden units see: their weights")
    return [
        draw.save(filters, folder / "filters.png"),
        draw.save(rows_figure(labelled, title), folder / "fantasies.png"),
    ]
