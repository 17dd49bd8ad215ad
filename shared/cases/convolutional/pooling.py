"""Oracle: torch.nn.functional's pooling in float64, on an image that torch.nn.functional.pad has padded; Keras on
TensorFlow and ONNX's reference evaluator as second opinions."""

import numpy as np

from shared.cases import Bad, Case, Mutant
from shared.cases.convolutional.conv2d import pair, zeros

SMALLEST = {"N": 0, "H": 3, "W": 3, "C": 1}


def padded(x, window, stride, padding, value):
    """Channels first, with `value` around it."""
    import torch.nn.functional as F

    stride = window if stride is None else stride
    vertical, horizontal = zeros(x.shape[1:3], pair(window), stride, padding, 1)
    return F.pad(x.permute(0, 3, 1, 2), (*horizontal, *vertical), value=value)


def torch_max(x, *, window, stride=None, padding="valid"):
    import torch.nn.functional as F

    x = padded(x, window, stride, padding, -float("inf"))
    return F.max_pool2d(x, window, stride).permute(0, 2, 3, 1)


def torch_average(x, *, window, stride=None, padding="valid"):
    import torch
    import torch.nn.functional as F

    ones, x = (padded(y, window, stride, padding, 0.0) for y in (torch.ones_like(x), x))
    total, count = (F.avg_pool2d(y, window, stride, divisor_override=1) for y in (x, ones))
    return (total / torch.where(count == 0, 1, count)).permute(0, 2, 3, 1)


def torch_padding(function):
    """torch's own padding, the same on both sides."""

    def oracle(x, *, window, stride, padding):
        import torch.nn.functional as F

        (top, _), (left, _) = padding
        more = {"count_include_pad": False} if function == "avg_pool2d" else {}
        y = getattr(F, function)(x.permute(0, 3, 1, 2), window, stride, (top, left), **more)
        return y.permute(0, 2, 3, 1)

    return oracle


def torch_global(function):
    def oracle(x):
        import torch.nn.functional as F

        return getattr(F, function)(x.permute(0, 3, 1, 2), 1)[:, :, 0, 0]

    return oracle


def keras_layer(name):
    def oracle(x, *, window, stride=None, padding="valid"):
        import keras

        return getattr(keras.layers, name)(window, stride, padding, dtype="float64")(x).numpy()

    return oracle


def keras_global(name):
    def oracle(x):
        import keras

        return getattr(keras.layers, name)(dtype="float64")(x).numpy()

    return oracle


def onnx_node(operation):
    def oracle(x, *, window, stride=None, padding="valid"):
        import onnx
        from onnx.reference import ReferenceEvaluator

        (top, bottom), (left, right) = padding
        options = {"kernel_shape": pair(window), "strides": pair(window if stride is None else stride)}
        node = onnx.helper.make_node(operation, ["x"], ["y"], pads=(top, left, bottom, right), **options)
        infos = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in "xy"]
        model = onnx.helper.make_model(onnx.helper.make_graph([node], "pooling", infos[:1], infos[1:]))
        return ReferenceEvaluator(model).run(None, {"x": x.transpose(0, 3, 1, 2)})[0].transpose(0, 2, 3, 1)

    return oracle


MAX, AVERAGE = ("pooling_max", torch_max), ("pooling_average", torch_average)
KERAS = {"pooling_max": keras_layer("MaxPooling2D"), "pooling_average": keras_layer("AveragePooling2D")}
ONNX = {"pooling_max": onnx_node("MaxPool"), "pooling_average": onnx_node("AveragePool")}


def cases(draw, N=3, H=7, W=6, C=2):
    for function, oracle in (MAX, AVERAGE):
        keras = {"keras": KERAS[function]} if N else {}  # refuses empty batches, as ONNX does
        for name, options in (
            ("2 x 2", {"window": 2}),
            ("overlapping", {"window": (3, 2), "stride": (1, 2)}),
            ("same", {"window": (3, 2), "stride": 2, "padding": "same"}),
            ("same, far apart", {"window": 2, "stride": (3, 1), "padding": "same"}),
        ):
            yield Case(function, (draw(N, H, W, C),), oracle, options, name=name, second=keras)
        options = {"window": (2, 3), "stride": (2, 1), "padding": ((1, 0), (0, 2))}
        onnx = {"onnx": ONNX[function]} if N else {}
        yield Case(function, (draw(N, H, W, C),), oracle, options, name="explicit", second=onnx)
        options = {"window": 3, "stride": 2, "padding": ((1, 1), (1, 1))}
        own = torch_padding({"pooling_max": "max_pool2d", "pooling_average": "avg_pool2d"}[function])
        yield Case(function, (draw(N, H, W, C),), own, options, name="as torch pads")
    for function, torch_name, keras_name in (
        ("pooling_global_max", "adaptive_max_pool2d", "GlobalMaxPooling2D"),
        ("pooling_global_average", "adaptive_avg_pool2d", "GlobalAveragePooling2D"),
    ):
        second = {"keras": keras_global(keras_name)} if N else {}
        yield Case(function, (draw(N, H, W, C),), torch_global(torch_name), second=second)


