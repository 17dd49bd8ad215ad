"""Embedding: a vector for every symbol, looked up by its number.

    y_n = row ids_n of W                        (1)

Shapes: W (V, D), ids of any shape (*shape), integers from 0 to V-1; y (*shape, D).

Units: those of W.

Variant: the product of W with a one-hot row, without the row. A symbol that occurs several times collects its
    gradients; the rows of symbols that do not occur have gradient 0. There is no padding row: what stands behind the
    end of a sequence is for a mask to leave out (PyTorch's padding_idx and Keras's mask_zero do both in one).
    embedding_init draws from N(0, s²), s = 0.1 if not given (PyTorch 1; Keras uniform between -0.05 and 0.05).

Raises: ValueError if a number is negative or at least V (NumPy alone would count from the end).

Reference: Bengio, Ducharme, Vincent & Jauvin, Journal of Machine Learning Research 3 (2003).
"""

from typing import Annotated

import tensorflow as tf
from jaxtyping import Float, Int
from numpy.random import Generator
from tensorflow import Tensor as Array

from shared.support.shapes import Below, NonNegative, checked


def embedding_init(
    rng: Generator, n_symbols: int, n_outputs: int, *, s: NonNegative = 0.1, dtype: str = "float32"
) -> Float[Array, "V D"]:
    return tf.constant(rng.normal(0, s, (n_symbols, n_outputs)), dtype)


@checked
def embedding(W: Float[Array, "V D"], ids: Annotated[Int[Array, "*shape"], Below("V")]) -> Float[Array, "*shape D"]:
    return tf.gather(W, ids)  # (1)
