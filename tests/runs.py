"""Training runs as the tests write them: settings and options in one call."""

from shared.training import loop
from shared.training.plan import Settings


def train(recipe, backend="numpy", resume=False, fresh=False, progress=False, checkpoint_seconds=10, **settings):
    return loop.train(
        Settings(recipe, backend, **settings),
        resume=resume,
        fresh=fresh,
        progress=progress,
        checkpoint_seconds=checkpoint_seconds,
    )
