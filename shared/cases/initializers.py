"""Oracle: fans and scales by PyTorch's own accounting (torch.nn.init), on the same draws."""

import numpy as np

from shared.backends import Seed
from shared.cases import Bad, Case, Mutant

SMALLEST = {"C_in": 1, "C_out": 1}
VARIANCE = {
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
}


def oracle(scheme, law):
    def weights(rng, shape, dtype):
        import torch

        weight = torch.empty(shape[-1], shape[-2], *shape[:-2])  # PyTorch counts (C_out, C_in, kernel)
        fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
        std = VARIANCE[scheme](fan_in, fan_out) ** 0.5
        generator = np.random.default_rng(rng.seed)
        if law == "uniform":
            return (2 * generator.random(shape) - 1) * std * 3**0.5
        return generator.standard_normal(shape) * std

    return weights


def cases(draw, C_in=6, C_out=9):
    for scheme in VARIANCE:
        for law in ("uniform", "normal"):
            for kernel in ((), (3, 2)):
                args = (Seed(7), (*kernel, C_in, C_out))
                name = "convolution" if kernel else "dense"
                yield Case(f"{scheme}_{law}", args, oracle(scheme, law), {"dtype": "float64"}, grad=False, name=name)


def bad(draw):
    yield Bad("glorot_uniform", (Seed(1), (5,)), r"shape is \(5,\), expected")
    yield Bad("he_normal", (Seed(1), (5, 0)), r"shape is \(5, 0\), expected")


MUTANTS = [
    Mutant("def glorot_uniform(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = \"float32\") -> "
           "Float[Array, \"...\"]:\n    fan_in, fan_out = _fans(shape)\n    return _uniform(rng, shape, math.sqrt(2",
           "def glorot_uniform(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = \"float32\") -> "
           "Float[Array, \"...\"]:\n    fan_in, fan_out = _fans(shape)\n    return _uniform(rng, shape, math.sqrt(6",
           "√(6 / (fan_in + fan_out)) is the bound of the uniform law, not its standard deviation: √3 too wide."),
    Mutant("rng.uniform(-math.sqrt(3) * s, math.sqrt(3) * s, shape)", "rng.uniform(-s, s, shape)",
           "U(-s, s) has a standard deviation of s / √3: signals shrink by √3 in every layer."),
    Mutant("rng.normal(0, s, shape)", "rng.normal(0, s * s, shape)",
           "NumPy's normal takes the standard deviation; given the variance, weights are far too small."),
    Mutant("*kernel, c_in, c_out = shape", "*kernel, c_out, c_in = shape",
           "Channels in and out swapped: PyTorch's layout read in a features-last file."),
    Mutant("return math.prod(kernel) * c_in, math.prod(kernel) * c_out", "return c_in, c_out",
           "The receptive field forgotten: right for dense layers, too large for convolutions."),
    Mutant("return _normal(rng, shape, math.sqrt(2 / fan_in), dtype)",
           "return _normal(rng, shape, math.sqrt(1 / fan_in), dtype)",
           "He's factor 2 makes up for the half that ReLU cuts off; without it this is LeCun's."),
    Mutant("return _normal(rng, shape, math.sqrt(1 / fan_in), dtype)",
           "return _normal(rng, shape, 1 / fan_in, dtype)",
           "The square root is missing: 1 / fan_in is the variance."),
]  # fmt: skip
