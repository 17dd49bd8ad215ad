"""The network of intro/mlp on MNIST, by plain gradient descent."""

from functools import partial

from shared.recipes import Budget
from shared.recipes.intro import mlp
from shared.recipes.intro.mlp import batch, evaluate, load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1500, batch=128, lr=0.5, hidden=512),
    "full": Budget(steps=20_000, batch=128, lr=0.5, hidden=512, jit=("tf",)),
}

init = partial(mlp.init, optimizer="optimizers/sgd")
step = partial(mlp.step, optimizer="optimizers/sgd")
