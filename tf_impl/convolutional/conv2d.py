"""Convolution of images: the same small matrix of weights, applied to the receptive field of every output.

Idea: A pixel means something together with its neighbours, and a pattern means the same wherever it stands. So every
    output looks at a small neighbourhood only, and all of them share their weights; a dense layer would have to learn
    every place anew.

    extent = d (k - 1) + 1                                         (1)   receptive field of k elements, d apart
    zeros = max((⌈n / s⌉ - 1) s + extent - n, 0)                   (2)   "same": half before, the odd one after
    out = ⌊(before + n + after - extent) / s⌋ + 1                  (3)   outputs along an axis of n pixels
    x_pad = x between its zeros                                    (4)
    patches_(n,h,w),(i,j,c) = x_pad_n,(hs+id),(ws+jd),c            (5)   im2col: a receptive field is a row
    y = patches W + b                                              (6)   W as a matrix (kH kW C_in, C_out)

Gradients:
    d_b = Σ_nhw d_y                                                                through (6)
    d_W = patchesᵀ d_y                                                             through (6)
    d_patches = d_y Wᵀ                                                             through (6)
    d_x_pad_{nabc} = Σ_hwij d_patches_(n,h,w),(i,j,c) [hs + id = a] [ws + jd = b]  through (5)   col2im
    d_x = d_x_pad where x lies                                                     through (4)

Shapes: x (N, H, W, C_in); W (kH, kW, C_in / groups, C_out), b (C_out,); y (N, H_out, W_out, C_out). (1) to (3) hold
    for the vertical axis and for the horizontal one, each with its own n, k, stride s and dilation d. stride and
    dilation are an integer or (vertical, horizontal); padding is "valid" (no zeros), "same" or ((top, bottom),
    (left, right)). With groups, (5) and (6) hold for every group by itself: group g takes the g-th part of the
    channels of x and gives the g-th part of those of y. groups = C_in is a depthwise convolution.

Units: y in units of x times those of W.

Variant: cross-correlation, the kernel is not flipped (as in every library). "same" at any stride, the odd zero on
    the right and at the bottom. Channels last, kernels HWIO. conv2d_init draws He-uniform weights and sets the
    biases to 0.

Differs:
    torch.nn.Conv2d: channels first, kernels OIHW: W.transpose(3, 2, 0, 1). Refuses "same" at a stride, and its usual
        padding k // 2 gives the same sizes there with other values.
    Keras: nothing; kernels, "same" and channels are as here. tf.nn.depthwise_conv2d has kernels (kH, kW, C, M), which
        reshape to (kH, kW, 1, C M).
    ONNX: as torch; its SAME_UPPER is "same", SAME_LOWER has the odd zero on the left and at the top.

Relation: conv2d_transpose is the adjoint of this map, so what that computes is d_x here, and the other way round.

Raises: ValueError if sizes or dtypes disagree, if the groups do not divide the channels, if the kernel covers more
    than there is of an axis, if stride, dilation or groups is below 1, or if the padding is unknown or negative.

Reference: LeCun et al., "Backpropagation applied to handwritten zip code recognition", Neural Computation 1 (1989);
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285.
"""

import math
from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, checked
from shared.support.sizes import sizes
from tf_impl.initializers import he_uniform


class Conv2DParams(NamedTuple):
    W: Float[Array, "kH kW C C_out"]
    b: Float[Array, "C_out"]


class Conv2DGeometry(NamedTuple):
    """pads: zeros ((top, bottom), (left, right)). out: (H_out, W_out). rows, columns: a slice of x_pad for every row
    and for every column of the kernel, what it meets there over all receptive fields."""

    pads: tuple[tuple[int, int], tuple[int, int]]
    out: tuple[int, int]
    rows: tuple[slice, ...]
    columns: tuple[slice, ...]


