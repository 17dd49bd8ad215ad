"""A denoising autoencoder on MNIST, 30 % of the pixels masked, beside a plain one from the same start, on the same
digits; one hidden layer of sigmoids, by Adam.

`squared_error` is what the denoising net leaves of a masked test digit against the clean one, summed over its pixels,
mean over the digits; `plain_squared_error` what the plain one leaves of the same; `masked_squared_error` is the error
of the masked digit itself, without any network.
"""

from typing import NamedTuple

import numpy as np

from numpy_impl.activations import sigmoid
from shared import pictures as draw
from shared.backends import module, to_numpy
from shared.recipes import NOISE, Budget, State, _digits, descent, falling, outputs, rng, rows, start
from shared.recipes._digits import load
from shared.recipes.generative import _images

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Both(NamedTuple):
    denoising: State
    plain: State


class Outcome(NamedTuple):
    chosen: np.ndarray  # which test images are drawn
    masked: np.ndarray  # (N, D)
    denoised: np.ndarray
    plain: np.ndarray
    errors: tuple[float, float]
    filters: tuple[np.ndarray, np.ndarray]  # (D, H) of either net


BUDGETS = {
    "quick": Budget(steps=1200, batch=128, lr=3e-3, hidden=300, jit=("tf",)),
    "full": Budget(steps=20_000, batch=128, lr=1e-3, hidden=1000, jit=("torch", "tf")),
}
RATE, TEST, FILTERS = 0.3, 3, 100


def init(run, data):
    sizes = _digits.pixels(data), run.budget.hidden
    params = module(run.backend, "generative/autoencoder").autoencoder_init(rng(run), sizes, dtype=run.dtype)
    return Both(start(run, params, "optimizers/adam"), start(run, params, "optimizers/adam"))


def batch(run, data, i):
    """Digits, which of their pixels stay, a mask under which all of them stay, learning rate."""
    x = _digits.flat(data.train_images[rows(run, len(data.train_images), i)], run.dtype)
    return x, mask(rng(run, NOISE, i), x), np.ones(x.shape, bool), falling(run, i)


def mask(generator, x):
    return module("numpy", "generative/denoising_autoencoder").denoising_autoencoder_mask(
        generator.random(x.shape), rate=RATE
    )


def step(run):
    loss = module(run.backend, "generative/denoising_autoencoder").denoising_autoencoder_masking_loss
    follow = descent(run, loss, "optimizers/adam")

    def advance(state, x, some, all_, lr):
        denoising, reported = follow(state.denoising, x, some, lr)
        plain, other = follow(state.plain, x, all_, lr)
        return Both(denoising, plain), {"loss": reported["loss"], "plain_loss": other["loss"]}

    return advance


def evaluate(run, data, state):
    net = module(run.backend, "generative/denoising_autoencoder").denoising_autoencoder
    x = _digits.flat(data.test_images, run.dtype)
    masked = mask(rng(run, TEST), x) * x
    denoised, plain = (sigmoid(outputs(run, net, trained.params, masked)) for trained in state)
    errors = _images.squared_error(x, denoised), _images.squared_error(x, plain)
    metrics = {"squared_error": errors[0], "plain_squared_error": errors[1]}
    metrics |= {"masked_squared_error": _images.squared_error(x, masked)}
    filters = tuple(to_numpy(run.backend, trained.params.encoder[0].W) for trained in state)
    chosen = _images.one_of_each(data.test_labels, 10)
    return metrics, Outcome(chosen, masked[chosen], denoised[chosen], plain[chosen], errors, filters)


def pictures(data, outcome, folder):
    as_images = lambda x: x.reshape(-1, *data.test_images.shape[1:])
    shown = [
        ("test digit", data.test_images[outcome.chosen] / 255),
        (f"{RATE:.0%} masked", as_images(outcome.masked)),
        ("denoising net", as_images(outcome.denoised)),
        ("plain net", as_images(outcome.plain)),
    ]
    title = "Squared error per masked digit: {:.2f} denoising, {:.2f} plain".format(*outcome.errors)
    strongest = [W[:, np.argsort(-np.sum(W * W, axis=0), kind="stable")[:FILTERS]] for W in outcome.filters]
    sheets = [(name, as_images(W.T)) for name, W in zip(("denoising", "plain"), strongest, strict=True)]
    filters = _images.filters_figure(sheets, 10, "Weights of the strongest hidden units: blue is ink, red is paper")
    return [
        draw.save(_images.rows_figure(shown, title), folder / "reconstructions.png"),
        draw.save(filters, folder / "filters.png"),
    ]
