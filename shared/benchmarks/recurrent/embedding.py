"""Embedding: forward and backward against torch.nn.functional.embedding and keras.ops.take, letters of a batch."""

from shared.benchmarks import gradients

FULL = {"T": 10, "N": 128, "V": 27, "D": 64}
TINY = {"T": 3, "N": 2, "V": 5, "D": 4}


def benchmarks(draw, T, N, V, D):
    args = draw(V, D), draw.labels((T, N), V)
    return [gradients("embedding", args, draw(T, N, D), _torch, _keras)]


def _torch(torch):
    return lambda E, ids: torch.nn.functional.embedding(ids, E)


def _keras(keras):
    return lambda E, ids: keras.ops.take(
        keras.ops.reshape(E, E.shape), ids, axis=0
    )  # or the gradient is a list of rows
