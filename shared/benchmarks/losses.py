"""Losses, forward and backward, against torch.nn and keras.losses."""

import numpy as np

from shared.benchmarks import gradients

FULL = {"few": (128, 10), "many": (256, 1000), "padded": (30, 64, 100)}
TINY = {"few": (3, 4), "many": (4, 7), "padded": (5, 3, 4)}


def benchmarks(draw, few, many, padded):
    one = np.float32(1)
    prediction, target = draw(*few), draw(*few)
    logits, d_log_p, labels = draw(*many), draw(*many), draw.labels(*many)
    soft = np.exp(draw(*many))
    soft /= soft.sum(axis=1, keepdims=True)

    yield gradients(
        "mse",
        (prediction, target),
        one,
        torch=lambda torch: torch.nn.MSELoss(),
        keras=lambda keras: lambda prediction, target: keras.losses.MeanSquaredError()(target, prediction),
    )
    yield gradients(
        "binary_cross_entropy",
        (prediction, (target > 0).astype(np.float32)),
        one,
        torch=lambda torch: torch.nn.BCEWithLogitsLoss(),
        keras=lambda keras: lambda z, y: keras.losses.BinaryCrossentropy(from_logits=True)(y, z),
    )
    yield gradients(
        "logsumexp",
        (logits,),
        draw(many[0]),
        torch=lambda torch: lambda x: torch.logsumexp(x, -1),
        keras=lambda keras: lambda x: keras.ops.logsumexp(x, axis=-1),
    )
    yield gradients(
        "log_softmax",
        (logits,),
        d_log_p,
        torch=lambda torch: torch.nn.LogSoftmax(dim=-1),
        keras=lambda keras: keras.activations.log_softmax,
    )
    yield gradients(
        "softmax_cross_entropy",
        (logits, labels),
        one,
        torch=lambda torch: torch.nn.CrossEntropyLoss(),
        keras=lambda keras: lambda z, y: keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, z),
    )
    yield gradients(
        "soft_cross_entropy",
        (logits, soft),
        one,
        torch=lambda torch: torch.nn.CrossEntropyLoss(),
        keras=lambda keras: lambda z, t: keras.losses.CategoricalCrossentropy(from_logits=True)(t, z),
    )
    yield _masked(draw, *padded)


def _masked(draw, T, N, K):
    """Sequences of 1 to T steps. The frameworks find a label that does not count where we have a mask."""
    labels = draw.labels(T * N, K).reshape(T, N)
    mask = np.arange(T)[:, None] <= draw.labels(N, T)
    marked = np.where(mask, labels, -100)

    def torch_loss(torch):
        target = torch.from_numpy(marked).flatten()
        loss = torch.nn.CrossEntropyLoss(ignore_index=-100)
        return lambda z, labels, mask: loss(z.flatten(0, 1), target)

    def keras_loss(keras):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-100)
        return lambda z, labels, mask: loss(marked, z)

    args = draw(T, N, K), labels, mask
    return gradients("masked_cross_entropy", args, np.float32(1), torch=torch_loss, keras=keras_loss)
