"""SGD: one update of two million parameters."""

from shared.benchmarks import update

FULL = {"shapes": ((1000, 1000), (1000, 1000))}
TINY = {"shapes": ((3, 4), (5,))}


def benchmarks(draw, shapes):
    yield update(
        "update",
        "optimizers/sgd",
        [draw(*shape) for shape in shapes],
        [draw(*shape) for shape in shapes],
        torch=lambda torch, params: torch.optim.SGD(params, lr=1e-3),
        keras=lambda keras: keras.optimizers.SGD(1e-3),
    )
