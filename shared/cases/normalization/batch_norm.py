"""Oracle: torch.nn.functional.batch_norm in float64; Keras on TensorFlow and ONNX's reference evaluator as second
opinions."""

import numpy as np

from numpy_impl.normalization.batch_norm import BatchNormParams, BatchNormState
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 3, "H": 1, "W": 1, "C": 1}
USUAL = {"momentum": 0.1, "eps": 1e-5}
VISIBLE = {"momentum": 0.125, "eps": 2.0**-10}  # exact in float32, as which ONNX keeps them


def channels_first(x):
    return x.movedim(-1, 1)


def torch_batch_norm(params, x, state, *, momentum, eps):
    """Values from torch, which keeps the running statistics in place; their gradients from formulas."""
    import torch
    import torch.nn.functional as F

    running = [s.detach().clone() for s in state]
    y = F.batch_norm(channels_first(x), *running, params.gamma, params.beta, True, momentum, eps)
    axes = tuple(range(x.ndim - 1))
    batch = torch.mean(x, axes), torch.var(x, axes, correction=1)
    formulas = [torch.lerp(old, new, momentum) for old, new in zip(state, batch, strict=True)]
    values = [value + (formula - formula.detach()) for value, formula in zip(running, formulas, strict=True)]
    return y.movedim(1, -1), BatchNormState(*values)


def torch_eval(params, x, state, *, eps):
    """Values from torch, which has no gradient for the running statistics; gradients from the formula."""
    import torch.nn.functional as F

    formula = params.gamma * (x - state.mean) * (state.var + eps) ** -0.5 + params.beta
    given = (s.detach() for s in (*state, *params))
    y = F.batch_norm(channels_first(x.detach()), *given, False, 0, eps).movedim(1, -1)
    return y + (formula - formula.detach())


def keras_batch_norm(params, x, state, *, momentum, eps):
    """Keras keeps the biased variance: made unbiased here."""
    import keras

    layer = keras.layers.BatchNormalization(momentum=1 - momentum, epsilon=eps, dtype="float64")
    layer.build(x.shape)
    layer.set_weights([params.gamma, params.beta, state.mean, state.var])
    y = layer(x, training=True).numpy()
    n, (mean, var) = x[..., 0].size, layer.get_weights()[2:]
    old = (1 - momentum) * state.var
    return y, BatchNormState(mean, old + (var - old) * n / (n - 1))


