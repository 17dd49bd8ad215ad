"""Oracle: torch.nn.functional.conv_transpose2d in float64, without padding, and what is asked for cut out of it;
Keras on TensorFlow and ONNX's reference evaluator as second opinions."""

import math

import numpy as np

from numpy_impl.convolutional.conv2d_transpose import Conv2DTransposeParams
from shared.backends import Seed
from shared.cases import Bad, Case, Mutant
from shared.cases.convolutional.conv2d import pair, zeros

SMALLEST = {"N": 0, "H": 1, "W": 1, "C": 1, "K": 1}
USUAL = {"stride": 1, "padding": "valid", "dilation": 1, "groups": 1}


def usual_size(given, kernel, stride, padding, dilation):
    pads = zeros((1, 1), (1, 1), 1, "valid" if padding == "same" else padding, 1)
    sizes = []
    for n, k, s, d, around in zip(given, kernel, pair(stride), pair(dilation), pads, strict=True):
        sizes.append(n * s if padding == "same" else s * (n - 1) + d * (k - 1) + 1 - sum(around))
    return tuple(sizes)


def torch_transpose(params, x, *, stride, padding, dilation, groups, size=None):
    import torch.nn.functional as F

    kernel = params.W.shape[:2]
    height, width = size or usual_size(x.shape[1:3], kernel, stride, padding, dilation)
    (top, _), (left, _) = zeros((height, width), kernel, stride, padding, dilation)
    x, W = x.permute(0, 3, 1, 2), params.W.permute(3, 2, 0, 1).contiguous()
    y = F.conv_transpose2d(x, W, stride=stride, dilation=dilation, groups=groups)
    y = F.pad(y, (0, max(0, left + width - y.shape[3]), 0, max(0, top + height - y.shape[2])))
    return y[:, :, top : top + height, left : left + width].permute(0, 2, 3, 1) + params.b


def torch_own(p, output_padding):
    """torch's own padding, and how far the size goes beyond the usual one."""

    def oracle(params, x, *, stride, padding, dilation, groups, size=None):
        import torch.nn.functional as F

        x, W = x.permute(0, 3, 1, 2), params.W.permute(3, 2, 0, 1).contiguous()
        return F.conv_transpose2d(x, W, params.b, stride, p, output_padding, groups, dilation).permute(0, 2, 3, 1)

    return oracle


def keras_transpose(params, x, *, stride, padding, dilation, groups):
    import keras

    options = {"strides": stride, "dilation_rate": dilation, "padding": padding, "dtype": "float64"}
    layer = keras.layers.Conv2DTranspose(len(params.b), params.W.shape[:2], **options)
    layer.build(x.shape)
    layer.set_weights(list(params))
    return layer(x).numpy()


def onnx_transpose(params, x, *, stride, padding, dilation, groups):
    import onnx
    from onnx.reference import ReferenceEvaluator

    (top, bottom), (left, right) = zeros((1, 1), (1, 1), 1, padding, 1)
    options = {"strides": pair(stride), "dilations": pair(dilation), "group": groups}
    node = onnx.helper.make_node("ConvTranspose", ["x", "W", "b"], ["y"], pads=(top, left, bottom, right), **options)
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in "xWb"]
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "transpose", inputs, [output]))
    feed = {"x": x.transpose(0, 3, 1, 2), "W": params.W.transpose(3, 2, 0, 1), "b": params.b}
    return ReferenceEvaluator(model).run(None, feed)[0].transpose(0, 2, 3, 1)


