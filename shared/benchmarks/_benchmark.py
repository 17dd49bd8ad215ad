"""One benchmark, the random arrays it is given, and how a step is compiled."""

from collections.abc import Callable
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import optree

from shared import backends

Step = Callable[[], Any]

# How the steps of each side are called where a benchmark does not say otherwise: the way that measured fastest.
FASTEST = {"numpy": "eager", "torch": "compile", "tf": "xla", "nn": "eager", "keras": "xla"}
MODES = {"eager": "", "compile": "torch.compile", "function": "tf.function", "xla": "XLA"}
NONE = MappingProxyType({})
LR = 1e-3  # of every optimizer


class Benchmark(NamedTuple):
    name: str
    ours: Callable[[str, str, str], Step]  # of an algorithm's path, a backend and a mode
    torch: Callable[[ModuleType], Step]  # of the module torch
    keras: Callable[[ModuleType, str], Step]  # of the module keras and a mode
    modes: dict[str, str]  # the better one for each side: numpy, torch, tf, nn (torch's), keras
    held: int  # bytes that exist before and after a step: its arguments and what it keeps for the next
    random: bool = False  # results agree in distribution only
    from_keras: Callable[[Any], Any] = lambda result: result  # in our layout, to be compared with ours
    library: str = ""  # what every backend is held against, where that is neither torch nor Keras


class Draw:
    """Seeded float32 arrays: `draw(3, 4)`."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * self.rng.standard_normal(shape)).astype(np.float32)

    def labels(self, n: int, n_classes: int) -> np.ndarray:
        return self.rng.integers(0, n_classes, n)


def compiled(backend: str, step: Callable, mode: str) -> Callable:
    return step if mode == "eager" else backends.get(backend).compile(step, jit=mode != "function")


def size(tree) -> int:
    return sum(leaf.nbytes for leaf in optree.tree_leaves(tree))


def tensors(backend, tree):
    return backends.to_backend(backend, tree)


def keeping(step, params, init, batch):
    """Calls step with the parameters and the optimizer state that it returned the last time."""
    kept = [params, init(params)]

    def run():
        loss, *kept[:] = step(*kept, *batch)
        return loss, kept[0]

    return run


def optimizer(backend, path):
    module, name = backends.module(backend, path), path.rpartition("/")[2]
    return getattr(module, name + "_init"), getattr(module, name + "_update")
