"""The `Backend` of a port, whatever array library it is written in, found by what the port imports.

NumPy, PyTorch, TensorFlow, JAX and MLX are known, the last four with their gradients. Any other library needs only
some function (`asarray`, `array`, `tensor`, ...) that takes a NumPy array, and arrays with `__array__`, DLPack,
`numpy()` or `tolist()`; a port can also say itself how arrays come and go, with `_array(x)` and `_numpy(x)`.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import optree

from shared import backends
from shared.backends import Backend

KNOWN = {"torch": "torch", "tensorflow": "tf"}  # records that are there already
HELPERS = {"numpy", "optree", "jaxtyping", "shared", "typing_extensions", "einops"}
MAKERS = ("asarray", "array", "tensor", "Tensor", "constant", "from_numpy", "from_dlpack")


def of(module: ModuleType, text: str) -> Backend:
    """The library that a port is written in. module: the port; text: its source.

    ValueError if it imports one that no way leads to: checked with NumPy's arrays, it would only seem to be right.
    """
    if hasattr(module, "_array"):
        return Backend("its own _array", module._array, getattr(module, "_numpy", to_numpy))
    imported = _imports(text)
    names = [name for name in imported if name.split(".")[0] not in HELPERS | sys.stdlib_module_names]
    for name in names:
        top = name.split(".")[0]
        if top in OWN:
            return OWN[top]()
        if top in KNOWN:
            return backends.get(KNOWN[top])._replace(name=top)
    for name in names:
        make = _maker(importlib.import_module(name))
        if make:
            return Backend(name, make, to_numpy)
    if names and "numpy" not in imported:
        raise ValueError(
            f"no function of {', '.join(names)} makes an array that can be read back from one of NumPy's: "
            "the file can say how, with _array(x) and _numpy(x)"
        )
    return Backend("numpy", np.asarray, to_numpy)


def to_numpy(x) -> np.ndarray:
    """An array of whatever library as NumPy's; TypeError if it offers no way."""
    if isinstance(x, np.ndarray | np.generic | int | float | bool):
        return np.asarray(x)
    for way in (_by_array, np.from_dlpack, lambda x: x.numpy(), lambda x: np.asarray(x.tolist())):
        try:
            array = np.asarray(way(x))
        except Exception:  # the next way may do
            continue
        if array.dtype.kind in "fiubc":
            return array
    raise TypeError(f"a {type(x).__name__} has neither __array__ nor DLPack nor numpy() nor tolist()")


def _by_array(x):
    return x.__array__()


def _maker(library) -> Callable | None:
    """The first function of a library that takes a NumPy array and gives back something with the same numbers."""
    probe = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for name in MAKERS:
        make = getattr(library, name, None)
        try:
            made = make(probe)
            if not isinstance(made, np.ndarray) and np.array_equal(to_numpy(made), probe):
                return make
        except Exception:  # not this one
            continue
    return None


def _imports(text: str) -> list[str]:
    """Full names of imported modules, in their order."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    return names


def _jax() -> Backend:
    import jax
    import jax.numpy as jnp

    def gradients(fn, floats, along):
        _, back = jax.vjp(fn, floats)
        return back([jnp.asarray(dy, y.dtype) for dy, y in along])[0]

    return Backend("jax", jnp.asarray, np.asarray, _vjp(gradients), jax.disable_jit)


def _mlx() -> Backend:
    import mlx.core as mx

    def gradients(fn, floats, along):
        return mx.vjp(lambda *values: fn(values), floats, [dy.astype(y.dtype) for dy, y in along])[1]

    return Backend("mlx", mx.array, np.asarray, _vjp(gradients))


OWN = {"jax": _jax, "mlx": _mlx}


def _vjp(gradients: Callable) -> Callable:
    """A `vjp` on trees from one on lists: gradients(fn of a list, that list, (cotangent, output) pairs)."""

    def vjp(fn, args, static, cotangents):
        """Outputs of `fn(*args, **static)` and its gradients along cotangents(outputs); None for what has none."""
        outputs = fn(*args, **static)
        leaves, tree = optree.tree_flatten(args)
        at = [i for i, x in enumerate(leaves) if backends.is_float(x)]

        def run(values):
            return _floats(fn(*tree.unflatten(_put(leaves, at, values)), **static))

        pairs = zip(optree.tree_leaves(cotangents(outputs)), optree.tree_leaves(outputs), strict=True)
        along = [(dy, y) for dy, y in pairs if backends.is_float(y)]
        grads = gradients(run, [leaves[i] for i in at], along)
        return outputs, tree.unflatten(_put([None] * len(leaves), at, grads))

    return vjp


def _floats(tree) -> list:
    return [leaf for leaf in optree.tree_leaves(tree) if backends.is_float(leaf)]


def _put(leaves: list, at: list[int], values: list) -> list:
    leaves = list(leaves)
    for i, value in zip(at, values, strict=True):
        leaves[i] = value
    return leaves
