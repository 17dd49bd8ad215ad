"""Training runs as the tests write them: settings and options in one call; and whether two of them are the same."""

import numpy as np

from shared.training import checkpoints, loop
from shared.training.plan import CHECKPOINT, Settings


def train(recipe, backend="numpy", resume=False, fresh=False, progress=False, checkpoint_seconds=10, **settings):
    return loop.train(
        Settings(recipe, backend, **settings),
        resume=resume,
        fresh=fresh,
        progress=progress,
        checkpoint_seconds=checkpoint_seconds,
    )


def same_bits(one, two, steps):
    """The runs in two folders have made all their steps, and came to the same state by the same losses."""
    one, two = checkpoints.read(one / CHECKPOINT), checkpoints.read(two / CHECKPOINT)
    assert one.step == two.step == steps
    assert one.state.keys() == two.state.keys()
    for name, x in one.state.items():
        np.testing.assert_array_equal(x, two.state[name])
    np.testing.assert_array_equal(one.history["loss"], two.history["loss"])
