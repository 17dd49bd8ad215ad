"""A VAE is two stacks of linear layers, encoder and decoder, and between them the noise, which is given.

    ours                               torch: a ModuleDict of Sequentials, layer 2 l   Keras               ONNX
    params.encoder[l].W (D_in, D_out)  encoder.2l.weight, transposed                   kernel, as it is    q_W{l}
    params.encoder[l].b (D_out,)       encoder.2l.bias                                 bias                q_b{l}

and so for the decoder, `a` in ONNX; in Keras, the first half of all layers is the encoder. Models take x and noise
and give logits, mean and log-variance, as vae does. The activation is named again when a model is made.
"""

import numpy as np

from numpy_impl.generative.vae import VAEParams
from shared.native import arrays, check, loaded, onnx_model
from shared.native.generative import _halves
from shared.native.generative._halves import to_keras_weights, to_torch_weights
from shared.native.intro import mlp

__all__ = [
    "KINDS", "from_keras", "from_torch", "run_keras", "run_onnx", "run_torch", "to_keras", "to_keras_weights",
    "to_onnx", "to_torch", "to_torch_weights",
]  # fmt: skip

KINDS = {"vae": VAEParams}


def from_torch(source):
    return check(VAEParams(*_halves.from_torch(arrays(source))), VAEParams)


def to_torch(params, *, activation="relu"):
    """A ModuleDict of `encoder` and `decoder`."""
    import torch

    halves = zip(params._fields, _halves.torch_halves(params, activation), strict=True)
    return loaded(torch.nn.ModuleDict(dict(halves)), to_torch_weights(params))


def run_torch(function, module, x, eps):
    mu, logvar = module["encoder"](x).chunk(2, dim=1)
    return module["decoder"](mu + (logvar / 2).exp() * eps), mu, logvar


def from_keras(source):
    return check(VAEParams(*_halves.from_keras(source)), VAEParams)


def to_keras(params, *, activation="relu"):
    """A model of [x, noise] that gives (logits, mean, log-variance)."""
    import keras

    encoder, decoder = (mlp.to_keras(layers, activation=activation) for layers in params)
    dtype, n_latents = str(params.decoder[0].W.dtype), len(params.decoder[0].W)
    x = keras.Input((len(params.encoder[0].W),), dtype=dtype)
    eps = keras.Input((n_latents,), dtype=dtype)
    encoded = encoder(x)
    mu, logvar = encoded[:, :n_latents], encoded[:, n_latents:]
    scaled = keras.layers.Multiply(dtype=dtype)([keras.ops.exp(logvar / 2), eps])
    return keras.Model([x, eps], [decoder(mu + scaled), mu, logvar])


def run_keras(function, model, x, eps):
    return tuple(model([x, eps]))


def to_onnx(params, *, activation="relu"):
    """x (N, D) and eps (N, Z) to a (N, D), mu and logvar (N, Z)."""
    n_inputs, n_latents = len(params.encoder[0].W), len(params.decoder[0].W)
    nodes, weights = _halves.onnx_mlp("q", params.encoder, activation, "x")
    nodes += [
        ("Split", "q", "mu logvar", {"num_outputs": 2, "axis": 1}),
        ("Mul", "logvar half", "log_sigma"),
        ("Exp", "log_sigma", "sigma"),
        ("Mul", "sigma eps", "noise"),
        ("Add", "mu noise", "z"),
    ]
    more, others = _halves.onnx_mlp("a", params.decoder, activation, "z")
    weights |= others | {"half": np.array(0.5)}
    pixels, code = ["N", n_inputs], ["N", n_latents]
    outputs = {"a": pixels, "mu": code, "logvar": code}
    return onnx_model(nodes + more, weights, {"x": pixels, "eps": code}, outputs)


def run_onnx(function, session, x, eps):
    return tuple(session.run(None, {"x": x, "eps": eps}))
