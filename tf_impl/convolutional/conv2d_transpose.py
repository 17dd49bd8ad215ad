"""Transposed convolution: the adjoint of a convolution, from the shape of its outputs to that of its inputs.

Idea: A convolution with a stride makes images smaller; a decoder needs a map that makes them larger and learns how.
    This one follows the connections of a convolution backwards: where a convolution would read a receptive field to
    make one pixel, it takes the pixel, and adds the kernel times this pixel to the receptive field.

    extent = d (k - 1) + 1                                         (1)   receptive field of k elements, d apart
    size = (n - 1) s + extent - before - after                     (2)   n s if "same"; or as the caller says
    patches_(n,h,w),(i,j,o) = Σ_c x_n,h,w,c W_i,j,o,c              (3)   x Wᵀ: what a pixel adds to its field
    y_pad_n,a,b,o = Σ_hwij patches_(n,h,w),(i,j,o)                 (4)   col2im: over all hs + id = a, ws + jd = b
    y = y_pad between the pads, + b                                (5)

Gradients:
    d_b = Σ_nhw d_y                                                                through (5)
    d_y_pad = d_y between zeros                                                    through (5)
    d_patches = d_y_pad_n,(hs+id),(ws+jd),o in row n, h, w and column i, j, o      through (4)   im2col
    d_W = d_patchesᵀ x                                                             through (3)
    d_x = d_patches W                                                              through (3)

Shapes: x (N, H, W, C_in); W (kH, kW, C_out / groups, C_in), b (C_out,); y (N, H_out, W_out, C_out). As a matrix, W
    is (kH kW C_out, C_in). stride, padding, dilation and groups are those of the convolution from y's shape to x's,
    n and size are pixels of x and of y along an axis. The argument size is (H_out, W_out), any that conv2d with the
    same options takes to (H, W); if it is None, that of (2). With groups, (3) and (4) hold for every group by itself.

Units: y in units of x times those of W.

Variant: the exact adjoint, ⟨conv2d(W, u), x⟩ = ⟨u, conv2d_transpose(W, x)⟩ without biases, W being the same array.
    It is no inverse, nor a "deconvolution". conv2d_transpose_init draws Glorot-uniform weights and sets the biases
    to 0.

Differs:
    torch.nn.ConvTranspose2d: kernels (C_in, C_out / groups, kH, kW): W.transpose(3, 2, 0, 1). Padding p on both
        sides; output_padding is how far size goes beyond (2).
    Keras: kernels and "same" are as here; its "valid" gives n s + max(k - s, 0), which is (2) where k ≥ s, else a
        size to ask for.
    ONNX ConvTranspose: as torch, with pads for each side.

Relation: its way there is the way back of conv2d, and its way back the way there, im2col and all.

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

from shared.support.shapes import Dtype, checked
from shared.support.sizes import sizes
from tf_impl.convolutional.conv2d import conv2d_crop, conv2d_geometry, conv2d_merge, conv2d_split
from tf_impl.initializers import glorot_uniform


class Conv2DTransposeParams(NamedTuple):
    W: Float[Array, "kH kW C C_in"]
    b: Float[Array, "C_out"]


@checked
def conv2d_transpose_init(
    rng: Generator, kernel: tuple[int, int], n_in: int, n_out: int, *, groups: int = 1, dtype: Dtype = "float32"
) -> Conv2DTransposeParams:
    if groups < 1 or n_in % groups or n_out % groups:
        raise ValueError(f"conv2d_transpose: groups is {groups}, expected a divisor of {n_in} and {n_out} channels")
    W = glorot_uniform(rng, (*kernel, n_out // groups, n_in), dtype=dtype)
    return Conv2DTransposeParams(W, b=tf.zeros([n_out], dtype))


def _placed(x, axis, place, size):
    """Zeros, `size` of them along an axis counted from the last, with x at the places of a slice."""
    shape, axis = sizes(x), len(x.shape) + axis
    others = [[0, 0]] * (len(shape) - axis - 1)
    apart = tf.pad(tf.expand_dims(x, axis + 1), [[0, 0]] * (axis + 1) + [[0, place.step - 1], *others])
    apart = tf.reshape(apart, [*shape[:axis], shape[axis] * place.step, *shape[axis + 1 :]])
    apart = tf.split(apart, [place.stop - place.start, -1], axis=axis)[0]
    return tf.pad(apart, [[0, 0]] * axis + [[place.start, size - place.stop], *others])


def _col2im(patches, shape, geometry):
    """In two steps: the rows of the receptive fields into strips, then the strips' columns into the image."""
    *batch, height, width, c = shape
    strips = tf.zeros([*batch, height, geometry.out[1], len(geometry.columns) * c], patches.dtype)
    for rows, part in zip(geometry.rows, tf.split(patches, len(geometry.rows), axis=-1), strict=True):
        strips += _placed(tf.reshape(part, [*batch, *geometry.out, strips.shape[-1]]), -3, rows, height)
    y_pad = tf.zeros(shape, patches.dtype)
    for columns, part in zip(geometry.columns, tf.split(strips, len(geometry.columns), axis=-1), strict=True):
        y_pad += _placed(part, -2, columns, width)
    return y_pad


def _spread(W, x, geometry, shape):
    """The adjoint itself. With groups, every array has a first axis for them."""
    patches = tf.reshape(x, [*x.shape[:-4], -1, x.shape[-1]]) @ tf.linalg.matrix_transpose(W)  # (3)
    y_pad = _col2im(patches, (*sizes(x)[:-3], *shape), geometry)  # (4)
    return y_pad


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
    (kH, kW, c, n_in), given = params.W.shape, x.shape[1:3]
    geometry, size = _geometry(given, (kH, kW), stride, padding, dilation, size)
    W, x = conv2d_split(tf.reshape(params.W, [-1, n_in]), groups), conv2d_split(x, groups)
    y_pad = _spread(W, x, geometry, (*size, c))
    y = conv2d_merge(conv2d_crop(y_pad, geometry.pads), groups) + params.b  # (5)
    return y


def _geometry(given, kernel, stride, padding, dilation, size):
    """That of the convolution which goes the other way, and the rows and columns of y_pad."""
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    pads = conv2d_geometry((1, 1), (1, 1), **options).pads  # unless it is "same"; and the options are right
    if size is None:
        size = ()
        for n, k, (before, after), s, d in zip(given, kernel, pads, _pair(stride), _pair(dilation), strict=True):
            extent = d * (k - 1) + 1  # (1)
            size += (n * s if padding == "same" else (n - 1) * s + extent - before - after,)  # (2)
    if not isinstance(size, tuple) or len(size) != 2 or not all(type(n) is int for n in size):
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
    if type(groups) is not int or groups < 1 or n_in % groups:
        found = f"conv2d_transpose: groups is {groups}"
        raise ValueError(f"{found}, expected a divisor of {n_in}, the channels in of params.W")
    if n_out != c * groups:
        found = f"conv2d_transpose: params.b has shape ({n_out},)"
        raise ValueError(f"{found}, expected ({c * groups},), as params.W has {c} in each of {groups} groups")
