"""Layer normalization, forward and backward, against torch.nn.functional.layer_norm and Keras's layer."""

from numpy_impl.normalization.layer_norm import LayerNormParams
from shared.benchmarks import gradients, keras_gradients

FULL = {"shapes": ((128, 512), (32, 16, 16, 64))}
TINY = {"shapes": ((4, 5), (2, 3, 3, 4))}


def benchmarks(draw, shapes):
    for shape in shapes:
        yield _benchmark(draw, shape)


def _benchmark(draw, shape):
    params, x, dy = LayerNormParams(draw(shape[-1]), draw(shape[-1])), draw(*shape), draw(*shape)
    benchmark = gradients(
        "layer_norm",
        (params, x),
        dy,
        torch=lambda torch: lambda params, x: torch.nn.functional.layer_norm(x, x.shape[-1:], *params),
        keras=None,
    )
    keras = lambda keras, mode: _keras(keras, mode, params, x, dy)
    return benchmark._replace(name=f"layer_norm {shape}", keras=keras)


def _keras(keras, mode, params, x, dy):
    layer = keras.layers.LayerNormalization(epsilon=1e-5)
    layer.build(x.shape)
    layer.set_weights(list(params))
    return keras_gradients(layer, (keras.ops.array(x),), keras.ops.array(dy), mode, layer.trainable_variables)
