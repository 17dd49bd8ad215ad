"""A GAN in the plane: eight Gaussians on a circle, all of which the generator has to find; Adam with β₁ = 0.5.

A mode is covered if at least 1 % of 5000 samples lie within three standard deviations of its centre. `modes` is how
many are, `near` the share of samples within that distance of some centre; `rarest` and `commonest` are the shares
of the modes with the fewest and the most of those, 1/8 at best.
"""

from typing import NamedTuple

import numpy as np

from shared import pictures as draw
from shared.backends import get, module
from shared.recipes import NOISE, falling, outputs, rng
from shared.recipes.generative import _images, gan

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": gan.Budget(2500, 256, 5e-4, ("tf",), generator=(128, 128), discriminator=(128, 128), noise=2),
    "full": gan.Budget(20_000, 256, 5e-4, ("torch", "tf"), generator=(128, 128), discriminator=(128, 128), noise=2),
}
LINEAR = {"output": "linear"}
SIGMA, SAMPLES, SHARE, SHOWN = 0.1, 5000, 0.01, 600


class Outcome(NamedTuple):
    steps: np.ndarray  # (frames,)
    samples: np.ndarray  # (frames, SHOWN, 2)
    covered: np.ndarray  # (8,)


def load(run, directory):
    """The centres, (8, 2)."""
    if directory is not None:
        raise ValueError(f"data '{directory}' cannot be used: this recipe makes its own, expected none")
    angles = np.arange(8) * np.pi / 4
    return 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def init(run, data):
    return gan.game(run, 2, SHOWN)


def batch(run, data, i):
    """Points, noise for either net, which frame of the samples this step fills, learning rate."""
    generator, n = rng(run, NOISE, i), run.budget.batch
    x = data[generator.integers(0, len(data), n)] + SIGMA * generator.standard_normal((n, 2))
    return x.astype(run.dtype), *gan.noise_and_frame(run, generator, n, i), falling(run, i)


def step(run):
    return gan.step(run, **LINEAR)


def evaluate(run, data, state):
    z = rng(run, gan.TEST, 1).standard_normal((SAMPLES, run.budget.noise)).astype(run.dtype)
    made = outputs(run, module(run.backend, "generative/gan").gan_generate, state.generator.params, z, **LINEAR)
    metrics, covered = coverage(made, data)
    samples = get(run.backend).numpy(state.samples)
    return metrics, Outcome(gan.frames(run.budget.steps), samples, covered)


def coverage(made, centres):
    """The metrics, and which modes are covered."""
    distances = np.linalg.norm(made[:, None] - centres, axis=2)
    near = distances.min(axis=1) < 3 * SIGMA
    shares = np.bincount(distances.argmin(axis=1)[near], minlength=len(centres)) / len(made)
    covered = shares >= SHARE
    metrics = {"modes": int(covered.sum()), "near": float(np.mean(near))}
    return metrics | {"rarest": float(shares.min()), "commonest": float(shares.max())}, covered


def pictures(data, outcome, folder):
    last = len(outcome.steps) - 1
    panels = np.unique(np.rint(np.linspace(0, last, 6)).astype(int))
    named = [(f"step {outcome.steps[i]:,}", outcome.samples[i]) for i in panels]
    title = f"One noise through the generator, over training: {outcome.covered.sum()} of {len(data)} modes covered"
    frames = [
        _images.pixels(_images.clouds_figure([(f"step {at:,}", samples)], data, SIGMA, "", 3.6))
        for at, samples in zip(outcome.steps, outcome.samples, strict=True)
    ]
    return [
        draw.save(_images.clouds_figure(named, data, SIGMA, title, 2.0), folder / "strip.png"),
        _images.save_gif(frames, folder / "training.gif", 400),
    ]
