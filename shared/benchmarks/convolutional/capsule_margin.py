"""Margin loss of capsules, forward and backward, against the same formula with the frameworks' own norm, relu and
one_hot; they have no such loss."""

import numpy as np

from shared.benchmarks import gradients

FULL = {"N": 128, "J": 10, "D": 16}
TINY = {"N": 3, "J": 4, "D": 5}


def benchmarks(draw, N, J, D):
    args = draw(N, J, D, scale=0.15), draw.labels(N, J)
    yield gradients("capsule_margin_loss", args, np.float32(1), torch=_torch, keras=_keras)


def _torch(torch):
    def loss(v, labels):
        T, lengths = torch.nn.functional.one_hot(labels, v.shape[1]), torch.linalg.vector_norm(v, dim=-1)
        short, long = torch.relu(0.9 - lengths), torch.relu(lengths - 0.1)
        return (T * short**2 + 0.5 * (1 - T) * long**2).sum() / len(v)

    return loss


def _keras(keras):
    ops = keras.ops

    def loss(v, labels):
        T, lengths = ops.one_hot(labels, v.shape[1]), ops.norm(v, axis=-1)
        short, long = ops.relu(0.9 - lengths), ops.relu(lengths - 0.1)
        return ops.sum(T * short**2 + 0.5 * (1 - T) * long**2) / len(v)

    return loss
