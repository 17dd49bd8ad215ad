"""The network of intro/mlp on MNIST, by AdaGrad."""

from functools import partial

from shared.recipes import Budget
from shared.recipes.intro import mlp
from shared.recipes.intro.mlp import batch, evaluate, load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1200, batch=128, lr=0.02, hidden=512),
    "full": Budget(steps=20_000, batch=128, lr=0.02, hidden=512, jit=("tf",)),
}

init = partial(mlp.init, optimizer="optimizers/adagrad")
step = partial(mlp.step, optimizer="optimizers/adagrad")
