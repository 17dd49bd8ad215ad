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
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
import optree

from shared import backends, catalogue
from shared.differences import FLOAT32, LAYER


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


def some_sizes(path: str) -> list[dict[str, int]]:
    """The smallest sizes, the largest ones, and a mixture with odd ones."""
    smallest, rng = of(path).SMALLEST, np.random.default_rng(len(path))
    mixture = {name: least + int(rng.integers(0, 5)) for name, least in smallest.items()}
    return [dict(smallest), {name: least + 4 for name, least in smallest.items()}, mixture]


def nasty_cases(path: str) -> list[Case]:
    return _optional(path, "nasty")


def bad_inputs(path: str) -> list[Bad]:
    return _optional(path, "bad")


def mutants(path: str) -> list[Mutant]:
    return list(getattr(of(path), "MUTANTS", ()))


def find_case(path: str, label: str | None = None) -> Case:
    """The case of that label, by default the first; ValueError, with the labels there are, if there is none."""
    cases = main_cases(path) + nasty_cases(path)
    if label is None:
        return cases[0]
    found = [case for case in cases if case.label == label]
    if not found:
        raise ValueError(f"{path} has no case {label!r}, expected one of: {', '.join(c.label for c in cases)}")
    return found[0]


def in_dtype(case: Case, dtype: str) -> Case:
    """The case with every floating-point array rounded to dtype, and results asked for in it."""
    args = optree.tree_map(lambda x: x.astype(dtype) if backends.is_float(x) else x, case.args)
    static = {**case.static, **({"dtype": dtype} if "dtype" in case.static else {})}
    return replace(case, args=args, static=static, dtype=dtype)


def cotangents(outputs):
    """A random array, fixed by position and shape, along every floating-point output; zeros for integers."""

    def along(index, leaf):
        leaf = np.asarray(leaf)
        if leaf.dtype.kind != "f":
            return np.zeros(leaf.shape)
        seed = hashlib.sha256(f"{index}{leaf.shape}".encode()).digest()[:4]
        return np.random.default_rng(int.from_bytes(seed, "big")).standard_normal(leaf.shape)

    leaves, tree = optree.tree_flatten(outputs)
    return tree.unflatten([along(i, leaf) for i, leaf in enumerate(leaves)])


def tolerance(case: Case) -> float:
    return max(FLOAT32, case.tolerance) if case.dtype == "float32" else case.tolerance


def _optional(path: str, name: str) -> list:
    function: Callable[[Draw], Iterator] = getattr(of(path), name, lambda draw: iter(()))
    return list(function(Draw(_seed(path) + 1)))


def _seed(path: str) -> int:
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big")
