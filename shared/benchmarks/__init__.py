"""What is measured: for each algorithm, by its path, the same work done by us and by a framework's own layer.

A file `shared/benchmarks/<path>.py` has two dictionaries of sizes, `FULL` to measure and `TINY` to test, and
`benchmarks(draw, **sizes)`, which yields `Benchmark`s. NumPy and torch are held against torch.nn and torch.optim,
TensorFlow against Keras. A *step* is a function without arguments that does the work once, as a training loop
would, and returns what it computed; the tests make sure that ours and theirs compute the same.

`gradients`, `training` and `update` make the usual three kinds of benchmarks.
"""

from shared.benchmarks._benchmark import FASTEST, LR, MODES, Benchmark, Draw, Step, compiled, size
from shared.benchmarks._gradients import gradients, keras_gradients, torch_gradients
from shared.benchmarks._training import training
from shared.benchmarks._update import update

__all__ = [
    "FASTEST",
    "LR",
    "MODES",
    "Benchmark",
    "Draw",
    "Step",
    "compiled",
    "gradients",
    "keras_gradients",
    "size",
    "torch_gradients",
    "training",
    "update",
]
