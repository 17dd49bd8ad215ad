"""A GRU on the adding problem: the sum of two marked numbers among many, asked for at the end; by Adam."""

from functools import partial

from shared.recipes.recurrent import _adding
from shared.recipes.recurrent._adding import Budget, batch, evaluate, load, pictures, step

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1500, batch=64, lr=1e-2, jit=(), hidden=32, length=50),
    "full": Budget(steps=6000, batch=64, lr=5e-3, jit=(), hidden=64, length=200),
}

init = partial(_adding.init, cell="gru")
