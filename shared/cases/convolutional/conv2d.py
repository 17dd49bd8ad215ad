"""Oracle: torch.nn.functional.conv2d in float64, on an image padded by torch.nn.functional.pad; Keras on TensorFlow
and ONNX's reference evaluator as second opinions."""

import math

import numpy as np

from numpy_impl.convolutional.conv2d import Conv2DParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant

SMALLEST = {"N": 0, "H": 3, "W": 3, "C": 1, "K": 1}
USUAL = {"stride": 1, "padding": "valid", "dilation": 1, "groups": 1}


def pair(value):
    return (value, value) if isinstance(value, int) else value


def zeros(size, kernel, stride, padding, dilation):
    """((top, bottom), (left, right)), as TensorFlow's documentation of SAME has it."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        return padding
    pads = []
    for n, k, s, d in zip(size, kernel, pair(stride), pair(dilation), strict=True):
        extent = d * (k - 1) + 1
        missing = max(extent - s if n % s == 0 else extent - n % s, 0)
        pads.append((math.floor(missing / 2), math.ceil(missing / 2)))
    return tuple(pads)


def torch_conv2d(params, x, *, stride, padding, dilation, groups):
    import torch.nn.functional as F

    vertical, horizontal = zeros(x.shape[1:3], params.W.shape[:2], stride, padding, dilation)
    x = F.pad(x.permute(0, 3, 1, 2), (*horizontal, *vertical))
    y = F.conv2d(
        x, params.W.permute(3, 2, 0, 1).contiguous(), params.b, stride=stride, dilation=dilation, groups=groups
    )
    return y.permute(0, 2, 3, 1)


def keras_conv2d(params, x, *, stride, padding, dilation, groups):
    """Explicit padding as a layer of its own."""
    import keras

    options = {"strides": stride, "dilation_rate": dilation, "groups": groups, "dtype": "float64"}
    if not isinstance(padding, str):
        x, padding = keras.layers.ZeroPadding2D(padding, dtype="float64")(x), "valid"
    layer = keras.layers.Conv2D(len(params.b), params.W.shape[:2], padding=padding, **options)
    layer.build(x.shape)
    layer.set_weights(list(params))
    return layer(x).numpy()


def onnx_conv2d(params, x, *, stride, padding, dilation, groups):
    import onnx
    from onnx.reference import ReferenceEvaluator

    options = {"strides": pair(stride), "dilations": pair(dilation), "group": groups}
    if padding == "same":
        options |= {"auto_pad": "SAME_UPPER"}
    elif padding != "valid":
        (top, bottom), (left, right) = padding
        options |= {"pads": (top, left, bottom, right)}
    node = onnx.helper.make_node("Conv", ["x", "W", "b"], ["y"], **options)
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in "xWb"]
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "conv2d", inputs, [output]))
    feed = {"x": x.transpose(0, 3, 1, 2), "W": params.W.transpose(3, 2, 0, 1), "b": params.b}
    return ReferenceEvaluator(model).run(None, feed)[0].transpose(0, 2, 3, 1)


def initial(rng, kernel, n_in, n_out, *, groups, dtype):
    shape = (*kernel, n_in // groups, n_out)
    bound = math.sqrt(6 / math.prod(shape[:3]))
    return Conv2DParams(np.random.default_rng(rng.seed).uniform(-bound, bound, shape), np.zeros(n_out))


def weights(draw, kH, kW, n_in, n_out, groups=1):
    return Conv2DParams(W=draw(kH, kW, n_in // groups, n_out), b=draw(n_out))


def case(draw, name, x, kernel, n_out, second=None, **options):
    options = USUAL | options
    args = weights(draw, *kernel, x.shape[3], n_out, options["groups"]), x
    return Case("conv2d", args, torch_conv2d, options, name=name, second=second or {})


def cases(draw, N=3, H=7, W=6, C=2, K=5):
    onnx = {"onnx": onnx_conv2d}
    both = onnx | {"keras": keras_conv2d}  # Keras has dilation or a stride, not both
    yield case(draw, "valid", draw(N, H, W, C), (3, 2), K, both)
    yield case(draw, "same, stride 2", draw(N, H, W, C), (3, 3), K, both, padding="same", stride=2)
    yield case(draw, "same, two strides", draw(N, H + 1, W, C), (2, 3), K, both, padding="same", stride=(2, 1))
    yield case(draw, "same, dilated", draw(N, H, W, C), (3, 2), K, both, padding="same", dilation=(1, 2))
    pads = ((2, 0), (1, 3))
    yield case(draw, "explicit", draw(N, H, W, C), (2, 3), K, onnx, padding=pads, stride=(1, 2), dilation=(2, 1))
    yield case(draw, "groups", draw(N, H, W, 2 * C), (2, 3), 2 * K, both, padding="same", groups=2)
    options = {"groups": C, "stride": (2, 1), "padding": ((1, 1), (0, 1)), "dilation": (2, 1)}
    yield case(draw, "depthwise", draw(N, H, W, C), (3, 2), 2 * C, onnx, **options)
    yield Case("conv2d_init", (Seed(5), (3, 2), C, K), initial, {"groups": 1, "dtype": "float64"}, grad=False)
    args = (Seed(6), (3, 2), 2 * C, 2 * K)
    yield Case("conv2d_init", args, initial, {"groups": 2, "dtype": "float64"}, grad=False, name="groups")


def nasty(draw):
    for name, size, kernel, options in (
        ("kernel as large as the input", (2, 4, 5, 3), (4, 5), {}),
        ("kernel as large as the padded input", (2, 2, 3, 3), (4, 5), {"padding": ((1, 1), (2, 0))}),
        ("kernel larger than the input, same", (2, 2, 3, 3), (5, 4), {"padding": "same"}),
        ("stride larger than the kernel", (2, 9, 8, 3), (2, 2), {"stride": 3}),
        ("stride larger than the kernel, same", (2, 9, 8, 3), (2, 1), {"stride": (3, 4), "padding": "same"}),
        ("stride larger than the input", (2, 4, 4, 3), (2, 2), {"stride": 9}),
        ("even kernel, same", (2, 5, 6, 3), (4, 2), {"padding": "same"}),
        ("even kernel, same, stride 2", (2, 6, 6, 3), (4, 2), {"padding": "same", "stride": 2}),
        ("half a kernel around it has the same shape", (1, 6, 6, 1), (3, 3), {"padding": "same", "stride": 2}),
        ("1 x 1", (2, 4, 5, 3), (1, 1), {}),
        ("1 x 1 with stride and padding", (2, 4, 5, 3), (1, 1), {"stride": 2, "padding": ((1, 0), (0, 2))}),
        ("one pixel", (1, 1, 1, 1), (1, 1), {}),
        ("one row", (2, 1, 7, 3), (1, 3), {}),
        ("one channel", (2, 5, 6, 1), (3, 3), {"padding": "same"}),
        ("rows that no window sees", (2, 8, 8, 3), (2, 2), {"stride": 3, "padding": ((0, 1), (0, 0))}),
        ("dilated beyond the stride", (2, 9, 9, 3), (3, 3), {"dilation": 4}),
        ("dilated, same, stride 2", (2, 9, 8, 3), (3, 2), {"dilation": (2, 3), "padding": "same", "stride": 2}),
        ("windows in the padding alone", (1, 2, 2, 3), (2, 2), {"padding": ((3, 3), (0, 4))}),
        ("no images", (0, 5, 6, 3), (3, 2), {"padding": "same"}),
    ):
        yield case(draw, name, draw(*size), kernel, 4, **options)
    yield case(draw, "no images, groups", draw(0, 5, 6, 4), (3, 2), 6, groups=2)
    yield case(draw, "one output channel", draw(2, 5, 6, 3), (2, 2), 1)
    yield case(draw, "as many groups as channels", draw(2, 5, 6, 5), (2, 2), 5, groups=5)
    yield case(draw, "1 x 1 in groups", draw(2, 5, 6, 4), (1, 1), 6, groups=2)


def bad(draw):
    params, x = weights(draw, 3, 2, 4, 6), draw(2, 7, 5, 4)

    def wrong(says, params=params, x=x, **options):
        return Bad("conv2d", (params, x), says, options)

    yield wrong(
        r"an image has 2 rows and padding \(0, 0\), expected at least 3 in all, as a window of 3 rows covers",
        x=draw(2, 2, 5, 4),
    )
    yield wrong(r"1 columns and padding \(0, 0\), expected at least 2", x=draw(2, 7, 1, 4))
    yield wrong(r"7 rows and padding \(0, 0\), expected at least 9", dilation=4)
    yield wrong(r"5 columns and padding \(1, 0\), expected at least 8", dilation=(1, 7), padding=((0, 0), (1, 0)))
    yield wrong(r"0 rows and padding \(0, 0\)", x=draw(2, 0, 5, 4))
    yield wrong(r"0 columns and padding .*, expected", x=draw(2, 7, 0, 4), padding="same")
    yield wrong("x has 3 channels, expected 4, as params.W has 4 in each of 1 groups", x=draw(2, 7, 5, 3))
    yield wrong("x has 4 channels, expected 8, as params.W has 4 in each of 2 groups", groups=2)
    yield wrong("groups is 4, expected a divisor of 6, the channels out of params.W", groups=4)
    yield wrong("groups is 0, expected a divisor", groups=0)
    yield wrong("stride is 0, expected an integer or two, at least 1", stride=0)
    yield wrong(r"stride is \(1, 2, 3\), expected an integer or two", stride=(1, 2, 3))
    yield wrong(r"dilation is \(1, -1\), expected an integer or two, at least 1", dilation=(1, -1))
    yield wrong(r"stride is 1\.5, expected an integer", stride=1.5)
    yield wrong("stride is True, expected an integer", stride=True)
    yield wrong("groups is True, expected a divisor", groups=True)
    yield wrong('padding is \'full\', expected "valid", "same" or', padding="full")
    yield wrong('padding is 1, expected "valid"', padding=1)
    yield wrong(r"padding is \(\(0, -1\), \(0, 0\)\), expected .* from 0 on", padding=((0, -1), (0, 0)))
    yield wrong(r"padding is \(\(1\.9, 1\), \(0, 0\)\), expected .* integers", padding=((1.9, 1), (0, 0)))
    yield wrong(r"padding is .*True, 1.*, expected .* integers", padding=((0, 0), (True, 1)))
    yield wrong(r"x has shape \(7, 5, 4\), expected \(N, H, W, C_in\)", x=draw(7, 5, 4))
    yield wrong(r"params.b has shape \(5,\), expected .* C_out = 6", params=params._replace(b=draw(5)))
    yield wrong(r"params.W has shape .* kH at least 1", params=params._replace(W=draw(0, 2, 4, 6)))
    yield wrong("x has dtype float32, expected float64", x=x.astype("float32"))
    yield Bad("conv2d_init", (Seed(1), (3, 3), 4, 6), "groups is 4, expected a divisor of 4 and 6", {"groups": 4})


MUTANTS = [
    Mutant("for columns in geometry.columns], axis=-1)", "for columns in geometry.columns[::-1]], axis=-1)",
           "The kernel flipped from left to right: a convolution as in signal processing, in one axis."),
    Mutant("for rows in geometry.rows], axis=-1)", "for rows in geometry.rows[::-1]], axis=-1)",
           "The kernel flipped from top to bottom."),
    Mutant("before, after = zeros // 2, zeros - zeros // 2", "after, before = zeros // 2, zeros - zeros // 2",
           "The odd zero of \"same\" on the left and at the top (ONNX's SAME_LOWER): everything moves by a pixel."),
    Mutant("zeros = max((math.ceil(n / s) - 1) * s + extent - n, 0)", "zeros = 2 * (k // 2)",
           "torch's habit, padding k // 2 on both sides: at stride 2 the same sizes, other values."),
    Mutant("zeros = max((math.ceil(n / s) - 1) * s + extent - n, 0)", "zeros = extent - 1",
           "\"same\" without a look at the stride: right at stride 1 alone."),
    Mutant("zeros = max((math.ceil(n / s) - 1) * s + extent - n, 0)",
           "zeros = max((math.ceil(n / s) - 1) * s + k - n, 0)",
           "\"same\" for the kernel as stored, not for its receptive field when dilated."),
    Mutant("(before + n + after - extent) // s + 1", "-(-(before + n + after - extent) // s) + 1",
           "Rounded up: a last window that hangs over the edge (what pooling calls ceil_mode)."),
    Mutant("slice(i * d, i * d + (out", "slice(i, i + (out",
           "Dilation shrinks the output but not what is read."),
    Mutant("(out - 1) * s + 1, s)", "(out - 1) + 1, 1)", "The stride shrinks the output but not what is read."),
    Mutant("W, b = conv2d_split(params.W.reshape(-1, n_out), groups)",
           "W, b = conv2d_split(params.W.reshape(n_out, -1).T, groups)",
           "A kernel stored HWIO and read as if the channels out came first, as in torch's OIHW."),
    Mutant("W, b = conv2d_split(params.W.reshape(-1, n_out), groups)",
           "W, b = conv2d_split(params.W.transpose(2, 0, 1, 3).reshape(-1, n_out), groups)",
           "Channels before places in the rows of the kernel matrix, places before channels in the patches."),
    Mutant("groups, x.shape[-1] // groups), -2, 0)", "x.shape[-1] // groups, groups), -1, 0)",
           "Every groups-th channel in a group, in place of channels side by side."),
    Mutant("    x = np.moveaxis(x, 0, -2)\n", "    x = np.moveaxis(x, 0, -1)\n",
           "The groups' results woven into each other, as a channel shuffle does."),
    Mutant("y = patches @ W + b", "y = patches @ W", "No bias."),
    Mutant("around = (0, 0), *geometry.pads, (0, 0)", "around = (0, 0), *geometry.pads[::-1], (0, 0)",
           "Vertical and horizontal padding exchanged."),
    Mutant("np.pad(x, around)", "np.pad(x, around, mode=\"edge\")",
           "The border repeated where zeros belong."),
    Mutant("d_strips[..., rows, :, :] += part", "d_strips[..., rows, :, :] = part",
           "Receptive fields overlap: what they say of one pixel is to be added up, not written over."),
    Mutant("d_x_pad[..., columns, :] += part",
           "d_x_pad[..., columns.start // 2 : columns.start // 2 + part.shape[-2], :] += part",
           "Dilation and stride forgotten on the way back: the gradient lands beside the pixels that were read."),
    Mutant("np.split(d_strips, len(geometry.columns), axis=-1)",
           "np.split(d_strips, len(geometry.columns), axis=-1)[::-1]",
           "The gradient is a correlation with the flipped kernel. Flipped once too often, here."),
    Mutant("top : x_pad.shape[-3] - bottom", "bottom : x_pad.shape[-3] - top",
           "The wrong side's zeros cut off the gradient."),
    Mutant("d_W += patches.mT @ d_y", "d_W += patches.mT @ d_y / d_y.shape[-2]",
           "A mean where the sum belongs: every place of every image adds to the kernel's gradient."),
    Mutant("d_W += patches.mT @ d_y", "d_W += np.abs(patches).mT @ d_y",
           "The kernel's gradient without the sign of what was seen."),
    Mutant("np.ones(d_y.shape[-2], d_y.dtype) @ d_y", "d_y[..., 0, :]", "The bias acts at every place, not at one."),
    Mutant("np.ones(d_y.shape[-2], d_y.dtype) @ d_y", "np.sum(d_y, axis=(-2, -1), keepdims=True)[..., 0, :]",
           "The wrong sum axis: summed over the channels as well, so that all biases move together."),
    Mutant("d_patches = d_y @ W.mT", "d_patches = (d_y - np.mean(d_y, axis=-2, keepdims=True)) @ W.mT",
           "A gradient centred over the batch, as a normalization would have it: convolution does not."),
]  # fmt: skip
