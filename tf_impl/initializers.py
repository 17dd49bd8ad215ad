"""Random initial weights whose scale keeps the variance of signals from layer to layer.

Idea: Weights that all start equal stay equal, so they are drawn at random. Their scale decides whether signals and
    gradients die out, blow up or keep their size through many layers: a sum of n terms has n times their variance, so
    the weights' variance has to fall as 1 / n.

    fan_in  = (product of kernel sizes) · C_in,    fan_out = (product of kernel sizes) · C_out     (1)
    glorot:  s² = 2 / (fan_in + fan_out)                                                           (2)
    he:      s² = 2 / fan_in                                                                       (3)
    lecun:   s² = 1 / fan_in                                                                       (4)
    uniform: W ~ U(-√3 s, √3 s)                                                                    (5)
    normal:  W ~ N(0, s²)                                                                          (6)

Shapes: (C_in, C_out) for a dense layer, (kH, kW, C_in, C_out) for a convolution: any rank from 2 on, the last
    two being channels in and out.

Units: s is the standard deviation of a weight.

Variant: the papers' formulas, with no gain; the normals are not truncated. The draws are NumPy's, float64, rounded to
    dtype at the end, so that every column starts from the same bits.

Differs:
    torch: kernels are (C_out, C_in, kH, kW); xavier_ and kaiming_ have a gain, of 1 and of √2 by default. Linear and
        Conv2d start with kaiming_uniform_(a=√5), which is U(-1/√fan_in, 1/√fan_in), for biases as well.
    Keras: normals are truncated at twice their standard deviation and rescaled; Dense starts Glorot-uniform.

Relation: he is lecun with a factor 2, for the half of the signals that relu cuts off; glorot takes the mean of fan_in
    and fan_out, so that neither signals nor gradients change too much.

Raises: ValueError if the shape has fewer than two dimensions or an empty one.

Reference: Glorot & Bengio, AISTATS 2010 (glorot); He, Zhang, Ren & Sun 2015, arXiv:1502.01852 (he); LeCun, Bottou,
    Orr & Müller, "Efficient BackProp", 1998 (lecun).
"""

import math

import tensorflow as tf
from jaxtyping import Float
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, checked


@checked
def glorot_uniform(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = "float32") -> Float[Array, "..."]:
    fan_in, fan_out = _fans(shape)
    return _uniform(rng, shape, math.sqrt(2 / (fan_in + fan_out)), dtype)  # (2)


@checked
def glorot_normal(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = "float32") -> Float[Array, "..."]:
    fan_in, fan_out = _fans(shape)
    return _normal(rng, shape, math.sqrt(2 / (fan_in + fan_out)), dtype)  # (2)


@checked
def he_uniform(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = "float32") -> Float[Array, "..."]:
    fan_in, _ = _fans(shape)
    return _uniform(rng, shape, math.sqrt(2 / fan_in), dtype)  # (3)


@checked
def he_normal(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = "float32") -> Float[Array, "..."]:
    fan_in, _ = _fans(shape)
    return _normal(rng, shape, math.sqrt(2 / fan_in), dtype)  # (3)


@checked
def lecun_uniform(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = "float32") -> Float[Array, "..."]:
    fan_in, _ = _fans(shape)
    return _uniform(rng, shape, math.sqrt(1 / fan_in), dtype)  # (4)


@checked
def lecun_normal(rng: Generator, shape: tuple[int, ...], *, dtype: Dtype = "float32") -> Float[Array, "..."]:
    fan_in, _ = _fans(shape)
    return _normal(rng, shape, math.sqrt(1 / fan_in), dtype)  # (4)


def _fans(shape):
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape is {shape}, expected (..., C_in, C_out), every size at least 1")
    *kernel, c_in, c_out = shape
    return math.prod(kernel) * c_in, math.prod(kernel) * c_out  # (1)


def _uniform(rng, shape, s, dtype):
    return tf.constant(rng.uniform(-math.sqrt(3) * s, math.sqrt(3) * s, shape), dtype)  # (5)


def _normal(rng, shape, s, dtype):
    return tf.constant(rng.normal(0, s, shape), dtype)  # (6)
