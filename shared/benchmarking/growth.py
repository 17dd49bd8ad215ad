"""How the cost of a recurrent cell grows with the length of its sequences, and how long the compilers take:
`python -m shared.benchmarking.growth gru`. Forward and backward as in `triptych bench`, one thread, float32."""

import sys
import time

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


def main(names: list[str]):
    for name in names:
        path = catalogue.find(name)
        for backend in backends.installed():
            backends.get(backend).threads(1)
            times = [milliseconds(path, backend, T) for T in LENGTHS]
            per_step = [1000 * ms / T for ms, T in zip(times, LENGTHS, strict=True)]
            words = "  ".join(f"T={T}: {ms:.1f} ms" for T, ms in zip(LENGTHS, times, strict=True))
            print(f"{path} {backend}: {words}; {min(per_step):.0f} to {max(per_step):.0f} µs a step", flush=True)
        for backend, (mode, T) in COMPILED.items():
            if backend in backends.installed():
                seconds = compile_seconds(path, backend)
                print(f"{path} {backend}: {mode} takes {seconds:.1f} s once for T={T}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["rnn", "gru", "lstm"])
