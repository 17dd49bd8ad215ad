"""Embedding: a vector for every symbol, looked up by its number.

Idea: A network reads numbers, and the number of a symbol says nothing about it. An embedding gives every symbol a row
    of trainable numbers, so that symbols used alike end up with similar rows.

    y_n = row ids_n of E                        (1)

Gradients:
    d_E_j = Σ_n [ids_n = j] d_y_n               through (1)   row j: a sum over the places where symbol j stands

Shapes: E (V, D), ids of any shape (*shape), integers from 0 to V-1; y (*shape, D). n runs over all places of ids.

Units: those of E.

Variant: the product of a one-hot row with E, without the product. A symbol that occurs several times collects its
    gradients; the rows of symbols that do not occur have gradient 0. There is no padding row: use a mask for what
    stands behind the end of a sequence. embedding_init draws from N(0, s²), s = 0.1 if not given.

Differs:
    torch.nn.Embedding: the same weight; drawn from N(0, 1). Its padding_idx keeps one row at 0 without a gradient;
        its scale_grad_by_freq divides a row's gradient by the number of times the symbol occurs.
    Keras: the same weight; drawn uniformly between -0.05 and 0.05. mask_zero makes a mask from symbol 0.
    ONNX: Gather on axis 0; it counts negative numbers from the end.

Raises: ValueError if a number is negative or at least V (NumPy alone would count from the end).

Reference: Bengio, Ducharme, Vincent & Jauvin, Journal of Machine Learning Research 3 (2003).
"""

from typing import Annotated

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, Dtype, NonNegative, checked


@checked
def embedding_init(
    rng: Generator, n_symbols: int, n_outputs: int, *, s: NonNegative = 0.1, dtype: Dtype = "float32"
) -> Float[Array, "V D"]:
    return tf.constant(rng.normal(0, s, (n_symbols, n_outputs)), dtype)


@checked
def embedding(E: Float[Array, "V D"], ids: Annotated[Int[Array, "*shape"], Below("V")]) -> Float[Array, "*shape D"]:
    y = tf.gather(E, tf.cast(ids, tf.int64))  # (1)
    return y
