"""Oracle: torch.nn.functional's layers and losses; Keras's losses as second opinions."""

import numpy as np

from numpy_impl.generative.autoencoder import AutoencoderParams, AutoencoderTiedParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.generative._layers import he_layers, layers, torch_mlp

SMALLEST = {"N": 1, "D": 1, "H": 1, "Z": 1}


def torch_autoencoder(params, x, activation="relu"):
    return torch_mlp(params.decoder, torch_mlp(params.encoder, x, activation), activation)


def torch_error(y, x, loss="mse"):
    import torch.nn.functional as F

    if loss == "mse":
        return F.mse_loss(y, x)
    return F.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x)


def keras_error(y, x, loss="mse"):
    import keras

    if loss == "mse":
        return keras.losses.MeanSquaredError(dtype="float64")(x, y).numpy()
    of_pixel = keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum", axis=0, dtype="float64")
    return of_pixel(x, y).numpy()


def torch_loss(params, x, activation="relu", loss="mse"):
    return torch_error(torch_autoencoder(params, x, activation), x, loss)


def torch_tied_loss(params, x, activation="relu", loss="mse"):
    """The transposed layers written out where they are used."""
    import torch
    import torch.nn.functional as F

    function = {"sigmoid": torch.sigmoid}.get(activation) or getattr(F, activation)
    a = torch_mlp(params.encoder, x, activation)
    for i, layer in enumerate(params.encoder[::-1]):
        a = F.linear(a if i == 0 else function(a), layer.W, params.b_decoder[i])
    return torch_error(a, x, loss)


def torch_untied(params):
    flipped = [layer.W.mT for layer in params.encoder[::-1]]
    kind = type(params.encoder[0])
    decoder = tuple(kind(W, b) for W, b in zip(flipped, params.b_decoder, strict=True))
    return AutoencoderParams(params.encoder, decoder)


def initial(rng, sizes, dtype):
    generator = np.random.default_rng(rng.seed)
    return AutoencoderParams(he_layers(generator, sizes), he_layers(generator, sizes[::-1]))


def initial_tied(rng, sizes, dtype):
    zeros = tuple(np.zeros(size) for size in reversed(sizes[:-1]))
    return AutoencoderTiedParams(he_layers(np.random.default_rng(rng.seed), sizes), zeros)


def clear_of_zero(layers):
    """Weights of at least 0.3: through six layers of one unit a gradient would be too small for differences."""
    return tuple(layer._replace(W=layer.W + 0.3 * np.sign(layer.W)) for layer in layers)


def deep(draw, *sizes):
    return AutoencoderParams(*map(clear_of_zero, network(draw, *sizes, scale=0.3)))


def network(draw, *sizes, scale=1.0):
    return AutoencoderParams(layers(draw, *sizes, scale=scale), layers(draw, *sizes[::-1], scale=scale))


def tied(draw, *sizes):
    encoder = clear_of_zero(layers(draw, *sizes, scale=0.3))
    return AutoencoderTiedParams(encoder, tuple(draw(size) for size in sizes[-2::-1]))


def cases(draw, N=7, D=3, H=5, Z=2):
    sizes = (D, H, H + 1, Z)
    for loss in ("mse", "bernoulli"):
        args = (deep(draw, *sizes), draw.uniform(N, D))
        yield Case("autoencoder_loss", args, torch_loss, {"activation": "tanh", "loss": loss}, name=loss)
        args = (draw(N, D), draw.uniform(N, D))
        yield Case("autoencoder_error", args, torch_error, {"loss": loss}, name=loss, second={"keras": keras_error})
        args = (tied(draw, D, H, Z), draw.uniform(N, D))
        yield Case("autoencoder_tied_loss", args, torch_tied_loss, {"activation": "tanh", "loss": loss}, name=loss)
    yield Case("autoencoder", (deep(draw, *sizes), draw(N, D)), torch_autoencoder, {"activation": "elu"})
    yield Case("autoencoder_untied", (tied(draw, *sizes),), torch_untied)
    exact = {"dtype": "float64"}
    yield Case("autoencoder_init", (Seed(3), (D, H, Z)), initial, exact, grad=False)
    yield Case("autoencoder_tied_init", (Seed(4), (D, H, Z)), initial_tied, exact, grad=False)
    yield Case("autoencoder_init", (Seed(5), sizes), initial, exact, grad=False, name="deeper")
    yield Case(
        "autoencoder_tied_init", (Seed(6), sizes), initial_tied, {"dtype": "float64"}, grad=False, name="deeper"
    )