def onnx_batch_norm(params, x, state, *, momentum, eps):
    """ONNX keeps the biased variance: made unbiased here."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    names = {"x": x, "scale": params.gamma, "bias": params.beta, "mean": state.mean, "var": state.var}
    options = {"epsilon": eps, "momentum": 1 - momentum, "training_mode": 1}
    node = onnx.helper.make_node("BatchNormalization", list(names), ["y", "new_mean", "new_var"], **options)
    double = onnx.TensorProto.DOUBLE
    inputs = [onnx.helper.make_tensor_value_info(name, double, None) for name in names]
    outputs = [onnx.helper.make_tensor_value_info(name, double, None) for name in node.output]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "batch_norm", inputs, outputs))
    y, mean, var = ReferenceEvaluator(model).run(None, {**names, "x": np.moveaxis(x, -1, 1)})
    n, old = x[..., 0].size, (1 - momentum) * state.var
    return np.moveaxis(y, 1, -1), BatchNormState(mean, old + (var - old) * n / (n - 1))


def layer(draw, C):
    return BatchNormParams(draw(C), draw(C)), BatchNormState(mean=draw(C), var=0.5 + draw.uniform(C))


def single(tree):
    import optree

    return optree.tree_map(lambda x: x.astype("float32"), tree)


def initial(n, dtype):
    return BatchNormParams(np.ones(n), np.zeros(n)), BatchNormState(np.zeros(n), np.ones(n))


def cases(draw, N=5, H=2, W=3, C=4):
    second = {"keras": keras_batch_norm, "onnx": onnx_batch_norm}
    params, state = layer(draw, C)
    for name, shape in (("dense", (N + 2, C)), ("images", (N, H, W, C))):
        args = (params, 1 + 2 * draw(*shape), state)
        yield Case("batch_norm", args, torch_batch_norm, VISIBLE, name=name, second=second)
    yield Case("batch_norm", (params, draw(N, H, C), state), torch_batch_norm, USUAL, name="sequences")
    yield Case("batch_norm_eval", (params, draw(N, H, W, C), state), torch_eval, {"eps": 2.0**-10}, name="images")
    yield Case("batch_norm_eval", (params, draw(N, C), state), torch_eval, {"eps": 1e-5}, name="dense")
    yield Case("batch_norm_init", (C,), initial, {"dtype": "float64"}, grad=False)


def nasty(draw):
    params, state = layer(draw, 3)

    def case(name, x, function="batch_norm", static=USUAL, state=state, **more):
        oracle = torch_batch_norm if function == "batch_norm" else torch_eval
        return Case(function, (params, x, state), oracle, static, name=name, **more)

    yield case("momentum 0", draw(4, 3), static=USUAL | {"momentum": 0.0})
    yield case("momentum 1", draw(4, 3), static=USUAL | {"momentum": 1.0})
    yield case("zero variance", np.ones((4, 1)) * [7.0, 0.0, -1e-3])
    yield case("batch of two", draw(2, 3), tolerance=1e-8)  # outputs near ±1, gradients near 0: digits cancel
    yield case("two images of one pixel", draw(2, 1, 1, 3), tolerance=1e-8)
    yield case("one image of two pixels", draw(1, 2, 1, 3), tolerance=1e-8)
    args, name = single((params, 1e6 + draw(8, 3), state)), "mean 1e6, float32"  # in steps of 1/16, as the mean is
    yield Case("batch_norm", args, torch_batch_norm, USUAL, name=name, dtype="float32", tolerance=0.1)
    yield case("mean 1e6", 1e6 + draw(8, 3), tolerance=1e-8)
    yield case("tiny values", 1e-150 * draw(5, 3))
    still = BatchNormState(draw(3), np.zeros(3))
    yield case("running variance 0", draw(4, 3), "batch_norm_eval", {"eps": 1e-5}, still)
    yield case("one example", draw(1, 3), "batch_norm_eval", {"eps": 1e-5})
    yield case("no examples", draw(0, 3), "batch_norm_eval", {"eps": 1e-5})
    one, running = layer(draw, 1)
    yield Case("batch_norm", (one, draw(4, 1), running), torch_batch_norm, USUAL, name="one channel")


def bad(draw):
    params, state = layer(draw, 3)
    for shape in ((1, 3), (1, 1, 1, 3), (0, 3), (3,)):
        yield Bad("batch_norm", (params, draw(*shape), state), r"x has shape .* \(\*N, C\) with N at least 2")
    x = draw(4, 3)
    yield Bad("batch_norm", (params, draw(4, 2), state), r"x has shape \(4, 2\), .* C = 3, as in params.gamma")
    yield Bad("batch_norm", (params._replace(beta=draw(2)), x, state), r"params.beta has shape \(2,\)")
    yield Bad("batch_norm", (params, x, state._replace(mean=draw(4))), r"state.mean has shape \(4,\)")
    yield Bad("batch_norm", (params, x, state._replace(var=-state.var)), r"state.var holds -.* in \[0, inf\)")
    yield Bad("batch_norm", (params, x, state), r"momentum is 1.1, expected in \[0, 1\]", {"momentum": 1.1})
    yield Bad("batch_norm", (params, x, state), r"momentum is -0.1, expected in \[0, 1\]", {"momentum": -0.1})
    yield Bad("batch_norm", (params, x, state), r"eps is 0.0, expected in \(0, inf\)", {"eps": 0.0})
    yield Bad("batch_norm_eval", (params, x, state), r"eps is -1, expected in \(0, inf\)", {"eps": -1})
    yield Bad("batch_norm_eval", (params, x.astype("float32"), state), "x has dtype float32, expected float64")
    yield Bad("batch_norm", (params, x, (state.mean, state.var)), r"state is a tuple, expected BatchNormState")


MUTANTS = [
    Mutant("var = _sum_of_products(centred, centred) / n", "var = _sum_of_products(x, x) / n - mean * mean",
           "The variance in one pass, E[x²] - mean²: at a mean of 1e6 only rounding is left, even negative values."),
    Mutant("momentum * n / (n - 1) * var  # (6)", "momentum * var  # (6)",
           "Keras's and ONNX's running variance, biased: too small, and by half in a batch of two."),
    Mutant("var = _sum_of_products(centred, centred) / n", "var = _sum_of_products(centred, centred) / (n - 1)",
           "The unbiased variance already where it normalizes."),
    Mutant("new_mean = (1 - momentum) * run_mean + momentum * mean",
           "new_mean = momentum * run_mean + (1 - momentum) * mean",
           "Keras's and ONNX's momentum, the weight of the old: the running mean is nearly the last batch's."),
    Mutant("new_var = (1 - momentum) * run_var + momentum * n",
           "new_var = momentum * run_var + (1 - momentum) * n",
           "The same exchange in the running variance."),
    Mutant("inv_std = 1 / np.sqrt(var + eps)", "inv_std = 1 / (np.sqrt(var) + eps)",
           "ε outside the root: a constant channel is divided by 1e-5, not by 3e-3."),
    Mutant("y += params.beta  # (4)", "y += params.gamma * params.beta  # (4)",
           "β scaled by γ as well."),
    Mutant("x_hat = (x - run_mean) * inv_std  # (7)",
           "x_hat = (x - run_mean) / np.sqrt(np.mean((x - run_mean) ** 2) + eps)  # (7)",
           "The batch's variance in evaluation: what is said of one example depends on the others."),
    Mutant("d_x_hat = gamma * d_y  # through (4)\n    # gamma", "d_x_hat = 1 * d_y  # through (4)\n    # gamma",
           "γ is missing in the gradient: unseen as long as γ is 1, as it is at the start."),
    Mutant("d_mean = momentum * d_new_mean - inv_std * (gamma * d_beta)", "d_mean = momentum * d_new_mean",
           "The batch mean taken for a constant on the way back: d_x is not centred."),
    Mutant("d_mean = momentum * d_new_mean - ", "d_mean = -",
           "A dropped term: the running mean depends on x too."),
    Mutant("d_mean = momentum * d_new_mean - inv_std * (gamma * d_beta)",
           "d_mean = momentum * d_new_mean - inv_std * np.sum(gamma * d_beta)",
           "A sum over the channels as well: every channel has a mean of its own."),
    Mutant(" - inv_std**2 / 2 * (gamma * d_gamma)  # through (3)", "  # through (3)",
           "The batch variance taken for a constant on the way back: gradients that scale with x do not vanish."),
    Mutant("- inv_std**2 / 2 * (gamma * d_gamma)  # through (3)", "- inv_std / 2 * (gamma * d_gamma)  # through (3)",
           "1/√var has the derivative -½ var^(-3/2): x_hat holds one of its three factors 1/σ, two are left."),
    Mutant("- inv_std**2 / 2 * (gamma * d_gamma)  # through (3)", "- inv_std**2 * (gamma * d_gamma)  # through (3)",
           "The root's ½ is missing."),
    Mutant("d_x += 2 / n * d_var", "d_x += 1 / n * d_var", "The square's 2 is missing."),
    Mutant("d_x += 2 / n * d_var / inv_std * x_hat", "d_x += 2 / n * d_var * x_hat",
           "x_hat in place of x - mean: one factor σ is lost."),
    Mutant("d_x += d_mean / n  # through (1)", "d_x += d_mean  # through (1)",
           "Every example has a part 1/n in the mean, not all of it."),
    Mutant("    d_beta, d_gamma = _sum(d_y), _sum_of_products(d_y, x_hat)  # through (4)\n"
           "    d_x_hat = gamma * d_y  # through (4)\n    # gamma",
           "    d_beta, d_gamma = _sum(d_y), _sum_of_products(d_y, x_hat) / inv_std  # through (4)\n"
           "    d_x_hat = gamma * d_y  # through (4)\n    # gamma",
           "γ's gradient along x - mean instead of x_hat."),
    Mutant("d_run_mean, d_run_var = (1 - momentum) * d_new_mean,", "d_run_mean, d_run_var = 0 * d_new_mean,",
           "The old running mean lives on in the new one, and so does its gradient."),
    Mutant("d_run_mean = -inv_std * (gamma * d_beta)", "d_run_mean = inv_std * (gamma * d_beta)",
           "y falls where the running mean rises."),
]  # fmt: skip
