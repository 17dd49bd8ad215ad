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

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from numpy_impl.convolutional.conv2d import conv2d_crop, conv2d_geometry
from shared.support.shapes import checked


class PoolingCache(NamedTuple):
    """shape: of x_pad. places: as _places has them. kept: winners, by their number among the places; or counts."""

    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], tuple[int, int]]
    places: list[tuple[slice, slice]]
    kept: Array


class PoolingGlobalMaxCache(NamedTuple):
    rows: PoolingCache
    columns: PoolingCache


@checked(H=1, W=1)
def pooling_max(
    x: Float[Array, "N H W C"],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
) -> Float[Array, "N H_out W_out C"]:
    pads, places = _places(x, window, stride, padding)
    x_pad = _padded(x, pads, -np.inf)  # (1)
    m, firsts = x_pad[:, *places[0]], _firsts(x, pads, places)
    winner = np.zeros(m.shape, np.min_scalar_type(len(places)))
    for k, place in enumerate(places[1:], start=1):
        value = x_pad[:, *place]
        better = (value > m) | (value != value)
        better = better | firsts[k] if firsts else better
        winner = np.maximum(winner, better * winner.dtype.type(k))  # k where it is better, as k only grows
        m = np.maximum(m, value)  # (1)
    return m, PoolingCache(x_pad.shape, pads, places, winner)


def pooling_max_backward(cache, d_m):
    shape, pads, places, winner = cache
    d_x_pad = np.zeros(shape, d_m.dtype)
    for k, (rows, columns) in enumerate(places):
        d_x_pad[:, rows, columns] += d_m * (winner == k)  # through (1)
    d_x = conv2d_crop(d_x_pad, pads)  # through (1)
    return (d_x,)


@checked(H=1, W=1)
def pooling_average(
    x: Float[Array, "N H W C"],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
) -> Float[Array, "N H_out W_out C"]:
    pads, places = _places(x, window, stride, padding)
    x_pad = _padded(x, pads, 0)  # (2)
    count = np.maximum(np.sum(_inside(x, pads, places), axis=0), 1).astype(x.dtype)  # 0 / 0 is 0 here
    total = sum(x_pad[:, rows, columns] for rows, columns in places)  # (2)
    a = total / count  # (3)
    return a, PoolingCache(x_pad.shape, pads, places, count)


def pooling_average_backward(cache, d_a):
    shape, pads, places, count = cache
    d_total = d_a / count  # through (3)
    d_x_pad = np.zeros(shape, d_a.dtype)
    for rows, columns in places:
        d_x_pad[:, rows, columns] += d_total  # through (2)
    d_x = conv2d_crop(d_x_pad, pads)  # through (2)
    return (d_x,)


@checked(H=1, W=1)
def pooling_global_max(x: Float[Array, "N H W C"]) -> Float[Array, "N C"]:
    """Of every row, then of the rows: the winner is the first, row by row, here too."""
    row_max, rows_cache = pooling_max(x, window=(1, x.shape[2]))  # (4)
    m, columns_cache = pooling_max(row_max, window=(x.shape[1], 1))  # (4)
    return m[:, 0, 0], PoolingGlobalMaxCache(rows_cache, columns_cache)


def pooling_global_max_backward(cache, d_m):
    (d_row_max,) = pooling_max_backward(cache.columns, d_m[:, None, None])  # through (4)
    (d_x,) = pooling_max_backward(cache.rows, d_row_max)  # through (4)
    return (d_x,)


@checked(H=1, W=1)
def pooling_global_average(x: Float[Array, "N H W C"]) -> Float[Array, "N C"]:
    a = np.mean(x, axis=(1, 2))  # (5)
    return a, x.shape


def pooling_global_average_backward(cache, d_a):
    n, height, width, c = cache
    d_x = np.broadcast_to(d_a[:, None, None] / (height * width), (n, height, width, c)).copy()  # through (5)
    return (d_x,)


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
    begun, *others = _inside(x, pads, places)
    firsts = [begun]
    for inside in others:
        firsts.append(inside & ~begun)
        begun = begun | inside
    return firsts


def _inside(x, pads, places):
    """(kH kW, H_out, W_out, 1): whether an element of the window lies in the image."""
    image = np.pad(np.ones(x.shape[1:3], bool), pads)
    return np.stack([image[place] for place in places])[..., None]


def _padded(x, pads, value):
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value) if np.any(pads) else x