def nasty(draw):
    one = network(draw, 1, 1)
    yield Case("autoencoder_loss", (one, draw(1, 1)), torch_loss, name="all sizes one, linear")
    hidden = network(draw, 4, 1, 2)
    for loss in ("mse", "bernoulli"):
        static = {"activation": "tanh", "loss": loss}
        yield Case("autoencoder_loss", (hidden, draw.uniform(1, 4)), torch_loss, static, name=f"one of each, {loss}")
    uneven = AutoencoderParams(layers(draw, 4, 3), layers(draw, 3, 5, 6, 4))
    yield Case("autoencoder_loss", (uneven, draw(6, 4)), torch_loss, name="a deeper decoder")
    edges = np.array([[1e4, -1e4, 710.0, -710.0, 100.0, -100.0, 0.0, -0.0]])
    for ink in (0.0, 0.3, 1.0):
        args = (edges, np.full((1, 8), ink))
        yield Case("autoencoder_error", args, torch_error, {"loss": "bernoulli"}, name=f"logits at the edges, {ink}")
    args = (network(draw, 3, 5, 2, scale=100), draw.uniform(6, 3))
    yield Case("autoencoder_loss", args, torch_loss, {"activation": "sigmoid"}, name="saturated units")
    yield Case("autoencoder", (network(draw, 3, 5, 2), draw(0, 3)), torch_autoencoder, name="no examples")
    yield Case(
        "autoencoder_tied_loss", (tied(draw, 3, 2), draw(1, 3)), torch_tied_loss, name="one layer, one example"
    )


def bad(draw):
    params, x = network(draw, 3, 5, 2), draw(4, 3)
    yield Bad(
        "autoencoder", (params, draw(4, 7)), r"x has shape \(4, 7\), expected .* D = 3, as in params.encoder\[0\]"
    )
    wrong = params._replace(decoder=layers(draw, 4, 3))
    yield Bad(
        "autoencoder", (wrong, x), r"decoder\[0\].W has shape \(4, 3\), expected .* Z = 2, as in params.encoder\[1\]"
    )
    wrong = params._replace(encoder=(params.encoder[0], *layers(draw, 4, 2)))
    yield Bad(
        "autoencoder", (wrong, x), r"encoder\[1\].W has shape \(4, 2\), expected 5 rows, as params.encoder\[0\]"
    )
    wrong = params._replace(decoder=layers(draw, 2, 4))
    yield Bad(
        "autoencoder_loss", (wrong, x), r"params.decoder\[0\] has shape \(2, 4\), expected .* D = 3, as in params"
    )
    yield Bad("autoencoder_loss", (params._replace(encoder=()), x), "params.encoder is tuple of length 0")
    yield Bad("autoencoder_loss", (params, x[:0]), "N at least 1")
    yield Bad("autoencoder_loss", (params, x), "loss is 'bce', expected one of mse, bernoulli", {"loss": "bce"})
    yield Bad("autoencoder", (params, x), "activation is 'rleu', expected one of sigmoid", {"activation": "rleu"})
    yield Bad("autoencoder", (params, x.astype("float32")), "x has dtype float32, expected float64")
    yield Bad("autoencoder_error", (x, draw(4, 2)), r"x has shape \(4, 2\), expected .* D = 3")
    mirror = tied(draw, 3, 5, 2)
    yield Bad(
        "autoencoder_tied_loss", (mirror._replace(b_decoder=mirror.b_decoder[:1]), x), "has 1 biases, expected 2"
    )
    yield Bad(
        "autoencoder_tied_loss", (mirror, draw(4, 7)), r"x has shape \(4, 7\), expected .* D = 3, as in params.enc"
    )
    wrong = mirror._replace(b_decoder=mirror.b_decoder[::-1])
    yield Bad("autoencoder_untied", (wrong,), r"params.b_decoder\[0\] has shape \(3,\), expected \(5,\)")
    yield Bad("autoencoder_init", (Seed(1), (3,)), r"sizes is \(3,\), expected")


