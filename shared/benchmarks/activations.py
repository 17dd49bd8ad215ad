"""Activations, forward and backward, against torch.nn and keras.activations."""

from shared.benchmarks import gradients

FULL = {"shape": (128, 512)}
TINY = {"shape": (3, 5)}

LAYERS = {  # ours: theirs in torch.nn, options, theirs in Keras, options
    "sigmoid": ("Sigmoid", {}, "sigmoid", {}),
    "tanh": ("Tanh", {}, "tanh", {}),
    "relu": ("ReLU", {}, "relu", {}),
    "leaky_relu": ("LeakyReLU", {}, "leaky_relu", {"negative_slope": 0.01}),
    "elu": ("ELU", {}, "elu", {}),
    "selu": ("SELU", {}, "selu", {}),
    "gelu": ("GELU", {}, "gelu", {}),
    "softplus": ("Softplus", {}, "softplus", {}),
    "swish": ("SiLU", {}, "silu", {}),
}


def benchmarks(draw, shape):
    x, dy = draw(*shape), draw(*shape)
    for name in LAYERS:
        yield _benchmark(name, x, dy)


def _benchmark(name, x, dy):
    layer, options, function, keras_options = LAYERS[name]
    return gradients(
        name,
        (x,),
        dy,
        torch=lambda torch: getattr(torch.nn, layer)(**options),
        keras=lambda keras: lambda x: getattr(keras.activations, function)(x, **keras_options),
    )
