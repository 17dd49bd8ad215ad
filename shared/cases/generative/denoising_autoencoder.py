"""Oracle: torch.nn.functional's layers and losses, the corruption by torch; Keras's layers as a second opinion."""

import numpy as np

from numpy_impl.generative.autoencoder import AutoencoderParams
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._layers import layers, torch_mlp
from shared.cases.generative.autoencoder import network, torch_error

SMALLEST = {"N": 1, "D": 1, "H": 1, "Z": 1}


def torch_denoising(params, corrupted, activation="sigmoid"):
    import torch
    import torch.nn.functional as F

    function = {"sigmoid": torch.sigmoid}.get(activation) or getattr(F, activation)
    return torch_mlp(params.decoder, function(torch_mlp(params.encoder, corrupted, activation)), activation)


def torch_loss(params, x, corrupted, activation="sigmoid", loss="bernoulli"):
    return torch_error(torch_denoising(params, corrupted, activation), x, loss)


def torch_masking_loss(params, x, mask, activation="sigmoid", loss="bernoulli"):
    return torch_loss(params, x, x.masked_fill(~mask, 0.0), activation, loss)


def torch_gaussian_loss(params, x, eps, sigma=0.3, activation="sigmoid", loss="bernoulli"):
    import torch

    return torch_loss(params, x, torch.add(x, eps, alpha=sigma), activation, loss)


def keras_denoising(params, corrupted, activation):
    import keras

    a = corrupted
    for i, layer in enumerate((*params.encoder, *params.decoder)):
        if i:
            a = getattr(keras.activations, activation)(a)
        dense = keras.layers.Dense(len(layer.b), dtype="float64")
        dense.build(a.shape)
        dense.set_weights(list(layer))
        a = dense(a)
    return a.numpy()


def kept(u, rate):
    """Uniforms that are not lost."""
    return np.array([not value >= 1 - rate for value in u.reshape(-1)]).reshape(u.shape)


def mask(draw, *shape):
    return draw.uniform(*shape) < 0.6


def cases(draw, N=7, D=3, H=5, Z=2):
    params = network(draw, D, H, Z, scale=0.5)
    yield Case("denoising_autoencoder_mask", (draw.uniform(N, D),), kept, {"rate": 0.3}, grad=False)
    args, second = (params, draw(N, D)), {"keras": keras_denoising}
    yield Case("denoising_autoencoder", args, torch_denoising, {"activation": "tanh"}, second=second)
    for loss in ("mse", "bernoulli"):
        static = {"activation": "tanh", "loss": loss}
        args = (params, draw.uniform(N, D), draw(N, D))
        yield Case("denoising_autoencoder_loss", args, torch_loss, static, name=loss)
        args = (params, draw.uniform(N, D), mask(draw, N, D))
        yield Case("denoising_autoencoder_masking_loss", args, torch_masking_loss, static, name=loss)
        args, static = (params, draw.uniform(N, D), draw(N, D)), {"sigma": 0.4, "activation": "tanh", "loss": loss}
        yield Case("denoising_autoencoder_gaussian_loss", args, torch_gaussian_loss, static, name=loss)


def nasty(draw):
    edges = np.array([0.0, 0.25, 0.75, np.nextafter(1, 0)])
    for rate in (0.0, 0.25, 0.75, 1.0):
        yield Case("denoising_autoencoder_mask", (edges,), kept, {"rate": rate}, grad=False, name=f"edges, {rate}")
    params, x = network(draw, 4, 5, 2), draw.uniform(3, 4)
    for name, all_ in (("nothing lost", True), ("everything lost", False)):
        yield Case(
            "denoising_autoencoder_masking_loss", (params, x, np.full((3, 4), all_)), torch_masking_loss, name=name
        )
    args = (params, x, draw(3, 4))
    yield Case("denoising_autoencoder_gaussian_loss", args, torch_gaussian_loss, {"sigma": 0.0}, name="no noise")
    yield Case("denoising_autoencoder_gaussian_loss", args, torch_gaussian_loss, {"sigma": 1e4}, name="only noise")
    one, ink = network(draw, 4, 1), draw.uniform(1, 4)
    yield Case(
        "denoising_autoencoder_masking_loss", (one, ink, mask(draw, 1, 4)), torch_masking_loss, name="one hidden unit"
    )
    one = network(draw, 1, 1)
    yield Case("denoising_autoencoder_loss", (one, draw.uniform(1, 1), draw(1, 1)), torch_loss, name="all sizes one")
    big = params._replace(decoder=layers(draw, 2, 5, 4, scale=1e4))
    yield Case("denoising_autoencoder_loss", (big, x, draw(3, 4)), torch_loss, name="logits of 1e4")
    yield Case("denoising_autoencoder", (params, draw(0, 4)), torch_denoising, name="no examples")