def nasty(draw):
    steps = np.float64(draw.integers(3, 2, 8, 9, 3))  # many ties
    few = np.maximum(draw(2, 8, 9, 3) - 1, 0)  # as a relu leaves them
    same, far = {"window": 3, "stride": 2, "padding": "same"}, {"window": 2, "stride": 3}
    for function, oracle in (MAX, AVERAGE):
        for name, x, options in (
            ("windows of equals", np.ones((2, 6, 6, 3)), {"window": 2}),
            ("windows of equals that overlap", np.ones((2, 6, 6, 3)), same),
            ("ties", steps, {"window": 3, "stride": 1}),
            ("zeros of a relu", few, {"window": 2}),
            ("negative numbers, same", -1 - draw.uniform(2, 5, 5, 3), same),
            ("window as large as the input", draw(2, 4, 5, 3), {"window": (4, 5)}),
            ("stride larger than the window", draw(2, 8, 9, 3), far),
            ("stride larger than the window, same", draw(2, 8, 9, 3), far | {"padding": "same"}),
            ("even window, same, stride 1", draw(2, 5, 6, 3), {"window": (2, 4), "stride": 1, "padding": "same"}),
            ("window larger than the input, same", draw(2, 2, 3, 3), {"window": 5, "stride": 1, "padding": "same"}),
            ("1 x 1", draw(2, 4, 5, 3), {"window": 1}),
            ("1 x 1 with stride", draw(2, 4, 5, 3), {"window": 1, "stride": 2}),
            ("one pixel", draw(1, 1, 1, 1), {"window": 1}),
            ("one channel", draw(2, 5, 6, 1), same),
            ("windows in the padding alone", draw(1, 2, 2, 3), {"window": 2, "padding": ((3, 3), (0, 4))}),
            ("no images", draw(0, 5, 6, 3), same),
            ("huge numbers", 1e300 * draw(2, 4, 4, 3), {"window": 2, "stride": 1}),
        ):
            yield Case(function, (x,), oracle, options, name=name)
    lowest = np.full((1, 4, 5, 2), -np.inf)
    lowest[0, 3, 4] = 1.0
    options = {"window": 2, "stride": 1}
    yield Case("pooling_max", (lowest,), torch_max, options, name="nothing above -inf")
    options = {"window": 3, "stride": 2, "padding": ((1, 1), (1, 1))}
    oracle = torch_padding("max_pool2d")
    yield Case("pooling_max", (lowest,), oracle, options, name="nothing above -inf beside padding")
    holes = draw(2, 6, 6, 2)
    holes[0, 1, 2], holes[0, 1, 3], holes[1, 4, 0] = np.nan, np.nan, np.inf
    yield Case("pooling_max", (holes,), torch_max, {"window": 3, "stride": 1}, name="NaN")
    yield Case("pooling_global_max", (holes,), torch_global("adaptive_max_pool2d"), name="NaN")
    for function, name in (("max", "adaptive_max_pool2d"), ("average", "adaptive_avg_pool2d")):
        for what, x in (("ties", steps), ("equals", np.ones((2, 3, 4, 2))), ("one pixel", draw(2, 1, 1, 3))):
            yield Case(f"pooling_global_{function}", (x,), torch_global(name), name=what)
        yield Case(f"pooling_global_{function}", (draw(0, 3, 4, 2),), torch_global(name), name="no images")


