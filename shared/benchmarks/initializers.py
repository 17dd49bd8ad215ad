"""Initializers against torch.nn.init and keras.initializers. Ours are NumPy's draws in every column."""

import numpy as np

from shared import backends
from shared.benchmarks import Benchmark

FULL = {"shape": (1000, 1000)}
TINY = {"shape": (100, 100)}

NAMES = {  # ours: theirs in torch.nn.init, its options, theirs in Keras
    "glorot_uniform": ("xavier_uniform_", {}, "GlorotUniform"),
    "glorot_normal": ("xavier_normal_", {}, "GlorotNormal"),
    "he_uniform": ("kaiming_uniform_", {"nonlinearity": "relu"}, "HeUniform"),
    "he_normal": ("kaiming_normal_", {"nonlinearity": "relu"}, "HeNormal"),
    "lecun_uniform": ("kaiming_uniform_", {"nonlinearity": "linear"}, "LecunUniform"),
    "lecun_normal": ("kaiming_normal_", {"nonlinearity": "linear"}, "LecunNormal"),
}


def benchmarks(draw, shape):
    for name in NAMES:
        yield _benchmark(name, shape)


def _benchmark(name, shape):
    function, options, initializer = NAMES[name]

    def ours(path, backend, mode):
        fn, rng = getattr(backends.module(backend, path), name), np.random.default_rng(0)
        return lambda: fn(rng, shape)

    def torch_step(torch):
        weight = torch.empty(shape)
        return lambda: getattr(torch.nn.init, function)(weight, **options)

    def keras_step(keras, mode):
        draw = getattr(keras.initializers, initializer)(keras.random.SeedGenerator(0))
        return lambda: draw(shape)

    modes = dict.fromkeys(("numpy", "torch", "tf", "nn", "keras"), "eager")
    return Benchmark(name, ours, torch_step, keras_step, modes, held=0, random=True)