def bad(draw):
    params, x = network(draw, 3, 5, 2), draw.uniform(4, 3)
    keep, loss = mask(draw, 4, 3), "denoising_autoencoder_masking_loss"
    yield Bad(loss, (params, x, keep[:, :2]), r"mask has shape \(4, 2\), expected .* D = 3, as in params")
    yield Bad(loss, (params, x, keep.astype("float64")), "mask has dtype float64, expected bool")
    yield Bad(loss, (params, x[:0], keep[:0]), "N at least 1")
    yield Bad(loss, (params, x, keep), "loss is 'bce', expected one of mse, bernoulli", {"loss": "bce"})
    width = r"corrupted has shape \(4, 7\), expected .* D = 3, as in params.encoder\[0\].W"
    yield Bad("denoising_autoencoder", (params, draw(4, 7)), width)
    wrong = AutoencoderParams(params.encoder, layers(draw, 4, 3))
    yield Bad(
        "denoising_autoencoder", (wrong, x), r"decoder\[0\].W has shape \(4, 3\), expected .* Z = 2, as in params"
    )
    wrong = AutoencoderParams(params.encoder, layers(draw, 2, 4))
    yield Bad(
        "denoising_autoencoder", (wrong, x), r"params.decoder\[0\] has shape \(2, 4\), expected .* D = 3, as in"
    )
    yield Bad(loss, (wrong, x, keep), r"params.decoder\[0\] has shape \(2, 4\), expected .* D = 3")
    yield Bad("denoising_autoencoder", (params, x), "activation is 'rleu', expected", {"activation": "rleu"})
    args = (params, x, draw(4, 3))
    yield Bad("denoising_autoencoder_gaussian_loss", args, r"sigma is -1, expected in \[0, inf\)", {"sigma": -1})
    yield Bad(
        "denoising_autoencoder_loss", (params, x, draw(3, 3)), r"corrupted has shape \(3, 3\), expected .* N = 4"
    )
    for rate in (-0.1, 1.1, float("nan")):
        yield Bad("denoising_autoencoder_mask", (x,), rf"rate is {rate}, expected in \[0, 1\]", {"rate": rate})


MUTANTS = [
    Mutant("error, error_cache = autoencoder_error(y, x, loss=loss)",
           "error, error_cache = autoencoder_error(y, corrupted, loss=loss)",
           "The loss against the corrupted input: the net learns to keep the noise."),
    Mutant("corrupted = mask * x", "corrupted = mask * x / max(mask.mean(), 0.1)",
           "What is kept scaled up, as a dropout layer does: trained on brighter pixels than it will see."),
    Mutant("corrupted = mask * x", "corrupted = mask * x / 0.7",
           "Dropout's 1 / (1 - rate): trained on brighter pixels than it will see."),
    Mutant("corrupted = mask * x", "corrupted = ~mask * x", "What was to be lost is kept, and the other way round."),
    Mutant("d_x = d_x + mask * d_corrupted", "d_x = d_x + d_corrupted",
           "The gradient through pixels that were masked."),
    Mutant("d_x = d_x + mask * d_corrupted", "d_x = mask * d_corrupted", "The clean input is the target as well."),
    Mutant("d_x = d_x + mask * d_corrupted", "d_x = d_x + mask.mean(axis=0) * d_corrupted",
           "The mask averaged over the examples, the wrong axis to sum over: every example lost pixels of its own."),
    Mutant("corrupted = x + sigma * eps", "corrupted = x + sigma**2 * eps",
           "The variance taken for the standard deviation."),
    Mutant("corrupted = x + sigma * eps", "corrupted = x * (1 + sigma * eps)",
           "Noise that scales with the signal: black paper stays clean."),
    Mutant("corrupted = x + sigma * eps", "corrupted = x + eps", "The noise not scaled by sigma."),
    Mutant("d_eps = sigma * d_corrupted", "d_eps = d_corrupted", "The sigma lost on the way to eps."),
    Mutant("    d_x = d_x + d_corrupted  # through (3) (5)\n", "",
           "The gradient through the noisy input dropped: x counts as the target alone."),
    Mutant("mask = u < 1 - rate", "mask = u < rate", "The rate taken for the probability to keep."),
    Mutant("mask = u < 1 - rate", "mask = u <= 1 - rate",
           "Not strictly less: at a rate of 1 a uniform of exactly 0, which does occur, is kept."),
    Mutant("d_layers[:depth], d_layers[depth:]", "d_layers[depth:], d_layers[:depth]",
           "The gradients of encoder and decoder trade places."),
    Mutant("autoencoder_error_backward(error_cache, d_error)",
           "autoencoder_error_backward(error_cache, 0.5 * d_error)", "A ½ that is not in the loss."),
    Mutant("(params, x, corrupted, activation=activation, loss=loss)\n    return error, (cache, sigma)",
           "(params, x, corrupted, loss=loss)\n    return error, (cache, sigma)",
           "An argument that a wrapper forgets to pass on: always a sigmoid."),
]  # fmt: skip
