"""L1 penalty of two million weights: value and gradient."""

from shared.benchmarks import gradients, keras_gradients

FULL = {"D": 1000}
TINY = {"D": 4}
STRENGTH = 0.01  # the default


def benchmarks(draw, D):
    params, along = {"W1": draw(D, D), "W2": draw(D, D)}, draw()
    benchmark = gradients(
        "l1",
        (params,),
        along,
        torch=lambda torch: lambda params: STRENGTH * sum(w.abs().sum() for w in params.values()),
        keras=None,
    )
    yield benchmark._replace(keras=lambda keras, mode: _keras(keras, mode, params, along))


def _keras(keras, mode, params, along):
    penalty = keras.regularizers.L1(STRENGTH)
    weights = [keras.ops.array(W) for W in params.values()]
    return keras_gradients(lambda *weights: sum(map(penalty, weights)), weights, keras.ops.array(along), mode)
