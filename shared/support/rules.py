"""What an annotation can ask of an argument beyond its type and shape: an interval, a label in range, one of a few
words, layers that fit together, one structure for several trees."""

import functools
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np


class Range(NamedTuple):
    """An interval in mathematical notation, `(0, inf)` or `[0, 1)`, for a number or for every element."""

    interval: str

    def holds(self, values: np.ndarray) -> np.ndarray:
        low, high = _ends(self.interval)
        above = values >= low if self.interval[0] == "[" else values > low
        return above & (values <= high if self.interval[-1] == "]" else values < high)


class Below(NamedTuple):
    """Integers from 0 to the size of the named dimension, exclusive."""

    dim: str


class OneOf(NamedTuple):
    """One of a few words."""

    words: tuple[str, ...]


class Chain(NamedTuple):
    """On a tuple of layers: every layer takes what the one before it gives.

    A layer takes as many numbers as `takes` has rows, and gives as many as `gives` has along `axis`: `Chain("W")` for
    dense layers, `Chain("W_x", gives="W_h", axis=0)` for recurrent ones. first, last: the dimensions of the call
    that the first layer takes and the last one gives, if they have names: `Chain("W", first="D", last="K")`.
    """

    takes: str
    gives: str = ""
    axis: int = -1
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class TreeOf:
    """`TreeOf[Float[Array, "..."]]`: any tree of such arrays. jaxtyping's own PyTree exists only beside JAX."""

    leaf: Any

    def __class_getitem__(cls, leaf):
        return Annotated[Any, cls(leaf)]


Positive = Annotated[float, Range("(0, inf)")]
NonNegative = Annotated[float, Range("[0, inf)")]
Rate = Annotated[float, Range("[0, 1]")]
Count = Annotated[int, Range("[0, inf)")]
Decay = Annotated[float, Range("[0, 1)")]
Dtype = Annotated[str, OneOf(("float64", "float32", "float16"))]  # what an initializer makes


@functools.cache
def _ends(interval: str) -> tuple[float, float]:
    low, high = interval[1:-1].split(",")
    return float(low), float(high)
