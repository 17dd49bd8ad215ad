"""A sequence-to-sequence model with attention that reads English aloud: letters in, phonemes out; by Adam.

`phoneme_error` and `word_error` are those of beam search on words that were not trained on. `triptych say seq2seq`
asks the trained model for any word.
"""

from functools import partial

from shared.recipes.recurrent import _spelling
from shared.recipes.recurrent._spelling import Budget, batch, evaluate, load, say, step
from shared.recipes.recurrent._spelling_pictures import pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "say", "step"]

BUDGETS = {
    "quick": Budget(steps=1200, batch=64, lr=4e-3, jit=(), hidden=128, lengths=(10,), tested=500, width=3),
    "full": Budget(
        steps=16_000,
        batch=128,
        lr=2e-3,
        jit=(),
        hidden=256,
        lengths=(6, 7, 8, 9, 10, 12, 15, 29),
        tested=10_000,
        width=5,
    ),
}

init = partial(_spelling.init, context="attention")