def bad(draw):
    x = draw(2, 3, 4, 3)
    for function in ("pooling_max", "pooling_average"):
        says = r"an image has 3 rows and padding \(0, 0\), expected at least 4 in all, as a window of 4 rows covers"
        yield Bad(function, (x,), says, {"window": 4})
        says = r"an image has 4 columns and padding \(1, 0\), expected at least 6 in all"
        yield Bad(function, (x,), says, {"window": (2, 6), "padding": ((0, 0), (1, 0))})
        yield Bad(function, (x,), r"window is \(0, 0\), expected an integer or two, at least 1", {"window": 0})
        yield Bad(function, (x,), r"window is \(2, 2, 2\), expected an integer or two", {"window": (2, 2, 2)})
        yield Bad(function, (x,), r"stride is \(1, 0\), expected an integer or two", {"window": 2, "stride": (1, 0)})
        yield Bad(function, (x,), "stride is 0, expected an integer or two", {"window": 2, "stride": 0})
        padding = ((1.9, 1), (0, 0))
        says = r"padding is \(\(1\.9, 1\), \(0, 0\)\), expected .* integers"
        yield Bad(function, (x,), says, {"window": 2, "padding": padding})
        yield Bad(function, (x,), r"window is \(True, True\), expected an integer", {"window": True})
        yield Bad(function, (x,), "padding is 'full', expected \"valid\"", {"window": 2, "padding": "full"})
        yield Bad(function, (x[0],), r"x has shape \(3, 4, 3\), expected \(N, H, W, C\)", {"window": 2})
        yield Bad(function, (x[:, :0],), "x has shape .* H at least 1", {"window": 2, "padding": "same"})
        yield Bad(function, (np.arange(16).reshape(1, 4, 4, 1),), "x has dtype int64, expected float", {"window": 2})
    yield Bad("pooling_global_max", (x[:, :, :0],), "x has shape .* W at least 1")
    yield Bad("pooling_global_average", (x[:, :0],), "x has shape .* H at least 1")


MUTANTS = [
    Mutant("better = (value > m)", "better = (value >= m)",
           "The last of equal values gets the gradient: where a relu has left zeros, most windows are ties."),
    Mutant("d_m * (winner == k)", "d_m * (winner >= k)",
           "Elements before the winner get the gradient, too, not only the winner."),
    Mutant("_padded(x, pads, -np.inf)", "_padded(x, pads, 0)",
           "Zeros around the image in a maximum: they win over everything negative."),
    Mutant("| (value != value)", "", "A NaN that gets no gradient, though it made the output."),
    Mutant("firsts.append(inside & ~begun)", "firsts.append(False)",
           "A window of -∞ gives its gradient to the padding when that comes first."),
    Mutant("m = np.maximum(m, value)", "m = np.fmax(m, value)",
           "NaNs dropped, as TensorFlow's max_pool does: a network that has diverged looks healthy."),
    Mutant("np.sum(_inside(x, pads, places), axis=0)", "np.full(1, len(places))",
           "Zeros around the image counted in the mean (torch's default): corners come out too small."),
    Mutant("count = np.maximum(np.sum(_inside(x, pads, places), axis=0), 1)",
           "count = np.sum(_inside(x, pads, places), axis=0)",
           "A window that sees nothing of the image: 0 / 0."),
    Mutant("d_total = d_a / count  # through (3)", "d_total = d_a / len(places)  # through (3)",
           "The divisor of a whole window on the way back, at the borders too."),
    Mutant("d_total = d_a / count  # through (3)", "d_total = d_a  # through (3)",
           "The divisor dropped: a sum's gradient, not a mean's."),
    Mutant("d_x_pad[:, rows, columns] += d_total", "d_x_pad[:, rows, columns] = d_total",
           "Windows that overlap: the last one's gradient in place of the sum."),
    Mutant("d_x_pad[:, rows, columns] += d_m", "d_x_pad[:, rows, columns] = d_m",
           "A pixel that is the winner of two windows gets the gradient of both."),
    Mutant("stride = window if stride is None else stride", "stride = 1 if stride is None else stride",
           "Windows side by side is what a missing stride means, not one at every pixel."),
    Mutant("d_x = conv2d_crop(d_x_pad, pads)  # through (1)",
           "d_x = conv2d_crop(d_x_pad, [p[::-1] for p in pads])  # through (1)",
           "The wrong side's padding cut off the gradient."),
    Mutant("window=(1, x.shape[2]))", "window=(1, x.shape[2] - 1))",
           "The last column never looked at."),
    Mutant("d_a[:, None, None] / (height * width)", "d_a[:, None, None] / height",
           "The mean over rows and columns has both in its divisor."),
    Mutant("d_a[:, None, None] / (height * width)", "np.mean(d_a, axis=1)[:, None, None, None] / (height * width)",
           "The wrong axis on the way back: every channel has a gradient of its own."),
    Mutant("a = np.mean(x, axis=(1, 2))", "a = np.mean(x, axis=(2, 3))",
           "The mean of a library with channels first."),
]  # fmt: skip
