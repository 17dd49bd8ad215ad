"""A GAN that learns to write MNIST digits; Adam with β₁ = 0.5 for both nets.

Every step takes digits, noise for the discriminator's part and fresh noise for the generator's. The samples in the
pictures come from one noise throughout; those along the way are kept in the state. The discriminator's accuracies:
`real_accuracy` is the share of test digits that it takes for real, `fake_accuracy` that of samples it takes for fake.
"""

from typing import Any, NamedTuple

import numpy as np

from shared import backends
from shared import pictures as draw
from shared.backends import module
from shared.recipes import NOISE, State, _digits, outputs, rng, rows, start
from shared.recipes._digits import load
from shared.recipes.generative import _images

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float
    jit: tuple[str, ...]
    generator: tuple[int, ...]  # hidden units
    discriminator: tuple[int, ...]
    noise: int


class Game(NamedTuple):
    """noise: (shown, Z), that of the samples; samples: (frames, shown, D), what it gave along the way."""

    generator: State
    discriminator: State
    noise: Any
    samples: Any


class Outcome(NamedTuple):
    steps: np.ndarray  # (frames,)
    samples: np.ndarray  # (frames, SHOWN, D)
    last: np.ndarray  # (100, D), of fresh noise


BUDGETS = {
    "quick": Budget(1600, 128, 4e-4, ("tf",), generator=(256,), discriminator=(256, 128), noise=32),
    "full": Budget(40_000, 128, 2e-4, ("torch", "tf"), generator=(512,), discriminator=(512, 256), noise=64),
}
ADAM = {"beta1": 0.5}
FRAMES, SHOWN, TEST = 16, 36, 3


def frames(steps: int) -> np.ndarray:
    """The steps after which samples are kept: close together at first, the last step is one of them."""
    return np.unique(np.rint(1 + (steps - 1) * np.linspace(0, 1, FRAMES) ** 2).astype(int))


def init(run, data):
    return game(run, _digits.pixels(data), SHOWN)


def game(run, width, shown):
    """The start, for examples of this width."""
    of_G, of_D = (run.budget.noise, *run.budget.generator, width), (width, *run.budget.discriminator, 1)
    nets = module(run.backend, "generative/gan").gan_init(rng(run), of_G, of_D, dtype=run.dtype)
    noise = rng(run, TEST).standard_normal((shown, run.budget.noise)).astype(run.dtype)
    samples = np.zeros((len(frames(run.budget.steps)), shown, width), run.dtype)
    kept = backends.to_backend(run.backend, (noise, samples), run.device)
    return Game(*(start(run, net, "optimizers/adam") for net in nets), *kept)


def batch(run, data, i):
    """Digits, noise for either net, which frame of the samples this step fills (1 there, else 0), learning rate."""
    x = _digits.flat(data.train_images[rows(run, len(data.train_images), i)], run.dtype)
    return x, *noise_and_frame(run, rng(run, NOISE, i), len(x), i), np.asarray(run.budget.lr, run.dtype)


def noise_and_frame(run, generator, n, i):
    noise = (generator.standard_normal((n, run.budget.noise)).astype(run.dtype) for _ in range(2))
    return *noise, (frames(run.budget.steps) == i + 1).astype(run.dtype)[:, None, None]


def step(run, **options):
    gan, value_and_grad = module(run.backend, "generative/gan"), backends.get(run.backend).value_and_grad
    judged, fooled = value_and_grad(gan.gan_discriminator_loss), value_and_grad(gan.gan_generator_loss)
    call, update = backends.get(run.backend).call, module(run.backend, "optimizers/adam").adam_update

    def follow(state, grads, lr):
        return State(*update(grads, state.optimizer, state.params, lr=lr, **ADAM))

    def advance(state, x, z, fresh, frame, lr):
        x_hat = call(gan.gan_generate, (state.generator.params, z), options)
        d_loss, grads = judged(state.discriminator.params, x, x_hat)
        discriminator = follow(state.discriminator, grads, lr)
        g_loss, grads = fooled(state.generator.params, discriminator.params, fresh, **options)
        generator = follow(state.generator, grads, lr)
        shown = call(gan.gan_generate, (generator.params, state.noise), options)
        samples = (1 - frame) * state.samples + frame * shown
        return Game(generator, discriminator, state.noise, samples), {"loss": d_loss, "generator_loss": g_loss}

    return advance


def evaluate(run, data, state):
    gan, generator = module(run.backend, "generative/gan"), rng(run, TEST, 1)
    x = _digits.flat(data.test_images[: _digits.CHUNK], run.dtype)
    z = generator.standard_normal((len(x), run.budget.noise)).astype(run.dtype)
    made = outputs(run, gan.gan_generate, state.generator.params, z)
    right = {
        "real_accuracy": outputs(run, gan.gan_discriminate, state.discriminator.params, x) > 0,
        "fake_accuracy": outputs(run, gan.gan_discriminate, state.discriminator.params, made) < 0,
    }
    metrics = {name: float(np.mean(told)) for name, told in right.items()}
    samples = backends.get(run.backend).numpy(state.samples)
    return metrics, Outcome(frames(run.budget.steps), samples, made[:100])


def pictures(data, outcome, folder):
    shape = data.test_images.shape[1:]
    as_images = lambda x: x.reshape(-1, *shape)
    side = int(np.sqrt(outcome.samples.shape[1]))
    sheets = [_images.sheet(1 - as_images(samples), side) for samples in outcome.samples]
    strip = [
        (f"step {at:,}", as_images(samples[:12]))
        for at, samples in zip(outcome.steps[::-3][::-1], outcome.samples[::-3][::-1], strict=True)
    ]
    return [
        draw.save(
            _images.rows_figure(strip, "The same noise through the generator, over training"), folder / "strip.png"
        ),
        draw.save(_images.sheet_figure(as_images(outcome.last), 10, "Samples"), folder / "samples.png"),
        _images.save_gif(sheets, folder / "training.gif", 400),
    ]
