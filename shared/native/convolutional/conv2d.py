"""A convolution has the same weights everywhere, in different layouts; torch and ONNX have channels first.

    ours                          torch.nn.Conv2d                    keras.layers.Conv2D      ONNX Conv
    W (kH, kW, C_in/g, C_out)     weight (C_out, C_in/g, kH, kW)     kernel, the same         W, as torch's
    b (C_out,)                    bias (C_out,)                      bias (C_out,)            B (C_out,)
    x (N, H, W, C_in)             (N, C_in, H, W)                    the same                 (N, C_in, H, W)

torch pads both sides alike, and knows "same" at stride 1 only; Keras knows "valid" and "same". Elsewhere, padding is
a layer of its own, torch.nn.ZeroPad2d or keras.layers.ZeroPadding2D. The ONNX model takes and gives channels last.
"""

import numpy as np

from numpy_impl.convolutional.conv2d import Conv2DParams
from shared.native import arrays, check, listed, loaded, onnx_model, take

KINDS = {"conv2d": Conv2DParams}


def to_torch_weights(params):
    return {"weight": params.W.transpose(3, 2, 0, 1), "bias": params.b}


def from_torch(source):
    weight, bias = take(arrays(source), "weight", "bias")
    return check(Conv2DParams(np.transpose(weight, (2, 3, 1, 0)), bias), Conv2DParams)


def to_torch(params, *, stride=1, padding="valid", dilation=1, groups=1):
    import torch

    (kH, kW, c, n_out), around = params.W.shape, both_sides(padding)
    options = {"stride": stride, "padding": around, "dilation": dilation, "groups": groups}
    return loaded(torch.nn.Conv2d(c * groups, n_out, (kH, kW), **options), to_torch_weights(params))


def both_sides(padding):
    """torch's argument: a word, or one number for each axis."""
    if isinstance(padding, str):
        return padding
    (top, bottom), (left, right) = padding
    if (top, left) != (bottom, right):
        raise ValueError(f"padding is {padding}, expected as much on both sides, as torch has it")
    return top, left


def run_torch(function, module, x):
    return module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def to_keras_weights(params):
    return list(params)


def from_keras(source):
    return check(Conv2DParams(*listed(source, 2)), Conv2DParams)


def to_keras(params, *, stride=1, padding="valid", dilation=1, groups=1):
    import keras

    if padding not in ("valid", "same"):
        raise ValueError(f"padding is {padding}, expected valid or same, as Keras has it")
    (kH, kW, c, n_out), dtype = params.W.shape, str(params.W.dtype)
    options = {"strides": stride, "padding": padding, "dilation_rate": dilation, "groups": groups, "dtype": dtype}
    model = keras.Sequential(
        [keras.Input((None, None, c * groups), dtype=dtype), keras.layers.Conv2D(n_out, (kH, kW), **options)]
    )
    model.set_weights(to_keras_weights(params))
    return model


def to_onnx(params, *, stride=1, padding="valid", dilation=1, groups=1):
    """x (N, H, W, C_in) to y (N, H', W', C_out)."""
    _, _, c, n_out = params.W.shape
    pair = lambda value: value if isinstance(value, tuple) else (value, value)
    options = {"strides": pair(stride), "dilations": pair(dilation), "group": groups} | onnx_padding(padding)
    nodes = [
        ("Transpose", "x", "first", {"perm": (0, 3, 1, 2)}),
        ("Conv", "first W b", "convolved", options),
        ("Transpose", "convolved", "y", {"perm": (0, 2, 3, 1)}),
    ]
    weights = {"W": params.W.transpose(3, 2, 0, 1), "b": params.b}
    shapes = {"x": ["N", "H", "W", c * groups]}, {"y": ["N", "H_out", "W_out", n_out]}
    return onnx_model(nodes, weights, *shapes)


def fits(params, *, groups=1):
    """ValueError if the kernels cannot be shared out among the groups."""
    n_out = params.W.shape[3]
    if n_out % groups:
        raise ValueError(f"groups is {groups}, expected a divisor of {n_out}, the output channels of W")


def fit_in_turn(kernels, names):
    """ValueError if one of several kernels does not take the channels that the one before it gives."""
    for before, kernel, name in zip(kernels, kernels[1:], names[1:], strict=False):
        if kernel.shape[2] != before.shape[3]:
            expected = f"{before.shape[3]} input channels, as the kernel before it gives"
            raise ValueError(f"{name} has shape {kernel.shape}, expected {expected}")


def onnx_padding(padding):
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ValueError(f"padding is {padding!r}, expected valid or same")
        return {"auto_pad": {"valid": "VALID", "same": "SAME_UPPER"}[padding]}
    (top, bottom), (left, right) = padding
    return {"pads": (top, left, bottom, right)}
