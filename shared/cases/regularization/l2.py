"""Oracle: torch.linalg in float64 over weights that are picked by hand; keras.regularizers as a second opinion."""

import numpy as np

from numpy_impl.convolutional.cnn import CNNBlock, CNNParams
from numpy_impl.intro.linear_regression import LinearRegressionParams
from numpy_impl.intro.mlp import MLPLayer
from numpy_impl.normalization.batch_norm import BatchNormParams
from numpy_impl.recurrent.lstm import LSTMParams
from numpy_impl.recurrent.readout import ReadoutParams
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "D": 1, "H": 1}
STRENGTH = {"strength": 0.375}  # exact in float32, as which Keras keeps it


def of_mlp(params):
    return [layer.W for layer in params]


def of_lstm(params):
    (layer,) = params.layers
    return [layer.W_x, layer.W_h, params.W_o]


def of_dict(params):
    return [params["w"], *params["W_heads"], params["body"]["W1"]]


def of_linear(params):
    return [params.w]


def of_cnn(params):
    return [block.W for block in params.blocks] + of_mlp(params.dense)


def torch_l2(pick):
    def penalty(params, *, strength=0.01):
        import torch

        return strength * sum(torch.linalg.vector_norm(w) ** 2 for w in pick(params)) / 2

    return penalty


def keras_l2(pick):
    def penalty(params, *, strength):
        import keras

        return sum(keras.regularizers.L2(strength / 2)(w).numpy() for w in pick(params))

    return penalty


def trees(draw, D, H):
    """(name, tree, its weights): the ways a model of ours keeps its parameters."""
    yield "mlp", (MLPLayer(draw(D, H), draw(H)), MLPLayer(draw(H, D), draw(D))), of_mlp
    lstm = LSTMParams(W_x=draw(D, 4 * H), W_h=draw(H, 4 * H), b=draw(4 * H))
    yield "lstm", ReadoutParams((lstm,), W_o=draw(H, D), b_o=draw(D)), of_lstm
    heads, body = [draw(D), draw(H)], {"W1": draw(D, H), "b1": draw(H), "beta": draw(H), "gamma": draw(H)}
    yield "dict", {"b_W": draw(D), "w": draw(H), "W_heads": heads, "body": body}, of_dict


def with_none(draw):
    """A convolutional network, of whose blocks one has biases and the other normalization."""
    norm = BatchNormParams(gamma=draw(4), beta=draw(4))
    blocks = CNNBlock(draw(3, 3, 1, 2), draw(2), None), CNNBlock(draw(3, 3, 2, 4), None, norm)
    return CNNParams(blocks, dense=(MLPLayer(draw(4, 3), draw(3)),))


def cases(draw, N=2, D=3, H=4):
    for name, tree, pick in trees(draw, D, H):
        yield Case("l2", (tree,), torch_l2(pick), STRENGTH, name=name, second={"keras": keras_l2(pick)})
    empty = {"W": draw(D), "w": draw(N, H), "b": draw(N)}
    yield Case("l2", (empty,), torch_l2(lambda p: [p["W"], p["w"]]), {"strength": 0.1}, name="N rows")


def nasty(draw):
    zeros = LinearRegressionParams(w=np.array([0.0, -0.0, 0.0]), b=draw())
    yield Case("l2", (zeros,), torch_l2(of_linear), STRENGTH, name="all zero")
    params = LinearRegressionParams(w=draw(3), b=draw())
    yield Case("l2", (params,), torch_l2(of_linear), {"strength": 0}, name="strength 0")
    huge = LinearRegressionParams(w=1e18 * draw(3).astype("float32"), b=draw().astype("float32"))
    yield Case("l2", (huge,), torch_l2(of_linear), STRENGTH, dtype="float32", name="huge weights, float32")
    yield Case("l2", (params,), torch_l2(of_linear), name="strength as it is")
    yield Case("l2", (with_none(draw),), torch_l2(of_cnn), STRENGTH, name="fields that are None")


def bad(draw, function="l2"):
    params = {"W": draw(2, 3), "b": draw(3)}
    yield Bad(function, (params,), r"strength is -0.1, expected in \[0, inf\)", {"strength": -0.1})
    yield Bad(function, (params,), "strength is nan, expected", {"strength": float("nan")})
    yield Bad(function, (params,), "strength is 'much', expected a number", {"strength": "much"})
    yield Bad(function, ({"b": draw(3), "beta": draw(3)},), "params holds no weight, expected a field", STRENGTH)
    yield Bad(function, (draw(3),), "params holds no weight", STRENGTH)
    yield Bad(function, ((),), "params holds no weight", STRENGTH)
    mixed = {**params, "b": draw(3).astype("float32")}
    yield Bad(function, (mixed,), "params.b has dtype float32, expected float64", STRENGTH)
    counts = {"W": np.arange(3)}
    yield Bad(function, (counts,), "params.W has dtype int64, expected float", STRENGTH)


MUTANTS = [
    Mutant("penalty = 0.5 * strength * square", "penalty = strength * square",
           "Keras's L2: without the ½, λ means twice as much, and the gradient λ w no longer fits the value."),
    Mutant("d_square = 0.5 * strength * d_penalty", "d_square = strength * d_penalty",
           "The gradient of λ ‖w‖², not of ½ λ ‖w‖²: twice the decay."),
    Mutant("d_square = 0.5 * strength * d_penalty", "d_square = 0.5 * strength",
           "The gradient that comes from above is ignored: right only while the penalty is added with factor 1."),
    Mutant("for w, is_weight in marked if is_weight)", "for w, is_weight in marked)",
           "Biases penalised as well: the model can no longer follow the mean of the targets."),
    Mutant("if is_weight else np.zeros_like(w)", "if True else np.zeros_like(w)",
           "PyTorch's weight_decay over model.parameters(): biases decay in the gradient, though not in the loss."),
    Mutant("penalty = 0.5 * strength * square", "penalty = strength * np.sqrt(square)",
           "The length instead of half its square: a pull of constant strength, however small the weights."),
    Mutant("penalty = 0.5 * strength * square",
           "penalty = 0.5 * strength * square / sum(w.size for w, is_weight in marked if is_weight)",
           "A mean over the weights: the larger the model, the weaker its penalty."),
    Mutant("square = sum(np.vdot(w, w)", "square = max(np.vdot(w, w)",
           "Only the largest layer counts."),
    Mutant("(str(name) for name in reversed(names) if name is not None)", "(str(names[-1]) for _ in names)",
           "Weights in a list or tuple lose the name that tells what they are, and are forgotten."),
    Mutant('_name(accessor)[:1] in ("W", "w")', '_name(accessor)[:1] == "W"',
           "Only the capital letter: the w of a linear regression goes free."),
    Mutant('_name(accessor)[:1] in ("W", "w")', '"w" in _name(accessor).lower()',
           "Every name with a w in it counts, wherever it stands: some biases do too."),
    Mutant("2 * d_square * w if", "2 * d_square * np.sum(w, axis=0) + 0 * w if",
           "A sum over the wrong axis, or over any: each weight is pulled by itself, not by its column."),
    Mutant("2 * d_square * w if", "d_square * w if", "The square's 2 is missing: half the decay."),
]  # fmt: skip
