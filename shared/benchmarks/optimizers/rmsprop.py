"""RMSProp: one update of two million parameters."""

from shared.benchmarks import update

FULL = {"shapes": ((1000, 1000), (1000, 1000))}
TINY = {"shapes": ((3, 4), (5,))}


def benchmarks(draw, shapes):
    yield update(
        "update",
        "optimizers/rmsprop",
        [draw(*shape) for shape in shapes],
        [draw(*shape) for shape in shapes],
        torch=lambda torch, params: torch.optim.RMSprop(params, lr=1e-3, alpha=0.9),
        keras=lambda keras: keras.optimizers.RMSprop(1e-3, rho=0.9, epsilon=1e-8),
    )