def initial(rng, kernel, n_in, n_out, *, groups, dtype):
    shape = (*kernel, n_out // groups, n_in)
    bound = math.sqrt(6 / (math.prod(kernel) * sum(shape[2:])))
    return Conv2DTransposeParams(np.random.default_rng(rng.seed).uniform(-bound, bound, shape), np.zeros(n_out))


def weights(draw, kH, kW, n_in, n_out, groups=1):
    return Conv2DTransposeParams(W=draw(kH, kW, n_out // groups, n_in), b=draw(n_out))


def case(draw, name, x, kernel, n_out, second=None, oracle=torch_transpose, **options):
    options = USUAL | options
    args = weights(draw, *kernel, x.shape[3], n_out, options["groups"]), x
    return Case("conv2d_transpose", args, oracle, options, name=name, second=second or {})


def cases(draw, N=3, H=4, W=5, C=2, K=6):
    keras, onnx = ({"keras": keras_transpose}, {"onnx": onnx_transpose}) if N else ({}, {})
    x = lambda: draw(N, H, W, C)
    yield case(draw, "valid", x(), (3, 2), K, keras | onnx)
    yield case(draw, "stride", x(), (3, 4), K, keras | onnx, stride=(2, 3))
    yield case(draw, "same", x(), (3, 2), K, keras, padding="same")
    yield case(draw, "same, stride 2", x(), (5, 4), K, keras, padding="same", stride=2)
    pads = ((1, 0), (2, 1))
    yield case(draw, "explicit", x(), (3, 4), K, onnx, padding=pads, stride=(1, 2), dilation=(2, 1))
    usual = usual_size((H, W), (3, 4), (3, 2), pads, 1)
    size = (usual[0] + 2, usual[1] + 1)
    yield case(draw, "larger", x(), (3, 4), K, padding=pads, stride=(3, 2), size=size)
    around = {"padding": ((1, 1), (1, 1)), "stride": 2, "size": (2 * H, 2 * W)}
    yield case(draw, "torch's output_padding", x(), (3, 3), K, oracle=torch_own(1, 1), **around)
    yield case(draw, "same, odd size", x(), (3, 3), K, padding="same", stride=2, size=(2 * H - 1, 2 * W - 1))
    yield case(draw, "groups", draw(N, H, W, 2 * C), (2, 3), 2 * K, groups=2, stride=2)
    yield Case(
        "conv2d_transpose_init", (Seed(5), (3, 2), C, K), initial, {"groups": 1, "dtype": "float64"}, grad=False
    )
    args, options = (Seed(6), (3, 2), 2 * C, 2 * K), {"groups": 2, "dtype": "float64"}
    yield Case("conv2d_transpose_init", args, initial, options, grad=False, name="groups")


def nasty(draw):
    for name, shape, kernel, options in (
        ("one pixel", (1, 1, 1, 1), (1, 1), {}),
        ("one pixel to a picture", (2, 1, 1, 3), (4, 5), {}),
        ("stride larger than the kernel", (2, 3, 4, 3), (2, 1), {"stride": 3}),
        ("stride larger than the kernel, same", (2, 3, 4, 3), (2, 1), {"stride": 3, "padding": "same"}),
        ("Keras's valid where the stride is larger", (2, 3, 4, 3), (1, 1), {"stride": 2, "size": (6, 8)}),
        ("even kernel, same", (2, 3, 4, 3), (4, 2), {"padding": "same"}),
        ("even kernel, same, stride 2", (2, 3, 4, 3), (4, 2), {"padding": "same", "stride": 2}),
        ("1 x 1", (2, 3, 4, 3), (1, 1), {}),
        ("one channel", (2, 3, 4, 1), (3, 3), {"stride": 2}),
        ("dilated beyond the stride", (2, 3, 3, 3), (3, 2), {"dilation": 3, "stride": 2}),
        ("dilated, same, stride 2", (2, 4, 3, 3), (3, 2), {"dilation": (2, 3), "stride": 2, "padding": "same"}),
        ("pixels that fall into the padding alone", (1, 8, 6, 3), (2, 2), {"padding": ((3, 3), (0, 4))}),
        ("smallest size at stride 3", (2, 3, 3, 3), (2, 2), {"padding": "same", "stride": 3, "size": (7, 7)}),
        ("no images", (0, 3, 4, 3), (3, 2), {"stride": 2}),
    ):
        yield case(draw, name, draw(*shape), kernel, 4, **options)
    yield case(draw, "as many groups as channels", draw(2, 3, 4, 5), (2, 2), 5, groups=5)
    yield case(draw, "no images, groups", draw(0, 3, 4, 4), (2, 2), 6, groups=2, padding="same")
    yield case(draw, "one output channel", draw(2, 3, 4, 3), (2, 2), 1)


def bad(draw):
    params, x = weights(draw, 3, 2, 4, 6), draw(2, 5, 3, 4)

    def wrong(says, params=params, x=x, **options):
        return Bad("conv2d_transpose", (params, x), says, options)

    yield wrong("x has 5 rows, expected 6, as conv2d makes of 8", size=(8, 4))
    yield wrong("x has 3 columns, expected 2, as conv2d makes of 5", size=(11, 5), stride=2)
    yield wrong("x has 5 rows, expected 4, as conv2d makes of 7", size=(7, 6), stride=2, padding="same")
    yield wrong(r"an image has 2 rows and padding \(0, 0\), expected at least 3 in all", size=(2, 4))
    yield wrong(r"an image has -1 rows and padding \(4, 4\)", padding=((4, 4), (0, 0)))
    yield wrong(r"size is \(7,\), expected \(rows, columns\)", size=(7,))
    yield wrong(r"size is 7, expected \(rows, columns\)", size=7)
    yield wrong(r"params.b has shape \(6,\), expected \(12,\), as params.W has 6 in each of 2 groups", groups=2)
    yield wrong("groups is 3, expected a divisor of 4, the channels in of params.W", groups=3)
    yield wrong("groups is 0, expected a divisor", groups=0)
    yield wrong("stride is 0, expected an integer or two, at least 1", stride=0)
    yield wrong(r"dilation is \(1, 0\), expected an integer or two", dilation=(1, 0))
    yield wrong("padding is 'full', expected \"valid\"", padding="full")
    yield wrong(r"padding is \(\(0, 0\), \(-1, 0\)\), expected", padding=((0, 0), (-1, 0)))
    yield wrong(r"padding is \(\(1\.9, 1\), \(0, 0\)\), expected .* integers", padding=((1.9, 1), (0, 0)))
    yield wrong("stride is True, expected an integer", stride=True)
    yield wrong(r"size is \(7, True\), expected \(rows, columns\)", size=(7, True))
    yield wrong("groups is True, expected a divisor", groups=True)
    yield wrong(r"x has shape \(2, 5, 3, 5\), expected .* C_in = 4, as in params.W", x=draw(2, 5, 3, 5))
    yield wrong(r"x has shape .* H at least 1", x=draw(2, 0, 3, 4))
    yield wrong("x has dtype float32, expected float64", x=x.astype("float32"))
    yield Bad("conv2d_transpose_init", (Seed(1), (3, 3), 4, 6), "groups is 4, expected a divisor", {"groups": 4})


MUTANTS = [
    Mutant("zip(geometry.rows, np.split(patches, len(geometry.rows), axis=-1), strict=True)",
           "zip(geometry.rows[::-1], np.split(patches, len(geometry.rows), axis=-1), strict=True)",
           "The kernel flipped: the mirror image, of every receptive field from top to bottom."),
    Mutant("zip(geometry.columns, np.split(strips, len(geometry.columns), axis=-1), strict=True)",
           "zip(geometry.columns[::-1], np.split(strips, len(geometry.columns), axis=-1), strict=True)",
           "The kernel flipped from left to right."),
    Mutant("strips[..., rows, :, :] += np", "strips[..., rows, :, :] = np",
           "Receptive fields overlap: what they give one pixel is a sum."),
    Mutant("y_pad[..., columns, :] += part", "y_pad[..., columns, :] = part", "The same, from left to right."),
    Mutant("strips[..., rows, :, :] += np",
           "strips[..., rows.start : rows.start + geometry.out[0], :, :] += np",
           "The stride left out: the receptive fields stand side by side as if it were 1."),
    Mutant("(n - 1) * s + extent - before - after", "n * s + extent - before - after",
           "One stride too much: there is one between two pixels, none after the last."),
    Mutant("(n - 1) * s + extent - before - after", "(n - 1) // s + extent - before - after",
           "Divided by the stride, as a convolution does: on the wrong side."),
    Mutant("n * s if padding == \"same\" else", "n if padding == \"same\" else",
           "\"same\" read as the size of x: it is that of a convolution at stride 1."),
    Mutant("extent = d * (k - 1) + 1", "extent = k", "Dilation left out of the size."),
    Mutant("conv2d_crop(y_pad, geometry.pads)", "conv2d_crop(y_pad, [p[::-1] for p in geometry.pads])",
           "The padding cut off the wrong side: \"same\" with an even kernel is off by a pixel."),
    Mutant("conv2d_crop(y_pad, geometry.pads)", "conv2d_crop(y_pad, geometry.pads[::-1])",
           "Vertical and horizontal padding exchanged."),
    Mutant("groups) + params.b  # (5)", "groups) + 0 * params.b  # (5)", "No bias."),
    Mutant("W, x = conv2d_split(params.W.reshape(-1, n_in), groups), conv2d_split(x, groups)",
           "order = np.arange(n_in).reshape(-1, groups).T.reshape(-1)\n"
           "    W, x = conv2d_split(params.W.reshape(-1, n_in)[:, order], groups), conv2d_split(x, groups)",
           "Every groups-th channel in a group, in place of channels side by side."),
    Mutant("W, x = conv2d_split(params.W.reshape(-1, n_in), groups)",
           "W, x = conv2d_split(params.W.swapaxes(2, 3).reshape(-1, n_in), groups)",
           "Channels in and out exchanged: (kH, kW, in, out), the layout of conv2d, read as ours."),
    Mutant("d_patches = conv2d_im2col(d_y_pad[..., images, :, :, :], geometry)",
           "d_patches = conv2d_im2col(d_y_pad[..., images, :, :, :], "
           "geometry._replace(columns=geometry.columns[::-1]))",
           "The gradient through a kernel that is flipped once too often."),
    Mutant("np.pad(d_y, ((0, 0), *geometry.pads, (0, 0)))",
           "np.pad(d_y, ((0, 0), *(p[::-1] for p in geometry.pads), (0, 0)))",
           "The gradient put back between the wrong sides' zeros."),
    Mutant("= (d_patches @ W).reshape", "= (d_patches[..., -1:] @ W[..., -1:, :]).reshape",
           "Only the last number of the receptive field gives x a gradient: the other terms are dropped."),
    Mutant("d_W += d_patches.mT @ rows.reshape", "d_W += d_patches.mT / len(x) @ rows.reshape",
           "A mean over the images where the sum belongs."),
    Mutant("d_b = np.ones(len(rows), rows.dtype) @ rows", "d_b = np.sum(x) * params.b",
           "The bias's gradient is the sum of d_y, of every place where it was added."),
    Mutant("d_b = np.ones(len(rows), rows.dtype) @ rows", "d_b = np.sum(d_y, axis=(0, 1))[0]",
           "The wrong sum axes: the bias acts at every column, too."),
]  # fmt: skip
