"""A variational autoencoder of MNIST digits, and a second one with two latents, which can be drawn as a map; by Adam.

Pixels are binarised afresh in every step: a pixel of grey value x is black where u < x. So p(x) is a probability, and
the bounds are bounds. `elbo` is that of all test images, one sample each; `bound` is the importance-weighted bound of
the first ones and `bound_elbo` their ELBO, from ten of the same samples; all in nats per digit.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from numpy_impl.activations import sigmoid
from shared import pictures as draw
from shared.backends import module
from shared.recipes import NOISE, State, _digits, descent, falling, outputs, rng, rows, start
from shared.recipes._digits import load
from shared.recipes.generative import _images

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    hidden: tuple[int, ...]  # of the encoder; the decoder mirrors them
    latents: int
    map_hidden: tuple[int, ...]  # of the one with two latents
    bounded: int  # test images whose importance-weighted bound is taken
    samples: int  # of each for it


class Both(NamedTuple):
    vae: State
    map: State


class Outcome(NamedTuple):
    chosen: np.ndarray  # which test images are drawn
    binary: np.ndarray  # as the encoder sees them, (N, D)
    decoded: np.ndarray
    drawn: np.ndarray  # (N, D), decoded from N(0, 1)
    grid: np.ndarray  # (N, D), decoded from a grid of two latents
    places: np.ndarray  # (test, 2), the means of the two latents
    labels: np.ndarray


BUDGETS = {
    "quick": Budget(1200, 128, 2e-3, ("tf",), (400,), 20, (256, 128), bounded=500, samples=50),
    "full": Budget(6000, 128, 1.5e-3, ("torch", "tf"), (500, 500), 40, (256, 128), bounded=1000, samples=500),
}
PHI, MAP_PHI = "swish", "relu"  # with relu, the codes of two latents fill the plane sooner
TEST = 3  # a stream of random numbers for the test images
CELLS, CHUNK, FEW = 20, 1000, 50  # FEW: examples at once, where each has many samples


def init(run, data):
    vae, pixels = module(run.backend, "generative/vae"), _digits.pixels(data)
    sizes = (pixels, *run.budget.hidden, run.budget.latents), (pixels, *run.budget.map_hidden, 2)
    return Both(*(start(run, vae.vae_init(rng(run), s, dtype=run.dtype), "optimizers/adam") for s in sizes))


def batch(run, data, i):
    """Binarised images, noise for either net, learning rate."""
    chosen, generator = rows(run, len(data.train_images), i), rng(run, NOISE, i)
    x = binarised(generator, _digits.flat(data.train_images[chosen], run.dtype))
    noise = (normal(generator, (len(x), latents), run.dtype) for latents in (run.budget.latents, 2))
    return x, *noise, falling(run, i)


def binarised(generator, x):
    return (generator.random(x.shape, dtype=np.float32) < x).astype(x.dtype)


def normal(generator, shape, dtype):
    return generator.standard_normal(shape).astype(dtype)


def step(run):
    loss = module(run.backend, "generative/vae").vae_loss
    follow = descent(run, loss, "optimizers/adam", activation=PHI)
    follow_map = descent(run, loss, "optimizers/adam", activation=MAP_PHI)

    def advance(state, x, eps, map_eps, lr):
        vae, reported = follow(state.vae, x, eps, lr)
        map_, other = follow_map(state.map, x, map_eps, lr)
        return Both(vae, map_), {"loss": reported["loss"], "map_loss": other["loss"]}

    return advance


def evaluate(run, data, state):
    vae, mlp = module(run.backend, "generative/vae"), module(run.backend, "intro/mlp").mlp
    generator, labels = rng(run, TEST), data.test_labels
    x = binarised(generator, _digits.flat(data.test_images, run.dtype))
    metrics = {
        "elbo": mean_elbo(run, vae, state.vae.params, x, generator, PHI),
        "map_elbo": mean_elbo(run, vae, state.map.params, x, generator, MAP_PHI),
    }
    metrics |= bounds(run, vae, state.vae.params, x[: run.budget.bounded], generator)

    chosen = _images.one_of_each(labels, 10)
    means = lambda net, x, phi: np.split(outputs(run, mlp, net.params.encoder, x, activation=phi), 2, axis=1)[0]
    decoded = lambda net, z, phi: sigmoid(outputs(run, mlp, net.params.decoder, z, activation=phi))
    return metrics, Outcome(
        chosen=chosen,
        binary=x[chosen],
        decoded=decoded(state.vae, means(state.vae, x[chosen], PHI), PHI),
        drawn=decoded(state.vae, normal(generator, (100, run.budget.latents), run.dtype), PHI),
        grid=decoded(state.map, cells(run.dtype), MAP_PHI),
        places=means(state.map, x, MAP_PHI),
        labels=labels,
    )


def mean_elbo(run, vae, params, x, generator, phi):
    eps = normal(generator, (len(x), len(params.decoder[0].W)), run.dtype)
    parts = (slice(at, at + CHUNK) for at in range(0, len(x), CHUNK))
    elbos = [outputs(run, vae.vae_elbo, params, x[part], eps[part], activation=phi) for part in parts]
    return float(np.mean(np.concatenate(elbos), dtype=np.float64))


def bounds(run, vae, params, x, generator):
    """The importance-weighted bound and, from ten of the same samples, the ELBO."""
    weighted, plain = [], []
    for at in range(0, len(x), FEW):
        part = x[at : at + FEW]
        eps = normal(generator, (run.budget.samples, len(part), run.budget.latents), run.dtype)
        weighted.append(outputs(run, vae.vae_importance_bound, params, part, eps, activation=PHI))
        plain += [outputs(run, vae.vae_elbo, params, part, e, activation=PHI).mean() for e in eps[:10]]
    return {"bound": float(np.mean(np.concatenate(weighted))), "bound_elbo": float(np.mean(plain))}


def cells(dtype):
    """Points that cut the plane into cells of equal probability, (CELLS², 2); the first latent grows to the right,
    the second upwards."""
    edges = np.array([NormalDist().inv_cdf((i + 0.5) / CELLS) for i in range(CELLS)], dtype)
    return np.stack([np.tile(edges, CELLS), np.repeat(edges[::-1], CELLS)], axis=1)


def pictures(data, outcome, folder):
    as_images = lambda x: x.reshape(-1, *data.test_images.shape[1:])
    rows_ = [
        ("test digit", data.test_images[outcome.chosen] / 255),
        ("binarised", as_images(outcome.binary)),
        ("decoded", as_images(outcome.decoded)),
    ]
    grid = "Two latents: what every place of the map decodes to"
    return [
        draw.save(_images.rows_figure(rows_, "Encoded and decoded"), folder / "reconstructions.png"),
        draw.save(
            _images.sheet_figure(as_images(outcome.drawn), 10, "Digits that nobody wrote: z drawn from N(0, 1)"),
            folder / "samples.png",
        ),
        draw.save(
            _images.sheet_figure(as_images(outcome.grid), CELLS, grid, xlabel="first latent", ylabel="second latent"),
            folder / "grid.png",
        ),
        draw.save(
            _images.places_figure(outcome.places, outcome.labels, "The test digits on the map: means of q(z|x)"),
            folder / "map.png",
        ),
    ]
