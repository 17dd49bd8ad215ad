"""Oracle: torch.nn.functional.layer_norm in float64; Keras on TensorFlow as a second opinion."""

import numpy as np

from numpy_impl.normalization.layer_norm import LayerNormParams
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "T": 1, "C": 3}  # with fewer features, little but rounding is left of the gradients
USUAL = {"eps": 1e-5}
VISIBLE = {"eps": 1e-2}  # at 1e-5 nobody sees where it is added


def torch_layer_norm(params, x, *, eps):
    import torch.nn.functional as F

    return F.layer_norm(x, x.shape[-1:], params.gamma, params.beta, eps)


def keras_layer_norm(params, x, *, eps):
    import keras

    layer = keras.layers.LayerNormalization(epsilon=eps, dtype="float64")
    layer.build(x.shape)
    layer.set_weights([params.gamma, params.beta])
    return layer(x).numpy()


def cases(draw, N=4, T=3, C=5):
    params, second = LayerNormParams(draw(C), draw(C)), {"keras": keras_layer_norm}
    args = (params, 1 + 2 * draw(N, C))
    yield Case("layer_norm", args, torch_layer_norm, VISIBLE, name="dense", second=second)
    args = (params, draw(T, N, C))
    yield Case("layer_norm", args, torch_layer_norm, VISIBLE, name="sequences", second=second)
    yield Case("layer_norm", (params, draw(N, T, T, C)), torch_layer_norm, USUAL, name="images")
    yield Case("layer_norm", (params, draw(C)), torch_layer_norm, USUAL, name="one example")
    initial = lambda n, dtype: LayerNormParams(np.ones(n), np.zeros(n))
    yield Case("layer_norm_init", (C,), initial, {"dtype": "float64"}, grad=False)


def nasty(draw):
    def case(name, x, **more):
        params = LayerNormParams(draw(x.shape[-1]), draw(x.shape[-1]))
        return Case("layer_norm", (params, x), torch_layer_norm, USUAL, name=name, **more)

    one = LayerNormParams(draw(1), draw(1))
    only_beta = lambda params, x, eps: params.beta + 0 * (x + params.gamma)  # torch's gradient is rounding, 1e-13
    yield Case("layer_norm", (one, draw(4, 1)), only_beta, USUAL, name="one feature")
    yield case("two features", draw(4, 2), tolerance=1e-8)  # outputs near ±1, gradients near 0: digits cancel
    yield case("constant rows", np.ones((1, 4)) * [[7.0], [0.0], [-3.0]])
    yield case("mean 1e6", 1e6 + draw(4, 8), tolerance=1e-8)
    params = LayerNormParams(draw(8).astype("float32"), draw(8).astype("float32"))
    far = (1e6 + draw(4, 8)).astype("float32")  # in steps of 1/16, as the mean is
    args, name = (params, far), "mean 1e6, float32"
    yield Case("layer_norm", args, torch_layer_norm, USUAL, name=name, dtype="float32", tolerance=0.1)
    yield case("tiny values", 1e-150 * draw(3, 4))


def bad(draw):
    params, x = LayerNormParams(draw(3), draw(3)), draw(4, 3)
    yield Bad("layer_norm", (params, draw(4, 2)), r"x has shape \(4, 2\), expected .* C = 3, as in params.gamma")
    yield Bad("layer_norm", (params._replace(beta=draw(2)), x), r"params.beta has shape \(2,\)")
    yield Bad("layer_norm", (params, draw()), r"x has shape \(\), expected \(\*N, C\)")
    yield Bad("layer_norm", (params, x), r"eps is 0.0, expected in \(0, inf\)", {"eps": 0.0})
    yield Bad("layer_norm", (params, x), r"eps is nan, expected in \(0, inf\)", {"eps": float("nan")})
    yield Bad("layer_norm", (params, x.astype("float32")), "x has dtype float32, expected float64")
    yield Bad("layer_norm", (params, np.ones((4, 3), int)), "x has dtype int64, expected float")
    none = LayerNormParams(draw(0), draw(0))
    yield Bad("layer_norm", (none, draw(4, 0)), r"gamma has shape \(0,\), expected \(C\) with C at least 1")
    yield Bad("layer_norm", ((params.gamma, params.beta), x), "params is a tuple, expected LayerNormParams")


MUTANTS = [
    Mutant("var = _sum_of_products(centred, centred) / n", "var = _sum_of_products(x, x) / n - mean * mean",
           "The variance in one pass, E[x²] - mean²: at a mean of 1e6 only rounding is left, even negative values."),
    Mutant("var = _sum_of_products(centred, centred) / n", "var = _sum_of_products(centred, centred) / max(1, n - 1)",
           "The unbiased variance (torch.var's default): outputs too small by √((C-1)/C)."),
    Mutant("inv_std = 1 / np.sqrt(var + eps)", "inv_std = 1 / (np.sqrt(var) + eps)",
           "ε outside the root: rows that are constant are divided by 1e-5, not by 3e-3."),
    Mutant("inv_std = 1 / np.sqrt(var + eps)", "inv_std = 1 / np.sqrt(var + 1e-3)",
           "Keras's default ε, 1e-3, whatever was asked for."),
    Mutant("mean = _sum(x) / n  # (1)", "mean = np.mean(x)  # (1)",
           "One mean for the whole batch: examples leak into each other."),
    Mutant("centred = x - mean\n", "centred = 1.0 * x\n",
           "Nothing subtracted: RMS normalization, another layer."),
    Mutant("y += params.beta  # (4)", "y += params.gamma * params.beta  # (4)",
           "β scaled by γ as well."),
    Mutant("d_x_hat = gamma * d_y", "d_x_hat = 1.0 * d_y",
           "γ is missing in the gradient: unseen as long as γ is 1, as it is at the start."),
    Mutant("d_x += d_mean / n  # through (1)", "d_x += 0 * d_mean  # through (1)",
           "A dropped term: the mean taken for a constant on the way back."),
    Mutant("d_x += 2 / n * d_var / inv_std * x_hat", "d_x += 0 * d_var",
           "The variance taken for a constant on the way back."),
    Mutant("d_x += 2 / n * d_var / inv_std * x_hat", "d_x += 2 / n * d_var / inv_std",
           "The variance pulls along x - mean: its part of the gradient differs from feature to feature."),
    Mutant("d_x += 2 / n * d_var", "d_x += 1 / n * d_var", "The square's 2 is missing."),
    Mutant("d_var = -(inv_std**2) / 2 *", "d_var = -inv_std / 2 *",
           "1/√var has the derivative -½ var^(-3/2): x_hat holds one of its three factors 1/σ, two are left."),
    Mutant("d_mean = -inv_std * _sum(d_x_hat)", "d_mean = -inv_std * np.sum(d_x_hat, axis=0)",
           "The wrong sum axis: over the examples, as in batch normalization."),
    Mutant("d_mean = -inv_std * _sum(d_x_hat)", "d_mean = -inv_std * _sum(d_y)",
           "γ belongs under the sum: it differs from feature to feature."),
    Mutant("d_x = np.multiply(inv_std, d_x_hat, out=d_x_hat)", "d_x = d_x_hat",
           "The factor 1/σ is missing: gradients grow with the scale of x."),
    Mutant("np.ones(len(rows), rows.dtype) @ rows,", "np.ones(len(rows), rows.dtype) / len(rows) @ rows,",
           "A mean over the examples where a sum belongs."),
]  # fmt: skip
