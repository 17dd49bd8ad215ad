"""Pooling: the largest value or the mean of what a window sees, in every channel by itself.

    m = max_ij x̃_n,(hs+i),(ws+j),c                                 (1)   with -∞ around x
    a = Σ_ij x̃_n,(hs+i),(ws+j),c / q_h,w                           (2)   with zeros around x
    q_h,w = how many i, j of the window at h, w lie in x           (3)
    m = max_hw x_n,h,w,c                                           (4)   global
    a = Σ_hw x_n,h,w,c / (H W)                                     (5)   global

Shapes: x (N, H, W, C); m and a (N, H', W', C), or (N, C) if global. window, stride and padding as in conv2d, and H',
    W' as there; the stride is the window if it is None.

Units: those of x.

Variant: of equal values in a window the first, row by row, gets all of the gradient (torch, TensorFlow, Keras; a
    maximum over a stack of slices would split it). What surrounds the image never wins. A NaN does, and the last one
    gets the gradient (torch; TensorFlow's own operation drops NaNs). The mean is that of what lies in the image
    (Keras, TensorFlow, ONNX; torch counts zeros as well, unless count_include_pad=False). A window that sees nothing
    of the image has the maximum -∞ and the mean 0. No window hangs over the edge (torch's ceil_mode=False).

Raises: ValueError if x has not four axes, if the window covers more than there is of an axis, if window or stride is
    below 1, or if the padding is unknown or negative.

Reference: Riesenhuber & Poggio, "Hierarchical models of object recognition in cortex", Nature Neuroscience 2 (1999)
    (maximum); LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86 (1998) (mean); Lin, Chen & Yan, "Network in network", 2013, arXiv:1312.4400 (global).
"""

import math

import torch
from torch import Tensor as Array
from jaxtyping import Float

from shared.support.shapes import checked
from torch_impl.convolutional.conv2d import conv2d_geometry


@checked(H=1, W=1)
def pooling_max(
    x: Float[Array, "N H W C"],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
) -> Float[Array, "N H_out W_out C"]:
    pads, places = _places(x, window, stride, padding)
    padded = _padded(x, pads, -math.inf)
    m = _seen(padded, places[0])
    for place, is_first in zip(places[1:], _firsts(x, pads, places), strict=True):
        value = _seen(padded, place)
        take = (value > m) | (value != value) | is_first
        m = torch.where(take, value, m)  # (1)
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
    padded = _padded(x, pads, 0)
    count = torch.sum(_inside(x, pads, places), dim=0).to(x.dtype)  # (3)
    scale = 1 / torch.clamp(count, min=1)
    return sum(_seen(padded, place) for place in places) * scale  # (2)


@checked(H=1, W=1)
def pooling_global_max(x: Float[Array, "N H W C"]) -> Float[Array, "N C"]:
    of_rows = pooling_max(x, window=(1, x.shape[2]))
    m = pooling_max(of_rows, window=(x.shape[1], 1))  # (4)
    return m[:, 0, 0]


@checked(H=1, W=1)
def pooling_global_average(x: Float[Array, "N H W C"]) -> Float[Array, "N C"]:
    return torch.mean(x, dim=(1, 2))  # (5)


def _places(x, window, stride, padding):
    """Zeros or -∞ on each side, and what each element of the window meets of the padded image, row by row."""
    window = window if isinstance(window, tuple) else (window, window)
    if len(window) != 2 or not all(isinstance(k, int) and k >= 1 for k in window):
        raise ValueError(f"window is {window}, expected an integer or two, at least 1")
    stride = window if stride is None else stride
    geometry = conv2d_geometry(x.shape[1:3], window, stride=stride, padding=padding)
    return geometry.pads, [(i, j) for i in geometry.rows for j in geometry.columns]


def _seen(padded, place):
    i, j = place
    return padded[:, i, j]


def _firsts(x, pads, places):
    """For all elements of the window after its first: in which windows they are the first to lie in the image."""
    if not any(map(any, pads)):
        return [False] * (len(places) - 1)
    begun, *others = _inside(x, pads, places)
    firsts = []
    for inside in others:
        firsts.append(inside & ~begun)
        begun = begun | inside
    return firsts


def _inside(x, pads, places):
    """(kH kW, H', W', 1): whether an element of the window lies in the image."""
    image = _padded(x.new_ones(1, *x.shape[1:3], 1, dtype=torch.bool), pads, False)
    return torch.stack([_seen(image, place)[0] for place in places])


def _padded(x, pads, value):
    vertical, horizontal = pads
    return torch.constant_pad_nd(x, (0, 0, *horizontal, *vertical), value)
