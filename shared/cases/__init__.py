"""What "correct" means for an algorithm: `shared/cases/<path>.py` holds

    cases(draw, **sizes)   yields `Case`s; sizes have defaults, all different, and Hypothesis draws others
    SMALLEST               the least value of each size that Hypothesis may draw
    nasty(draw)            yields `Case`s at the edges: huge logits, zero gradients, kinks (optional)
    bad(draw)              yields `Bad` inputs and what the ValueError must say
    MUTANTS                classic mistakes, as small edits of the NumPy file

`draw(*shape)` gives standard normal float64 numbers from a fixed seed. An oracle is an independent authority:
for a differentiable case it takes torch tensors and is differentiated by autograd; otherwise, and for `second`
opinions, it takes NumPy arrays.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from shared import catalogue
from shared.comparing import LAYER


class Draw:
    """Deterministic random arrays in float64: everything random, nothing zero."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.standard_normal(shape))

    def uniform(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.random(shape))

    def integers(self, high: int, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.integers(0, high, shape))


@dataclass(frozen=True, eq=False)
class Case:
    """One call that every column must answer like the oracle.

    function: a public function of the algorithm's module, or `run(module, *args, **static)` that drives several.
    args:     arrays, NamedTuples of arrays, numbers, `Seed`s. static: keyword arguments that are no arrays.
    grad:     whether gradients are compared as well: not for what has no backward (optimizers, initializers).
    second:   further oracles, by the name of their library, that see NumPy arrays and give the outputs.
    """

    function: str | Callable
    args: tuple
    oracle: Callable
    static: dict[str, Any] = field(default_factory=dict)
    grad: bool = True
    tolerance: float = LAYER
    dtype: str = "float64"
    name: str = ""
    second: dict[str, Callable] = field(default_factory=dict)

    @property
    def label(self) -> str:
        function = self.function if isinstance(self.function, str) else self.function.__name__
        return f"{function} {self.name}".strip()


@dataclass(frozen=True, eq=False)
class Bad:
    """A call that must raise a ValueError whose message matches the regular expression `says`."""

    function: str
    args: tuple
    says: str
    static: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Mutant:
    """A classic mistake: `old`, which stands once in the NumPy file, becomes `new`. `why` is for the reader."""

    old: str
    new: str
    why: str


def of(path: str) -> ModuleType:
    """The case module of an algorithm; ValueError if it has none."""
    module = catalogue.companion("cases", path)
    if module is None:
        raise ValueError(f"{path} has no case: write shared/cases/{path}.py")
    return module


def main_cases(path: str, **sizes: int) -> list[Case]:
    return list(of(path).cases(Draw(_seed(path)), **sizes))


def nasty_cases(path: str) -> list[Case]:
    return _optional(path, "nasty")


def bad_inputs(path: str) -> list[Bad]:
    return _optional(path, "bad")


def mutants(path: str) -> list[Mutant]:
    return list(getattr(of(path), "MUTANTS", ()))


def _optional(path: str, name: str) -> list:
    function: Callable[[Draw], Iterator] = getattr(of(path), name, lambda draw: iter(()))
    return list(function(Draw(_seed(path) + 1)))


def _seed(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big")
