"""Losses, forward and backward, against torch.nn and keras.losses."""

import numpy as np

from shared.benchmarks import gradients

FULL = {"few": (128, 10), "many": (256, 1000)}
TINY = {"few": (3, 4), "many": (4, 7)}


def benchmarks(draw, few, many):
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
