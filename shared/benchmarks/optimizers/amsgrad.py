"""AMSGrad: one update of two million parameters."""

from shared.benchmarks import update

FULL = {"shapes": ((1000, 1000), (1000, 1000))}
TINY = {"shapes": ((3, 4), (5,))}


def benchmarks(draw, shapes):
    yield update(
        "update",
        "optimizers/amsgrad",
        [draw(*shape) for shape in shapes],
        [draw(*shape) for shape in shapes],
        torch=lambda torch, params: torch.optim.Adam(params, lr=1e-3, amsgrad=True),
        keras=lambda keras: keras.optimizers.Adam(1e-3, amsgrad=True, epsilon=1e-8),
    )
