"""Oracle: torch.optim.SGD in float64; TensorFlow's raw update operation as a second opinion."""

import numpy as np

from numpy_impl.optimizers.sgd import SGDState
from shared.cases import Bad, Case, Mutant
from shared.cases.optimizers import descent, drivers, torch_run

run, _, _ = drivers("sgd")
SMALLEST = {"D": 1, "H": 1}


def torch_sgd(params, grads, lrs):
    import torch

    return torch_run(torch.optim.SGD, params, grads, lrs, lambda optimizer, leaves, unflatten: SGDState())


def raw_tensorflow(params, grads, lrs):
    import tensorflow as tf

    variables = {name: tf.Variable(p) for name, p in params.items()}
    history = []
    for g, lr in zip(grads, lrs, strict=True):
        for name, variable in variables.items():
            rate = tf.constant(lr, variable.dtype)
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=tf.constant(g[name]))
        history.append(({name: v.numpy() for name, v in variables.items()}, SGDState()))
    return history


def cases(draw, D=3, H=4):
    args = descent(draw, D, H)
    yield Case(run, args, torch_sgd, grad=False, second={"tensorflow": raw_tensorflow})


def nasty(draw):
    params, grads = {"W": draw(3)}, [{"W": np.zeros(3)}]
    yield Case(run, (params, grads, [0.1]), torch_sgd, grad=False, name="zero gradient at step one")
    grads = [{"W": np.float32([1e20, -1e20, 1e-30])}]
    args = ({"W": draw(3).astype("float32")}, grads, [1e-3])
    yield Case(run, args, torch_sgd, grad=False, dtype="float32", name="huge gradients, float32")


def bad(draw):
    params = {"W": draw(3, 2), "b": draw(2)}
    state = SGDState()
    yield Bad("sgd_update", (params, state, params), r"lr is -0.1, expected in \[0, inf\)", {"lr": -0.1})
    yield Bad("sgd_update", (params, state, params), r"lr is 'fast', expected a number", {"lr": "fast"})
    yield Bad("sgd_update", ({"W": params["W"]}, state, params), "params is the tree .* as grads is")
    yield Bad("sgd_update", ({**params, "b": draw(3)}, state, params), r"params.b has shape \(2,\), expected \(3,\)")


MUTANTS = [
    Mutant("p - lr * g", "p + lr * g", "Ascent: the loss grows."),
    Mutant("p - lr * g", "p - lr", "The gradient forgotten: every weight sinks at the same speed."),
    Mutant(
        "p - lr * g",
        "p - lr * g / abs(g).max()",
        "Steps of one length, however flat the loss: a normalised gradient.",
    ),
    Mutant("p - lr * g", "p - lr * g / 2", "Half the step: the learning rate no longer means what it says."),
    Mutant("p - lr * g", "p - 0.01 * g", "The default hard-coded: schedules do nothing."),
    Mutant("map_leaves(update, params, grads)", "map_leaves(update, grads, params)",
           "Parameters and gradients swapped."),
    Mutant("p - lr * g", "(1 - lr) * p - lr * g", "Weight decay nobody asked for."),
]  # fmt: skip