MUTANTS = [
    Mutant("MLPLayer(W=there.W + back.W.T, b=there.b)", "MLPLayer(W=there.W, b=there.b)",
           "The gradient of tied weights from their use in the encoder alone: what the decoder asks is forgotten."),
    Mutant("MLPLayer(W=there.W + back.W.T, b=there.b)", "MLPLayer(W=back.W.T, b=there.b)",
           "The gradient of tied weights from their use in the decoder alone."),
    Mutant("MLPLayer(W=there.W + back.W.T, b=there.b)", "MLPLayer(W=(there.W + back.W.T) / 2, b=there.b)",
           "The two uses of a tied weight averaged: gradients add, they are not shared out."),
    Mutant("reversed(d_untied.decoder), strict=True)\n    encoder", "d_untied.decoder, strict=True)\n    encoder",
           "The decoder's gradients in the decoder's order: its first layer mirrors the encoder's last."),
    Mutant("layers = zip(reversed(params.encoder)", "layers = zip(params.encoder",
           "Tied layers taken in the encoder's order: only with one layer is this right."),
    Mutant("d_x = d_x + through_net", "d_x = through_net",
           "The input is the target as well: half of its gradient comes from there."),
    Mutant("d_x = d_x + through_net", "d_x = d_x + 0 * through_net",
           "The target is the input as well: its gradient through the net is dropped."),
    Mutant("error = x.shape[1] * per_pixel  # (5)\n    return error, AutoencoderErrorCache(loss, cache, x.shape[1])",
           "error = per_pixel  # (5)\n    return error, AutoencoderErrorCache(loss, cache, 1)",
           "The mean over pixels in place of the sum: gradients 784 times too small for a digit."),
    Mutant("error = x.shape[1] * per_pixel  # (5)\n    return error, AutoencoderErrorCache(loss, cache, x.shape[1])",
           "error = x.size * per_pixel  # (5)\n    return error, AutoencoderErrorCache(loss, cache, x.size)",
           "The sum over examples too: the step grows with the batch."),
    Mutant("cache.n_pixels * d_error", "d_error", "The sum over pixels in the loss, their mean in the gradient."),
    Mutant("cache.n_pixels * d_error", "len(cache.inner[0]) * d_error",
           "The wrong axis on the way back: the number of examples for the number of pixels."),
    Mutant("error, cache = losses.mse(y, x)", "error, cache = losses.mse(1 / (1 + np.exp(-y)), x)",
           "A sigmoid on the reconstruction, which the squared error does without."),
    Mutant("cache = losses.binary_cross_entropy(y, x)", "cache = losses.binary_cross_entropy(x, y)",
           "Logits and targets swapped: the loss runs, and learns nothing of use."),
    Mutant("y, decoder_cache = mlp(params.decoder, code,",
           "y, decoder_cache = mlp(params.decoder, np.maximum(code, 0),",
           "An activation on the code, which is linear here: half of each code's range is lost."),
    Mutant("d_encoder, d_x = mlp_backward(encoder_cache, d_code,",
           "d_encoder, d_x = mlp_backward(encoder_cache, np.sign(d_code),",
           "Only the direction of the code's gradient goes on."),
    Mutant("mlp_init(rng, sizes[::-1], dtype=dtype))\n", "mlp_init(rng, sizes, dtype=dtype))\n",
           "The decoder with the encoder's sizes: it ends in a code, not in an image."),
]  # fmt: skip
