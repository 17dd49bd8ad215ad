"""Pooling: the maximum or the mean of every receptive field, in every channel by itself.

Idea: Whether a pattern is in an image matters more than the pixel where it is. Pooling keeps one number of every
    window and forgets the place, so that images shrink and small shifts change little.

    m = max_ij x_pad_n,(hs+i),(ws+j),c                             (1)   x_pad: x with -∞ around it
    total = Σ_ij x_pad_n,(hs+i),(ws+j),c                           (2)   x_pad: x with zeros around it
    a = total / count_h,w                                          (3)   count: the elements of the window inside x
    m = max_hw x_n,h,w,c                                           (4)   global
    a = Σ_hw x_n,h,w,c / (H W)                                     (5)   global

Gradients:
    d_x_pad_{nabc} = Σ_hw d_m_n,h,w,c [the winner of the window at h, w is a, b]   through (1)
    d_total = d_a / count                                                          through (3)
    d_x_pad_{nabc} = Σ_hw d_total_n,h,w,c [a, b is in the window at h, w]          through (2)
    d_x = d_x_pad where x lies                                                     through (1) (2)
    d_x_{nhwc} = d_m_n,c [the winner of the image is h, w]                         through (4)
    d_x_{nhwc} = d_a_n,c / (H W)                                                   through (5)

Shapes: x (N, H, W, C); m and a (N, H_out, W_out, C), or (N, C) if global. window, stride s and padding as the
    kernel's in conv2d, and H_out, W_out as there; the stride is the window if it is None.

Units: those of x.

Variant: the winner of a window is its largest element; of equal ones it is the first, row by row, and it gets all of
    the gradient. What surrounds the image never wins. A NaN does, and the last NaN is the winner. A window that sees
    nothing of the image has the maximum -∞ and the mean 0. No window hangs over the edge.

Differs:
    torch.nn.functional.max_pool2d: nothing; first of equals, last NaN. torch.amax over a window would share the
        gradient among equals. ceil_mode=True lets windows hang over the edge.
    torch.nn.functional.avg_pool2d: counts zeros around the image as well, unless count_include_pad=False.
    TensorFlow, Keras: max pooling drops NaNs; tf.reduce_max would share the gradient among equals. Means as here.
    ONNX: means as here (count_include_pad = 0).

Relation: the windows are the receptive fields of conv2d, and the mean is a depthwise convolution with equal weights,
    at the borders aside.

Raises: ValueError if x has not four axes, if the window covers more than there is of an axis, if window or stride is
    below 1, or if the padding is unknown or negative.

Reference: Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience 2 (1999)
    (maximum); LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86 (1998) (mean); Lin, Chen & Yan, "Network in network", 2013, arXiv:1312.4400 (global).
"""

import math

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import checked
from tf_impl.convolutional.conv2d import conv2d_geometry


@checked(H=1, W=1)
def pooling_max(
    x: Float[Array, "N H W C"],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
) -> Float[Array, "N H_out W_out C"]:
    pads, places = _places(x, window, stride, padding)
    x_pad = tf.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-math.inf)  # (1)
    m, firsts = x_pad[:, *places[0]], _firsts(x, pads, places)
    for k, place in enumerate(places[1:], start=1):
        value = x_pad[:, *place]
        better = (value > m) | tf.math.is_nan(value)
        better = better | firsts[k] if firsts else better
        m = tf.where(better, value, m)  # (1), as tf.maximum would share the gradient among equals
    return m


@checked(H=1, W=1)
def pooling_average(
    x: Float[Array, "N H W C"],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
) -> Float[Array, "N H_out W_out C"]:
    pads, places = _places(x, window, stride, padding)
    x_pad = tf.pad(x, ((0, 0), *pads, (0, 0)))  # (2)
    count = tf.maximum(tf.reduce_sum(tf.cast(_inside(x, pads, places), x.dtype), axis=0), 1)  # 0 / 0 is 0 here
    total = sum(x_pad[:, rows, columns] for rows, columns in places)  # (2)
    a = total / count  # (3)
    return a


@checked(H=1, W=1)
def pooling_global_max(x: Float[Array, "N H W C"]) -> Float[Array, "N C"]:
    """Of every row, then of the rows: the winner is the first, row by row, here too."""
    row_max = pooling_max(x, window=(1, x.shape[2]))  # (4)
    m = pooling_max(row_max, window=(x.shape[1], 1))  # (4)
    return m[:, 0, 0]


@checked(H=1, W=1)
def pooling_global_average(x: Float[Array, "N H W C"]) -> Float[Array, "N C"]:
    a = tf.reduce_mean(x, axis=(1, 2))  # (5)
    return a


def _places(x, window, stride, padding):
    """The pads, and what each element of the window meets of x_pad over all windows: (rows, columns), row by row."""
    window = window if isinstance(window, tuple) else (window, window)
    if len(window) != 2 or not all(type(k) is int and k >= 1 for k in window):
        raise ValueError(f"window is {window}, expected an integer or two, at least 1")
    stride = window if stride is None else stride
    geometry = conv2d_geometry(x.shape[1:3], window, stride=stride, padding=padding)
    return geometry.pads, [(rows, columns) for rows in geometry.rows for columns in geometry.columns]


def _firsts(x, pads, places):
    """For each element of the window: in which windows it is the first inside the image. [] if all are inside."""
    if not any(map(any, pads)):
        return []
    begun, *others = tf.unstack(_inside(x, pads, places))
    firsts = [begun]
    for inside in others:
        firsts.append(inside & ~begun)
        begun = begun | inside
    return firsts


def _inside(x, pads, places):
    """(kH kW, H_out, W_out, 1): whether an element of the window lies in the image."""
    image = tf.pad(tf.ones(x.shape[1:3], tf.bool), pads)
    return tf.stack([image[place] for place in places])[..., None]
