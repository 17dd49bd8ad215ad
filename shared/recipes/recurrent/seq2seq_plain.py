"""The same without attention: all that is read of a word goes through the encoder's last states, which are an input
of every step of the decoder."""

from functools import partial

from shared.recipes.recurrent import _spelling, seq2seq
from shared.recipes.recurrent._spelling import batch, evaluate, load, say, step
from shared.recipes.recurrent._spelling_pictures import pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "say", "step"]

BUDGETS = seq2seq.BUDGETS

init = partial(_spelling.init, context="concat")
