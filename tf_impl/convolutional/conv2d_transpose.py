"""Transposed convolution: the linear map of a convolution turned around, from its outputs' shape to its inputs'.

    e = d (k - 1) + 1                                              (1)   what a kernel of k covers at dilation d
    H = (H' - 1) s + e - p_before - p_after                        (2)   H' s if "same"; or as size says
    X_(n,h,w),(i,j,o) = Σ_c x_n,h,w,c W_ijo,c                      (3)   what a pixel gives to its window
    ỹ_n,a,b,o = Σ X_(n,h,w),(i,j,o) with hs + id = a, ws + jd = b  (4)   summed up where windows overlap
    y_n,h,w,o = ỹ_n,(h+p_top),(w+p_left),o + b_o                   (5)

Shapes: x (N, H', W', C_in); W (kH, kW, C_out / groups, C_in), b (C_out,); y (N, H, W, C_out). stride, padding,
    dilation and groups are those of the convolution from y's shape to x's. size is (H, W), any that conv2d with the
    same options takes to (H', W'); if it is None, that of (2).

Units: y in units of x times those of W.

Variant: the exact adjoint, <conv2d(W, u), x> = <u, conv2d_transpose(W, x)> without biases, W being the same array.
    torch's ConvTranspose2d has padding p on both sides, kernels (C_in, C_out / groups, kH, kW), and its
    output_padding is how far size goes beyond (2). Keras's "same" is ours; its "valid" gives H' s + max(k - s, 0),
    which is (2) where k ≥ s, else a size to ask for. conv2d_transpose_init draws Glorot-uniform weights and sets the
    biases to 0.

Raises: ValueError if sizes or dtypes disagree, if the groups do not divide the channels, if conv2d does not take
    size to x's rows and columns, if stride, dilation or groups is below 1, or if the padding is unknown or negative.

Reference: Zeiler, Krishnan, Taylor & Fergus, "Deconvolutional networks", CVPR 2010; Dumoulin & Visin, "A guide to
    convolution arithmetic for deep learning", 2016, arXiv:1603.07285.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl.convolutional.conv2d import conv2d_geometry
from tf_impl.initializers import glorot_uniform


class Conv2DTransposeParams(NamedTuple):
    W: Float[Array, "kH kW C C_in"]
    b: Float[Array, "C_out"]


def conv2d_transpose_init(
    rng: Generator, kernel: tuple[int, int], n_in: int, n_out: int, *, groups: int = 1, dtype: str = "float32"
) -> Conv2DTransposeParams:
    if groups < 1 or n_in % groups or n_out % groups:
        raise ValueError(f"conv2d_transpose: groups is {groups}, expected a divisor of {n_in} and {n_out} channels")
    W = glorot_uniform(rng, (*kernel, n_out // groups, n_in), dtype=dtype)
    return Conv2DTransposeParams(W, b=tf.zeros([n_out], dtype))


@checked(H=1, W=1, kH=1, kW=1, C=1, C_in=1)
def conv2d_transpose(
    params: Conv2DTransposeParams,
    x: Float[Array, "N H W C_in"],
    *,
    stride: int | tuple[int, int] = 1,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    size: tuple[int, int] | None = None,
) -> Float[Array, "N H_out W_out C_out"]:
    _check(params, groups)
    (n, h, w, n_in), (kH, kW, c, _) = x.shape, params.W.shape
    geometry, (height, width) = _geometry((h, w), (kH, kW), stride, padding, dilation, size)
    W, rows = _kernel_rows(params.W, groups), _grouped(tf.reshape(x, [n * h * w, n_in]), groups)
    seen = tf.zeros([groups, n, height, w, kW * c], x.dtype)
    for i, W_i in zip(geometry.rows, tf.unstack(W), strict=True):
        X = rows @ tf.linalg.matrix_transpose(W_i)  # (3), for one row of the kernel
        seen += _placed(tf.reshape(X, [groups, n, h, w, kW * c]), 2, i, height)
    padded = tf.zeros([groups, n, height, width, c], x.dtype)
    for j, X in zip(geometry.columns, tf.split(seen, kW, axis=-1), strict=True):
        padded += _placed(X, 3, j, width)
    (top, bottom), (left, right) = geometry.pads
    placed = _ungrouped(padded[:, :, top : height - bottom, left : width - right])  # (4)
    return placed + params.b  # (5)


def _kernel_rows(W, groups):
    """(kH, groups, kW C_out / groups, C_in / groups)"""
    kH, kW, c, n_in = W.shape
    return tf.transpose(tf.reshape(W, [kH, kW * c, groups, n_in // groups]), [0, 2, 1, 3])


def _placed(x, axis, place, size):
    """Zeros, `size` of them along an axis, with x at the places of a slice."""
    shape, others = x.shape, [[0, 0]] * (len(x.shape) - axis - 1)
    apart = tf.pad(tf.expand_dims(x, axis + 1), [[0, 0]] * (axis + 1) + [[0, place.step - 1], *others])
    apart = tf.reshape(apart, [*shape[:axis], shape[axis] * place.step, *shape[axis + 1 :]])
    apart = tf.split(apart, [place.stop - place.start, -1], axis=axis)[0]
    return tf.pad(apart, [[0, 0]] * axis + [[place.start, size - place.stop], *others])


def _grouped(x, groups):
    """(..., groups * C) to (groups, ..., C)."""
    x = tf.reshape(x, [*x.shape[:-1], groups, x.shape[-1] // groups])
    return tf.transpose(x, [len(x.shape) - 2, *range(len(x.shape) - 2), len(x.shape) - 1])


def _ungrouped(x):
    x = tf.transpose(x, [*range(1, len(x.shape) - 1), 0, len(x.shape) - 1])
    return tf.reshape(x, [*x.shape[:-2], x.shape[-2] * x.shape[-1]])


def _geometry(given, kernel, stride, padding, dilation, size):
    """That of the convolution which goes the other way, and the rows and columns of ỹ."""
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    pads = conv2d_geometry((1, 1), (1, 1), **options).pads  # unless it is "same"; and the options are right
    if size is None:
        size = ()
        for n, k, (before, after), s, d in zip(given, kernel, pads, _pair(stride), _pair(dilation), strict=True):
            covered = d * (k - 1) + 1  # (1)
            size += (n * s if padding == "same" else (n - 1) * s + covered - before - after,)  # (2)
    if not isinstance(size, tuple) or len(size) != 2 or not all(isinstance(n, int) for n in size):
        raise ValueError(f"conv2d_transpose: size is {size}, expected (rows, columns)")
    geometry = conv2d_geometry(size, kernel, **options)
    for name, n, count, wanted in zip(("rows", "columns"), given, geometry.out, size, strict=True):
        if n != count:
            raise ValueError(f"conv2d_transpose: x has {n} {name}, expected {count}, as conv2d makes of {wanted}")
    return geometry, [n + before + after for n, (before, after) in zip(size, geometry.pads, strict=True)]


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


def _check(params, groups):
    (_, _, c, n_in), n_out = params.W.shape, params.b.shape[0]
    if not isinstance(groups, int) or groups < 1 or n_in % groups:
        found = f"conv2d_transpose: groups is {groups}"
        raise ValueError(f"{found}, expected a divisor of {n_in}, the channels in of params.W")
    if n_out != c * groups:
        found = f"conv2d_transpose: params.b has shape ({n_out},)"
        raise ValueError(f"{found}, expected ({c * groups},), as params.W has {c} in each of {groups} groups")