@checked
def conv2d_init(
    rng: Generator, kernel: tuple[int, int], n_in: int, n_out: int, *, groups: int = 1, dtype: Dtype = "float32"
) -> Conv2DParams:
    if groups < 1 or n_in % groups or n_out % groups:
        raise ValueError(f"conv2d: groups is {groups}, expected a divisor of {n_in} and {n_out} channels")
    return Conv2DParams(W=he_uniform(rng, (*kernel, n_in // groups, n_out), dtype=dtype), b=tf.zeros([n_out], dtype))


def conv2d_geometry(
    size: tuple[int, int],
    kernel: tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
    dilation: int | tuple[int, int] = 1,
) -> Conv2DGeometry:
    strides, dilations = _pair("stride", stride), _pair("dilation", dilation)
    pads, outs, slices = [], [], []
    for axis, name in enumerate(("rows", "columns")):
        n, k, s, d = size[axis], kernel[axis], strides[axis], dilations[axis]
        extent = d * (k - 1) + 1  # (1)
        if padding == "same":
            zeros = max((math.ceil(n / s) - 1) * s + extent - n, 0)  # (2)
            before, after = zeros // 2, zeros - zeros // 2
        else:
            before, after = _pads(padding)[axis]
        out = (before + n + after - extent) // s + 1  # (3)
        if n < 1 or out < 1:
            found = f"an image has {n} {name} and padding ({before}, {after})"
            raise ValueError(f"{found}, expected at least {extent} in all, as a window of {k} {name} covers")
        pads.append((before, after))
        outs.append(out)
        slices.append(tuple(slice(i * d, i * d + (out - 1) * s + 1, s) for i in range(k)))
    return Conv2DGeometry(tuple(pads), tuple(outs), *slices)


def _pair(name, value):
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or not all(type(v) is int and v >= 1 for v in pair):  # True is an int, too
        raise ValueError(f"{name} is {value}, expected an integer or two, at least 1")
    return pair


def _pads(padding):
    if padding == "valid":
        return (0, 0), (0, 0)
    try:
        pads = tuple((before, after) for before, after in padding)
    except (TypeError, ValueError):
        pads = ()
    if len(pads) != 2 or not all(type(n) is int and n >= 0 for pair in pads for n in pair):
        wanted = '"valid", "same" or ((top, bottom), (left, right)), integers from 0 on'
        raise ValueError(f"padding is {padding!r}, expected {wanted}")
    return pads


def conv2d_split(x, groups):
    """(..., groups C) to (groups, ..., C); x itself if there is one group."""
    if groups == 1:
        return x
    x = tf.reshape(x, [*sizes(x)[:-1], groups, x.shape[-1] // groups])
    return tf.transpose(x, [len(x.shape) - 2, *range(len(x.shape) - 2), len(x.shape) - 1])


def conv2d_merge(x, groups):
    """(groups, ..., C) to (..., groups C)."""
    if groups == 1:
        return x
    x = tf.transpose(x, [*range(1, len(x.shape) - 1), 0, len(x.shape) - 1])
    return tf.reshape(x, [*sizes(x)[:-2], x.shape[-2] * x.shape[-1]])


def conv2d_im2col(x_pad, geometry):
    """In two steps, which copy long runs: the columns of a receptive field beside each other, then its rows."""
    strips = tf.concat([x_pad[..., columns, :] for columns in geometry.columns], axis=-1)  # (5)
    patches = tf.concat([strips[..., rows, :, :] for rows in geometry.rows], axis=-1)
    return tf.reshape(patches, [*x_pad.shape[:-4], -1, patches.shape[-1]])


def conv2d_crop(x_pad, pads):
    """What lies between the zeros."""
    (top, bottom), (left, right) = pads
    return x_pad[..., top : x_pad.shape[-3] - bottom, left : x_pad.shape[-2] - right, :]


def _convolve(W, b, x_pad, geometry):
    """The convolution itself. With groups, every array has a first axis for them."""
    patches = conv2d_im2col(x_pad, geometry)  # (5)
    y = patches @ W + b  # (6)
    return y


@checked(kH=1, kW=1, C=1, C_out=1)
def conv2d(
    params: Conv2DParams,
    x: Float[Array, "N H W C_in"],
    *,
    stride: int | tuple[int, int] = 1,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Float[Array, "N H_out W_out C_out"]:
    _check(params, x, groups)
    (kH, kW, _, n_out), n = params.W.shape, sizes(x)[0]
    geometry = conv2d_geometry(x.shape[1:3], (kH, kW), stride=stride, padding=padding, dilation=dilation)
    x_pad = conv2d_split(tf.pad(x, ((0, 0), *geometry.pads, (0, 0))), groups)  # (4)
    W, b = conv2d_split(tf.reshape(params.W, [-1, n_out]), groups), conv2d_split(params.b[None], groups)
    y = _convolve(W, b, x_pad, geometry)
    return tf.reshape(conv2d_merge(y, groups), [n, *geometry.out, n_out])


def _check(params, x, groups):
    (_, _, c, n_out), n_in = params.W.shape, x.shape[3]
    if type(groups) is not int or groups < 1 or n_out % groups:
        raise ValueError(f"conv2d: groups is {groups}, expected a divisor of {n_out}, the channels out of params.W")
    if n_in != c * groups:
        wanted = f"{c * groups}, as params.W has {c} in each of {groups} groups"
        raise ValueError(f"conv2d: x has {n_in} channels, expected {wanted}")
