"""The network of intro/mlp on MNIST, by Adam: that recipe, beside those of the other optimizers."""

from functools import partial

from shared.recipes.intro import mlp
from shared.recipes.intro.mlp import BUDGETS, batch, evaluate, load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

init = partial(mlp.init, optimizer="optimizers/adam")
step = partial(mlp.step, optimizer="optimizers/adam")
