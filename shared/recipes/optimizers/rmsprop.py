"""The network of intro/mlp on MNIST, by RMSProp."""

from functools import partial

from shared.recipes import Budget
from shared.recipes.intro import mlp
from shared.recipes.intro.mlp import batch, evaluate, load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1200, batch=128, lr=4e-3, hidden=512),
    "full": Budget(steps=20_000, batch=128, lr=1e-3, hidden=512, jit=("tf",)),
}

init = partial(mlp.init, optimizer="optimizers/rmsprop")
step = partial(mlp.step, optimizer="optimizers/rmsprop")
