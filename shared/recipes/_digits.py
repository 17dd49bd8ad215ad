"""What the classifiers of MNIST, and of data in its format, have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared import pictures as draw
from shared.data.mnist import Digits, as_rows, load_digits
from shared.recipes import Run, falling, outputs, rows

CLASSES = 10
CHUNK = 1000  # test images at once: bounds the memory that a forward pass takes


class Outcome(NamedTuple):
    """What a classifier makes of the test images."""

    predicted: np.ndarray  # (N,) class numbers
    cost: np.ndarray  # (N,) cross-entropy, nats


def load(run: Run, directory: str | None) -> Digits:
    return load_digits(directory, CLASSES)


def pixels(data: Digits) -> int:
    return data.train_images[0].size


def flat(images: np.ndarray, dtype: str) -> np.ndarray:
    """(N, H, W) grey values to (N, H*W) in [0, 1]."""
    return as_rows(images, dtype)


def rows_in_time(images: np.ndarray, dtype: str) -> np.ndarray:
    """(N, H, W) grey values to sequences, time first, (H, N, W) in [0, 1]: an image is read from top to bottom."""
    return np.ascontiguousarray(as_rows(images, dtype).reshape(images.shape).swapaxes(0, 1))


def batch(run: Run, data: Digits, i: int, arrange: Callable = flat) -> tuple[np.ndarray, ...]:
    """Images, labels and learning rate of step i."""
    chosen = rows(run, len(data.train_images), i)
    labels = data.train_labels[chosen].astype(np.int64)
    return arrange(data.train_images[chosen], run.dtype), labels, falling(run, i)


def evaluate(run: Run, data: Digits, logits: Callable, params, arrange: Callable = flat) -> tuple[dict, Outcome]:
    """Accuracy and mean loss on all test images; logits(params, x) is the backend's own function."""
    starts = range(0, len(data.test_images), CHUNK)
    chunks = (arrange(data.test_images[at : at + CHUNK], run.dtype) for at in starts)
    z = np.concatenate([outputs(run, logits, params, x) for x in chunks]).astype(np.float64)
    z -= z.max(axis=-1, keepdims=True)
    cost = np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(z)), data.test_labels]
    predicted = z.argmax(axis=-1)
    accuracy = np.mean(predicted == data.test_labels)
    return {"accuracy": float(accuracy), "test_loss": float(cost.mean())}, Outcome(predicted, cost)


def pictures(data: Digits, outcome: Outcome, folder: Path) -> list[Path]:
    first, worst = chosen(data, outcome)
    return [
        draw.save(draw.digits_figure(first, "The first test images"), folder / "digits.png"),
        draw.save(draw.digits_figure(worst, "The worst mistakes"), folder / "mistakes.png"),
    ]


def chosen(data: Digits, outcome: Outcome, count: int = 32) -> tuple[list, list]:
    """Two lists of (image, label, prediction): the first test images, and the mistakes that cost most."""
    wrong = np.flatnonzero(outcome.predicted != data.test_labels)
    worst = wrong[np.argsort(-outcome.cost[wrong], kind="stable")]

    def triples(indices):
        return [(data.test_images[i], data.test_labels[i], outcome.predicted[i]) for i in indices[:count]]

    return triples(np.arange(len(data.test_images))), triples(worst)
