"""A deep autoencoder that squeezes an MNIST digit into 30 numbers, against 30 principal components; by Adam.

It is trained by the Bernoulli loss on the grey values, from which it learns faster than from the squared error.
`squared_error` is that of a test digit, summed over its pixels, mean over the digits; `pca_squared_error` is what the
components of the training images leave, the best of all linear codes of 30 numbers there.
"""

from typing import NamedTuple

import numpy as np

from numpy_impl.activations import sigmoid
from shared import pictures as draw
from shared.backends import module
from shared.recipes import _digits, descent, falling, outputs, rng, rows, start
from shared.recipes._digits import load
from shared.recipes.generative import _images

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    hidden: tuple[int, ...]  # of the encoder; the decoder mirrors them
    code: int


class Outcome(NamedTuple):
    chosen: np.ndarray  # which test images are drawn
    deep: np.ndarray  # their reconstructions (N, D)
    pca: np.ndarray
    errors: tuple[float, float]
    walks: np.ndarray  # (walks, steps, D): between codes


BUDGETS = {
    "quick": Budget(steps=1200, batch=128, lr=2e-3, jit=("tf",), hidden=(512, 128), code=30),
    "full": Budget(steps=16_000, batch=128, lr=1e-3, jit=("torch", "tf"), hidden=(1000, 500, 250), code=30),
}
PHI = "swish"
PAIRS = ((7, 9), (3, 8), (4, 0), (2, 6), (1, 5))  # of the chosen images, between whose codes is walked
STEPS = 11


def init(run, data):
    sizes = (_digits.pixels(data), *run.budget.hidden, run.budget.code)
    params = module(run.backend, "generative/autoencoder").autoencoder_init(rng(run), sizes, dtype=run.dtype)
    return start(run, params, "optimizers/adam")


def batch(run, data, i):
    chosen = rows(run, len(data.train_images), i)
    return _digits.flat(data.train_images[chosen], run.dtype), falling(run, i)


def step(run):
    loss = module(run.backend, "generative/autoencoder").autoencoder_loss
    return descent(run, loss, "optimizers/adam", activation=PHI, loss="bernoulli")


def evaluate(run, data, state):
    autoencoder, mlp = module(run.backend, "generative/autoencoder"), module(run.backend, "intro/mlp").mlp
    x, pca = _digits.flat(data.test_images, run.dtype), _images.PCA(_digits.flat(data.train_images, "float64"), 30)
    logits = outputs(run, autoencoder.autoencoder, state.params, x, activation=PHI)
    deep, linear = sigmoid(logits), pca.reconstruct(x)
    errors = _images.squared_error(x, deep), _images.squared_error(x, linear)
    codes = outputs(run, mlp, state.params.encoder, x, activation=PHI)
    chosen = _images.one_of_each(data.test_labels, 10)
    ends = [[chosen[i % len(chosen)] for i in pair] for pair in PAIRS]
    along = np.linspace(0, 1, STEPS, dtype=run.dtype)[:, None]
    lines = [(1 - along) * codes[a] + along * codes[b] for a, b in ends]
    walks = [sigmoid(outputs(run, mlp, state.params.decoder, line, activation=PHI)) for line in lines]
    metrics = {"squared_error": errors[0], "pca_squared_error": errors[1]}
    return metrics, Outcome(chosen, deep[chosen], linear[chosen], errors, np.stack(walks))


def pictures(data, outcome, folder):
    as_images = lambda x: np.clip(x, 0, 1).reshape(-1, *data.test_images.shape[1:])
    reconstructed = _images.rows_figure(
        [
            ("test digit", data.test_images[outcome.chosen] / 255),
            ("deep, 30 numbers", as_images(outcome.deep)),
            ("PCA, 30 numbers", as_images(outcome.pca)),
        ],
        "Squared error per digit: {:.2f} deep, {:.2f} PCA".format(*outcome.errors),
    )
    labels = data.test_labels[outcome.chosen]
    names = [" to ".join(str(labels[i % len(labels)]) for i in pair) for pair in PAIRS]
    walks = [(name, as_images(walk)) for name, walk in zip(names, outcome.walks, strict=True)]
    walked = _images.rows_figure(walks, "On a straight line from the code of one digit to that of another")
    return [
        draw.save(reconstructed, folder / "reconstructions.png"),
        draw.save(walked, folder / "walks.png"),
    ]
