"""Array libraries behind one small record each, `Backend`: those of the three columns, `get("torch")` and its
siblings, and whatever a port is written in (`libraries`).

A record says how a library does what the harness needs and nothing more; everything about trees and names is here
and the same for all.
"""

import importlib
import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import NamedTuple

import numpy as np

NAMES = ("numpy", "torch", "tf")
ELEMENTWISE = ("d_y", "dy")  # first argument of an elementwise backward: y = f(x), d_x = f_backward(d_y, x, y)
LIBRARIES = {"numpy": "numpy", "torch": "torch", "tf": "tensorflow"}


class Backend(NamedTuple):
    """What the harness needs of an array library.

    array(x, device), numpy(x)          one NumPy array to one of the library's and back
    vjp(fn, args, static, cotangents)   outputs, and gradients of every floating-point argument; None where the
                                        library's gradients are not known here
    eager()                             a context in which every line computes numbers at once

    A column's has these as well:

    call(fn, args, static)              outputs alone
    gradients_inside(run, cotangents)   gradients of values on the way (not NumPy's, where they are written by hand)
    value_and_grad(fn)                  loss and its gradient with respect to the first argument
    compile(step)                       the framework's compiler around a whole training step
    device(name)                        the device that a name means, ValueError if there is none; None: the CPU
    scope(name)                         a context in which operations run on it
    threads(n)                          uses n cores; how many it will use, which TensorFlow settles only once
    """

    name: str
    array: Callable
    numpy: Callable
    vjp: Callable | None = None
    eager: Callable[[], AbstractContextManager] = nullcontext
    call: Callable | None = None
    gradients_inside: Callable | None = None
    value_and_grad: Callable | None = None
    compile: Callable | None = None
    device: Callable | None = None
    scope: Callable | None = None
    threads: Callable | None = None


class Seed(NamedTuple):
    """Stands for `numpy.random.default_rng(seed)`, made anew for every call."""

    seed: int


def installed() -> tuple[str, ...]:
    return tuple(name for name in NAMES if importlib.util.find_spec(LIBRARIES[name]))


def get(name: str) -> Backend:
    """The record of one column's library; ValueError if the name is unknown or the library is not installed."""
    if name not in NAMES:
        raise ValueError(f"backend {name!r} is unknown, expected one of {', '.join(NAMES)}")
    if name not in installed():
        raise ValueError(
            f"backend {name!r} needs {LIBRARIES[name]}, which is not installed; "
            f"in a clone of the repository: pip install '.[{name}]'"
        )
    if name == "tf" and "torch" in installed():
        import torch  # noqa: F401  both in one process work only if torch comes first
    return importlib.import_module(f"shared.backends.{name}_backend").BACKEND


def module(backend: str, path: str) -> ModuleType:
    """The implementation of an algorithm: `module("torch", "recurrent/lstm")`."""
    get(backend)
    return importlib.import_module(f"{backend}_impl.{path.replace('/', '.')}")


def convert(tree, leaf: Callable, column: str):
    """Maps every array of a tree by `leaf`; NamedTuples of one column become those of another.

    Numbers, strings and None stay as they are; a `Seed` becomes a fresh generator.
    """
    if isinstance(tree, Seed):
        return np.random.default_rng(tree.seed)
    if hasattr(tree, "_fields"):
        fields = [convert(value, leaf, column) for value in tree]
        return sibling(type(tree), column)(*fields)
    if isinstance(tree, tuple | list):
        return type(tree)(convert(value, leaf, column) for value in tree)
    if isinstance(tree, dict):
        return {key: convert(value, leaf, column) for key, value in tree.items()}
    return leaf(tree) if hasattr(tree, "shape") else tree


def to_backend(backend: str, tree, device: str | None = None):
    """A tree of NumPy arrays as a tree of this backend's arrays and NamedTuples."""
    adapter = get(backend)
    return convert(tree, lambda x: adapter.array(x, device), backend)


def to_numpy(backend: str, tree):
    """A tree of this backend's arrays as a tree of NumPy arrays and of the NumPy column's NamedTuples."""
    return convert(tree, get(backend).numpy, "numpy")


def is_float(x) -> bool:
    return hasattr(x, "dtype") and "float" in str(x.dtype)


def sibling(cls: type, column: str) -> type:
    """The NamedTuple of the same name in another column; the class itself if it is none of a column's."""
    tree, _, path = cls.__module__.partition(".")
    if not tree.endswith("_impl"):
        return cls
    return getattr(importlib.import_module(f"{column}_impl.{path}"), cls.__qualname__)
