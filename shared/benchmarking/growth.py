"""How the cost of a recurrent layer grows with the length of its sequences, and how long the compilers take. Forward
and backward as in `triptych bench`, one thread, float32."""

import time
from collections.abc import Iterator
from typing import Any

from shared import backends, catalogue
from shared.benchmarks import Draw

LENGTHS = (32, 64, 128, 256, 512)
REPEATS = 5
COMPILED = {"torch": ("compile", 32), "tf": ("function", 64)}  # the mode, and the length that it is timed for


def milliseconds(path: str, backend: str, T: int) -> float:
    """The fastest of a few steps, for sequences of T steps."""
    step, _ = _step(path, backend, T, "eager" if backend == "torch" else None)
    return 1000 * min(_seconds(step) for _ in range(REPEATS))


def compile_seconds(path: str, backend: str) -> float:
    """What the first call of a compiled step takes more than the second."""
    mode, T = COMPILED[backend]
    step, first = _step(path, backend, T, mode)
    return first - _seconds(step)


def _step(path, backend, T, mode):
    """A step that has run once, and the seconds which that took."""
    measured = catalogue.companion("benchmarks", path)
    (benchmark,) = measured.benchmarks(Draw(), **measured.FULL | {"T": T})
    step = benchmark.ours(path, backend, mode or benchmark.modes[backend])
    return step, _seconds(step)


def _seconds(step):
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def rows(path: str, backend: str) -> Iterator[dict[str, Any]]:
    """One row for each length, then one for the compiler where the backend has one."""
    backends.get(backend).threads(1)
    for T in LENGTHS:
        yield {"algorithm": path, "backend": backend, "T": T, "ms": milliseconds(path, backend, T)}
    if backend in COMPILED:
        mode, T = COMPILED[backend]
        yield {"algorithm": path, "backend": backend, "T": T, "mode": mode, "s": compile_seconds(path, backend)}


def can_grow(path: str) -> bool:
    """Whether the benchmark of an algorithm has a length of sequences, T."""
    module = catalogue.companion("benchmarks", path)
    return module is not None and "T" in module.FULL
