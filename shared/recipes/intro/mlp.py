"""A network with 512 hidden ReLUs on MNIST, by Adam. 98.0 % of the test images are right after a long training."""

from shared.backends import module
from shared.recipes import Budget, _digits, descent, rng, start
from shared.recipes._digits import batch, load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1500, batch=128, lr=2e-3, hidden=512, jit=("tf",)),
    "full": Budget(steps=20_000, batch=128, lr=1e-3, hidden=512, jit=("torch", "tf")),
}


def init(run, data, optimizer="optimizers/adam"):
    sizes = (_digits.pixels(data), run.budget.hidden, _digits.CLASSES)
    return start(run, module(run.backend, "intro/mlp").mlp_init(rng(run), sizes, dtype=run.dtype), optimizer)


def step(run, optimizer="optimizers/adam"):
    return descent(run, module(run.backend, "intro/mlp").mlp_loss, optimizer)


def evaluate(run, data, state):
    return _digits.evaluate(run, data, module(run.backend, "intro/mlp").mlp, state.params)
