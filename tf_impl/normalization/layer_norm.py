"""Layer normalization: every example gets mean 0 and variance 1 over its own features.

Idea: Like batch normalization, it keeps the inputs of a layer in one range while the layers below learn. But an
    example is compared with itself and not with its batch, so that it works for one example at a time, for sequences
    of any length, and in the same way in training and evaluation.

    mean = 1/C Σ_c x                                       (1)   over the last axis, C features
    var = 1/C Σ_c (x - mean)²                              (2)
    x_hat = (x - mean) ⊙ inv_std                           (3)   inv_std = 1 / √(var + ε)
    y = γ ⊙ x_hat + β                                      (4)

Gradients:
    d_beta = Σ_n d_y                                                       through (4)   n: all axes but the last
    d_gamma = Σ_n d_y ⊙ x_hat                                              through (4)
    d_x_hat = gamma ⊙ d_y                                                  through (4)
    d_mean = -inv_std ⊙ Σ_c d_x_hat                                        through (3)
    d_var = -½ inv_std² ⊙ Σ_c d_x_hat ⊙ x_hat                              through (3)
    d_x = inv_std ⊙ d_x_hat + 2/C d_var ⊙ (x - mean) + 1/C d_mean          through (1) (2) (3)

Shapes: x, x_hat and y (..., C) with any leading axes; γ and β (C,); mean and var (..., 1).

Units: γ, β, y: whatever the next layer takes; ε in the square of x's unit.

Variant: the last axis alone, the biased variance, and ε inside the root (the paper has no ε). The variance takes a
    second pass over x: E[x²] - mean² cancels.

Differs:
    torch.nn.LayerNorm: several last axes are possible, with γ and β of their shape; over one axis it is the same.
    Keras: ε is 1e-3.
    ONNX LayerNormalization: all axes from `axis` on, the last one by default; it is the same, ε as well.

Relation: normalization/batch_norm has the same equations, with mean and variance of one feature over the batch; so it
    needs running statistics for evaluation. normalization/layer_norm_lstm has layer normalization in every step.

Raises: ValueError if sizes or dtypes disagree, if there are no features, or if ε is not positive.

Reference: Ba, Kiros & Hinton, "Layer normalization", 2016, arXiv:1607.06450, equations 3 and 4.
"""

from typing import NamedTuple

import tensorflow as tf
from jaxtyping import Float
from tensorflow import Tensor as Array

from shared.support.shapes import Dtype, Positive, checked


class LayerNormParams(NamedTuple):
    gamma: Float[Array, "C"]
    beta: Float[Array, "C"]


@checked
def layer_norm_init(n_features: int, *, dtype: Dtype = "float32") -> LayerNormParams:
    return LayerNormParams(gamma=tf.ones([n_features], dtype), beta=tf.zeros([n_features], dtype))


@checked(C=1)
def layer_norm(params: LayerNormParams, x: Float[Array, "*N C"], *, eps: Positive = 1e-5) -> Float[Array, "*N C"]:
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)  # (1)
    centred = x - mean
    var = tf.reduce_mean(centred * centred, axis=-1, keepdims=True)  # (2)
    inv_std = 1 / tf.sqrt(var + eps)
    x_hat = centred * inv_std  # (3)
    y = params.gamma * x_hat + params.beta  # (4)
    return y
