"""How fast are we? Ours against a framework's own layer or optimizer, by ratio.

Every backend is measured in a fresh process, on one thread, in float32. The two sides take turns, so that what
slows the machine down slows both; a ratio is the median over the rounds, its spread the quartiles. What a step
returns exists when it returns: NumPy and torch on a CPU compute at once, TensorFlow's result is read.
"""

import contextlib
import gc
import importlib
import importlib.util
import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import optree

from shared import backends, catalogue
from shared.benchmarks import MODES, Benchmark, Draw, Step

LIBRARIES = {"numpy": "torch", "torch": "torch", "tf": "keras"}  # what a backend is held against
ROUND = 0.002  # seconds that one side's turn lasts at least
WARM_UP = 3
PROCESS = {  # set before a process starts: threads are counted and memory is managed from the first import on
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
RETURN_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536", "NUMPY_MADVISE_HUGEPAGE": "0"}


class Side(NamedTuple):
    """What one side took, in milliseconds: median and quartiles; how it was called; megabytes of one step."""

    how: str
    ms: float
    quartiles: tuple[float, float]
    mb: float | None = None


class Result(NamedTuple):
    algorithm: str
    benchmark: str
    backend: str
    ours: Side
    theirs: Side
    ratio: float
    quartiles: tuple[float, float]
    memory_ratio: float | None = None


def benchmarks(path: str, size: str = "FULL") -> list[Benchmark]:
    """The benchmarks of one algorithm, `size` being FULL or TINY."""
    module = catalogue.companion("benchmarks", path)
    if module is None:
        raise ValueError(f"{path} has no benchmarks, expected them in shared/benchmarks/{path}.py")
    return list(module.benchmarks(Draw(), **getattr(module, size)))


def run(path: str, backend: str, repeats: int = 50, memory: bool = False) -> Iterator[Result]:
    """Measures every benchmark of one algorithm on one backend, in processes of their own."""
    backends.get(backend)
    if not is_available(backend):
        raise ValueError(f"benchmarks of {backend} need {LIBRARIES[backend]}, which is not installed")
    jobs = [(path, i, backend) for i in range(len(benchmarks(path)))]
    with _processes(PROCESS) as pool:
        for job, result in zip(
            jobs, pool.map(_measure, *zip(*jobs, strict=True), [repeats] * len(jobs)), strict=True
        ):
            yield _with_memory(result, job) if memory else result


def _with_memory(result, job):
    with _processes(PROCESS | RETURN_MEMORY, max_tasks_per_child=1) as pool:
        ours, theirs = pool.map(_memory, *zip((*job, "ours"), (*job, "theirs"), strict=True))
    return result._replace(
        ours=result.ours._replace(mb=ours), theirs=result.theirs._replace(mb=theirs), memory_ratio=ours / theirs
    )


@contextlib.contextmanager
def _processes(variables: dict[str, str], **options):
    """A pool of one fresh process that has these environment variables from its start."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=_quiet, **options) as pool:
            yield pool
    finally:
        os.environ.clear()
        os.environ.update(before)


def _quiet():
    """Silences what the frameworks print on stderr; errors come back as exceptions."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def steps(benchmark: Benchmark, path: str, backend: str) -> dict[str, Step]:
    """Both sides, built and ready to run."""
    return {"ours": ours(benchmark, path, backend), "theirs": theirs(benchmark, backend)}


def ours(benchmark: Benchmark, path: str, backend: str) -> Step:
    step = benchmark.ours(path, backend, benchmark.modes[backend])
    return _synchronous(step) if backend == "tf" else step


def theirs(benchmark: Benchmark, backend: str) -> Step:
    library = importlib.import_module(LIBRARIES[backend])
    if backend == "tf":
        return _synchronous(benchmark.keras(library, benchmark.modes["keras"]))
    return benchmark.torch(library)


def interleave(steps: dict[str, Step], repeats: int) -> dict[str, list[float]]:
    """Seconds that each step took in each round; the order is reversed every round."""
    calls, seconds = {}, {side: [] for side in steps}
    for side, step in steps.items():
        for _ in range(WARM_UP):
            _time(step, 1)
        calls[side] = max(1, round(ROUND / min(_time(step, 1) for _ in range(WARM_UP))))
    order = list(steps)
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for side in order:
                seconds[side].append(_time(steps[side], calls[side]))
            order.reverse()
    finally:
        gc.enable()
    return seconds


def peak(step: Step, backend: str, held: int) -> int:
    """The most bytes that are in use during one call, arguments and state (held) included."""
    for _ in range(WARM_UP):
        step()
    gc.collect()
    if backend == "tf":  # its allocator keeps what it has and counts for itself
        import tensorflow as tf

        tf.config.experimental.reset_memory_stats("CPU:0")
        step()
        return tf.config.experimental.get_memory_info("CPU:0")["peak"]
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far; Linux only
    before = _status("VmRSS")
    step()
    return held + _status("VmHWM") - before


def _measure(path, i, backend, repeats) -> Result:
    backends.get(backend).threads(1)
    benchmark = benchmarks(path)[i]
    seconds = interleave(steps(benchmark, path, backend), repeats)
    ratios = [a / b for a, b in zip(seconds["ours"], seconds["theirs"], strict=True)]
    ours_how, theirs_how = how(benchmark, backend)
    return Result(
        path,
        benchmark.name,
        backend,
        Side(ours_how, *_median_and_quartiles([1000 * s for s in seconds["ours"]])),
        Side(theirs_how, *_median_and_quartiles([1000 * s for s in seconds["theirs"]])),
        *_median_and_quartiles(ratios),
    )


def _memory(path, i, backend, side) -> float:
    backends.get(backend).threads(1)
    benchmark = benchmarks(path)[i]
    step = ours(benchmark, path, backend) if side == "ours" else theirs(benchmark, backend)
    return peak(step, backend, benchmark.held) / 2**20


def how(benchmark: Benchmark, backend: str) -> tuple[str, str]:
    """How the two sides are called, in words."""
    name, library, key = {
        "numpy": ("NumPy", "torch.nn", "nn"),
        "torch": ("torch", "torch.nn", "nn"),
        "tf": ("TensorFlow", "Keras", "keras"),
    }[backend]
    words = [[name, MODES[benchmark.modes[backend]]], [library, MODES[benchmark.modes[key]]]]
    if benchmark.library:
        words[1] = [benchmark.library]
    return tuple(", ".join(word for word in side if word) for side in words)


def is_available(backend: str) -> bool:
    """Whether the framework is installed that this backend is held against."""
    return importlib.util.find_spec(LIBRARIES[backend]) is not None


def _synchronous(step: Step) -> Step:
    def run():
        result = step()
        last = optree.tree_leaves(result)[-1]
        if hasattr(last, "numpy"):  # else it is an array of a library that computes at once
            last.numpy()
        return result

    return run


def _time(step, calls) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def _median_and_quartiles(values):
    low, median, high = statistics.quantiles(values, n=4)
    return median, (low, high)


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
