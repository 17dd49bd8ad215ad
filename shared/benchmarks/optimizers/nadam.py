"""Nadam: one update of two million parameters."""

from shared.benchmarks import update

FULL = {"shapes": ((1000, 1000), (1000, 1000))}
TINY = {"shapes": ((3, 4), (5,))}


def benchmarks(draw, shapes):
    yield update(
        "update",
        "optimizers/nadam",
        [draw(*shape) for shape in shapes],
        [draw(*shape) for shape in shapes],
        torch=lambda torch, params: torch.optim.NAdam(params, lr=1e-3),
        keras=lambda keras: keras.optimizers.Nadam(1e-3, epsilon=1e-8),
    )._replace(random=True)  # Keras has another schedule: the same work, but not the same numbers
