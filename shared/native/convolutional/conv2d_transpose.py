"""A transposed convolution keeps the kernel of the convolution it turns around; torch and ONNX have channels first.

    ours                        torch.nn.ConvTranspose2d          keras.layers.Conv2DTranspose    ONNX ConvTranspose
    W (kH, kW, C_out/g, C_in)   weight (C_in, C_out/g, kH, kW)    kernel, the same, no groups     W, as torch's
    b (C_out,)                  bias (C_out,)                     bias (C_out,)                   B (C_out,)
    x (N, H, W, C_in)           (N, C_in, H, W)                   the same                        (N, C_in, H, W)

torch pads both sides alike; Keras knows "valid" and "same", and its "valid" is ours where the kernel is at least as
large as the stride. The ONNX model takes and gives channels last.
"""

import numpy as np

from numpy_impl.convolutional.conv2d_transpose import Conv2DTransposeParams
from shared.native import arrays, check, listed, loaded, onnx_model, take
from shared.native.convolutional.conv2d import both_sides

KINDS = {"conv2d_transpose": Conv2DTransposeParams}


def to_torch_weights(params):
    return {"weight": params.W.transpose(3, 2, 0, 1), "bias": params.b}


def from_torch(source):
    weight, bias = take(arrays(source), "weight", "bias")
    return check(Conv2DTransposeParams(np.transpose(weight, (2, 3, 1, 0)), bias), Conv2DTransposeParams)


def to_torch(params, *, stride=1, padding="valid", dilation=1, groups=1):
    import torch

    if padding == "same":
        raise ValueError("padding is 'same', expected 'valid' or numbers, as torch has it")
    (kH, kW, c, n_in), around = params.W.shape, 0 if padding == "valid" else both_sides(padding)
    options = {"stride": stride, "padding": around, "dilation": dilation, "groups": groups}
    return loaded(torch.nn.ConvTranspose2d(n_in, c * groups, (kH, kW), **options), to_torch_weights(params))


def run_torch(function, module, x):
    return module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(Conv2DTransposeParams(*listed(source, 2)), Conv2DTransposeParams)


def to_keras(params, *, stride=1, padding="valid", dilation=1):
    import keras

    if padding not in ("valid", "same"):
        raise ValueError(f"padding is {padding}, expected valid or same, as Keras has it")
    (kH, kW, c, n_in), dtype = params.W.shape, str(params.W.dtype)
    options = {"strides": stride, "padding": padding, "dilation_rate": dilation, "dtype": dtype}
    layer = keras.layers.Conv2DTranspose(c, (kH, kW), **options)
    model = keras.Sequential([keras.Input((None, None, n_in), dtype=dtype), layer])
    model.set_weights(to_keras_weights(params))
    return model


def to_onnx(params, *, stride=1, padding="valid", dilation=1, groups=1):
    """x (N, H', W', C_in) to y (N, H, W, C_out)."""
    _, _, c, n_in = params.W.shape
    if padding == "same":
        raise ValueError("padding is 'same', expected 'valid' or numbers: ONNX cuts other sides off")
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f"padding is {padding!r}, expected 'valid' or numbers")
    pair = lambda value: value if isinstance(value, tuple) else (value, value)
    (top, bottom), (left, right) = ((0, 0), (0, 0)) if padding == "valid" else padding
    options = {"strides": pair(stride), "dilations": pair(dilation), "group": groups}
    nodes = [
        ("Transpose", "x", "first", {"perm": (0, 3, 1, 2)}),
        ("ConvTranspose", "first W b", "convolved", options | {"pads": (top, left, bottom, right)}),
        ("Transpose", "convolved", "y", {"perm": (0, 2, 3, 1)}),
    ]
    weights = {"W": params.W.transpose(3, 2, 0, 1), "b": params.b}
    shapes = {"x": ["N", "H", "W", n_in]}, {"y": ["N", "H_out", "W_out", c * groups]}
    return onnx_model(nodes, weights, *shapes)


def fits(params, *, groups=None):
    """ValueError if bias and kernels are not those of so many groups, of any number if None."""
    _, _, n_out, n_in = params.W.shape
    found = len(params.b) // n_out if groups is None else groups
    if len(params.b) != n_out * found or n_in % found:
        expected = f"{n_out} numbers for each group, and groups that divide {n_in}, the input channels of W"
        raise ValueError(f"b has shape {params.b.shape} and groups is {found}, expected {expected}")
