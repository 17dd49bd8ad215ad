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
    Mutant("var = np.vecdot(x_hat, x_hat)[..., None] / x.shape[-1]",
           "var = np.vecdot(x, x)[..., None] / x.shape[-1] - mean * mean",
           "The variance in one pass, E[x²] - μ²: at a mean of 1e6 only rounding is left, even negative values."),
    Mutant("var = np.vecdot(x_hat, x_hat)[..., None] / x.shape[-1]",
           "var = np.vecdot(x_hat, x_hat)[..., None] / max(1, x.shape[-1] - 1)",
           "The unbiased variance (torch.var's default): outputs too small by √((C-1)/C)."),
    Mutant("inv_std = 1 / np.sqrt(var + eps)", "inv_std = 1 / (np.sqrt(var) + eps)",
           "ε outside the root: rows that are constant are divided by 1e-5, not by 3e-3."),
    Mutant("inv_std = 1 / np.sqrt(var + eps)", "inv_std = 1 / np.sqrt(var + 1e-3)",
           "Keras's default ε, 1e-3, whatever was asked for."),
    Mutant("mean = _mean(x)  # (1)", "mean = np.mean(x)  # (1)",
           "One mean for the whole batch: examples leak into each other."),
    Mutant("x_hat = x - mean\n", "x_hat = 1.0 * x\n",
           "Nothing subtracted: RMS normalization, another layer."),
    Mutant("return params.gamma * x_hat + params.beta", "return (x_hat + params.beta) * params.gamma",
           "β scaled by γ as well."),
    Mutant("d_x -= _mean(d_x) + along * x_hat", "d_x -= along * x_hat",
           "The mean taken for a constant on the way back."),
    Mutant("d_x -= _mean(d_x) + along * x_hat", "d_x -= _mean(d_x)",
           "The variance taken for a constant on the way back."),
    Mutant("d_x -= _mean(d_x) + along * x_hat", "d_x -= _mean(d_x) + along",
           "The part along x̂ has to be taken off along x̂."),
    Mutant("along = np.vecdot(d_x, x_hat)", "along = np.vecdot(dy, x_hat)",
           "γ belongs under both means: it differs from feature to feature."),
    Mutant("    d_x = params.gamma * dy\n", "    d_x = 1.0 * dy\n",
           "γ is missing in the gradient: unseen as long as γ is 1, as it is at the start."),
    Mutant("d_x *= inv_std", "d_x *= 1", "The factor 1/σ is missing: gradients grow with the scale of x."),
    Mutant('d_gamma, d_beta = np.einsum("nc,nc->c", rows, rows_hat)',
           'd_gamma, d_beta = np.einsum("nc,nc->c", rows, rows_hat) / len(rows)',
           "A mean over the examples where a sum belongs."),
]  # fmt: skip
