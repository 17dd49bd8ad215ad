"""Pooling over 2 x 2, forward and backward, against torch.nn.functional and tf.nn. torch gets images as they lie in
memory, channels last, which is faster for it."""

from shared.benchmarks import gradients, keras_gradients, torch_gradients

FULL = {"shapes": ((64, 24, 24, 20), (64, 8, 8, 50))}
TINY = {"shapes": ((2, 6, 4, 3), (3, 5, 4, 2))}
MODES = {"keras": "function"}  # XLA is slower here
FUNCTIONS = {"pooling_max": ("max_pool2d", "max_pool2d"), "pooling_average": ("avg_pool2d", "avg_pool2d")}


def benchmarks(draw, shapes):
    for function in FUNCTIONS:
        for shape in shapes:
            n, height, width, c = shape
            yield _benchmark(function, draw(*shape), draw(n, height // 2, width // 2, c))


def _benchmark(function, x, dy):
    in_torch, in_tf = FUNCTIONS[function]
    benchmark = gradients(function, (x,), dy, None, None, MODES, {"window": 2})
    return benchmark._replace(
        name=f"{function} {x.shape}",
        torch=lambda torch: _torch(torch, getattr(torch.nn.functional, in_torch), x, dy),
        keras=lambda keras, mode: _tf(in_tf, mode, x, dy),
    )


def _torch(torch, pool, x, dy):
    x, dy = (torch.tensor(array).movedim(-1, 1) for array in (x, dy))
    differentiate = torch_gradients(lambda x: pool(x, 2), (x,), dy)

    def step():
        y, (d_x,) = differentiate()
        return y.movedim(1, -1), d_x.movedim(1, -1)

    return step


def _tf(function, mode, x, dy):
    import tensorflow as tf

    pool = getattr(tf.nn, function)
    return keras_gradients(lambda x: pool(x, 2, 2, "VALID"), (tf.constant(x),), tf.constant(dy), mode)
