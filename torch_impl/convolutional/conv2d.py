"""Convolution of images: one matrix times what a window sees, at every place of the window.

    e = d (k - 1) + 1                                              (1)   what a kernel of k covers at dilation d
    H' = ⌈H / s⌉,  p = max((H' - 1) s + e - H, 0)                  (2)   "same": ⌊p/2⌋ zeros before, the rest after
    H' = ⌊(p_before + H + p_after - e) / s⌋ + 1                    (3)   "valid" (no zeros) and explicit padding
    x̃ = x between its zeros                                        (4)
    X_(n,h,w),(i,j,c) = x̃_n,(hs+id),(ws+jd),c                      (5)   columns: what the window at h, w sees
    y_n,h,w,o = Σ_ijc X_(n,h,w),(i,j,c) W_ijc,o + b_o              (6)   for every group of channels by itself

Shapes: x (N, H, W, C_in); W (kH, kW, C_in / groups, C_out), b (C_out,); y (N, H', W', C_out). (1) to (3) hold for
    the vertical axis and for the horizontal one, each with its own k, s, d and p. stride and dilation are an integer
    or (vertical, horizontal); padding is "valid", "same" or ((top, bottom), (left, right)).

Units: y in units of x times those of W.

Variant: cross-correlation, the kernel is not flipped (as in every library). "same" at any stride, the odd zero on
    the right and at the bottom (TensorFlow, Keras, ONNX SAME_UPPER; torch refuses it at a stride, and its padding
    k // 2 gives the same sizes there with other values). Channels last, kernels HWIO (TensorFlow, Keras; torch and
    ONNX have channels first, kernels OIHW). Group g takes the g-th part of the channels, in and out. conv2d_init
    draws He-uniform weights and sets the biases to 0.

Raises: ValueError if sizes or dtypes disagree, if the groups do not divide the channels, if the kernel covers more
    than there is of an axis, if stride, dilation or groups is below 1, or if the padding is unknown or negative.

Reference: LeCun et al., "Backpropagation applied to handwritten zip code recognition", Neural Computation 1 (1989);
    Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor as Array
from jaxtyping import Float
from numpy.random import Generator

from shared.support.shapes import checked
from torch_impl.initializers import he_uniform


class Conv2DParams(NamedTuple):
    W: Float[Array, "kH kW C C_out"]
    b: Float[Array, "C_out"]


class Conv2DGeometry(NamedTuple):
    """pads: zeros ((top, bottom), (left, right)); out: (H', W'); down, across: what the kernel's i-th row and j-th
    column meet of the padded image, a slice for each i and each j."""

    pads: tuple[tuple[int, int], tuple[int, int]]
    out: tuple[int, int]
    down: tuple[slice, ...]
    across: tuple[slice, ...]


def conv2d_init(
    rng: Generator, kernel: tuple[int, int], n_in: int, n_out: int, *, groups: int = 1, dtype: str = "float32"
) -> Conv2DParams:
    if groups < 1 or n_in % groups or n_out % groups:
        raise ValueError(f"conv2d: groups is {groups}, expected a divisor of {n_in} and {n_out} channels")
    kind = {"dtype": getattr(torch, dtype)}
    return Conv2DParams(
        W=he_uniform(rng, (*kernel, n_in // groups, n_out), dtype=dtype), b=torch.zeros(n_out, **kind)
    )


def conv2d_geometry(
    size: tuple[int, int],
    kernel: tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "valid",
    dilation: int | tuple[int, int] = 1,
) -> Conv2DGeometry:
    strides, dilations = _pair("stride", stride), _pair("dilation", dilation)
    pads, out, slices = [], [], []
    for axis, name in enumerate(("rows", "columns")):
        n, k, s, d = size[axis], kernel[axis], strides[axis], dilations[axis]
        covered = d * (k - 1) + 1  # (1)
        if padding == "same":
            zeros = max((math.ceil(n / s) - 1) * s + covered - n, 0)  # (2)
            before, after = zeros // 2, zeros - zeros // 2
        else:
            before, after = _pads(padding)[axis]
        count = (before + n + after - covered) // s + 1  # (3)
        if n < 1 or count < 1:
            found = f"an image has {n} {name} and padding ({before}, {after})"
            raise ValueError(f"{found}, expected at least {covered} in all, as a window of {k} {name} covers")
        pads.append((before, after))
        out.append(count)
        slices.append(tuple(slice(i * d, i * d + (count - 1) * s + 1, s) for i in range(k)))
    return Conv2DGeometry(tuple(pads), tuple(out), *slices)


def _pair(name, value):
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or not all(isinstance(v, int) and v >= 1 for v in pair):
        raise ValueError(f"{name} is {value}, expected an integer or two, at least 1")
    return pair


def _pads(padding):
    if padding == "valid":
        return (0, 0), (0, 0)
    try:
        pads = tuple((int(before), int(after)) for before, after in padding)
    except (TypeError, ValueError):
        pads = ()
    if len(pads) != 2 or min(map(min, pads)) < 0:
        wanted = '"valid", "same" or ((top, bottom), (left, right)), none negative'
        raise ValueError(f"padding is {padding!r}, expected {wanted}")
    return pads


def _grouped(x, groups):
    """(..., groups * C) to (groups, ..., C)."""
    return torch.movedim(x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups), -2, 0)


def _ungrouped(x):
    x = torch.movedim(x, 0, -2)
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def _columns(padded, geometry):
    """In two stages, which copy long runs: what a row of the kernel sees, then its rows beside each other."""
    seen = torch.cat([padded[:, :, :, j] for j in geometry.across], dim=-1)
    seen = torch.cat([seen[:, :, i] for i in geometry.down], dim=-1)  # (5)
    return seen.reshape(seen.shape[0], -1, seen.shape[-1])


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
    kH, kW, c, n_out = params.W.shape
    geometry = conv2d_geometry(x.shape[1:3], (kH, kW), stride=stride, padding=padding, dilation=dilation)
    vertical, horizontal = geometry.pads
    padded = _grouped(torch.constant_pad_nd(x, (0, 0, *horizontal, *vertical)), groups)  # (4)
    W = _grouped(params.W.reshape(kH * kW * c, n_out), groups)
    rows = _ungrouped(_columns(padded, geometry) @ W) + params.b  # (6)
    return rows.reshape(x.shape[0], *geometry.out, n_out)


def _check(params, x, groups):
    (_, _, c, n_out), n_in = params.W.shape, x.shape[3]
    if not isinstance(groups, int) or groups < 1 or n_out % groups:
        raise ValueError(f"conv2d: groups is {groups}, expected a divisor of {n_out}, the channels out of params.W")
    if n_in != c * groups:
        wanted = f"{c * groups}, as params.W has {c} in each of {groups} groups"
        raise ValueError(f"conv2d: x has {n_in} channels, expected {wanted}")
