"""AdaGrad: one update of two million parameters."""

from shared.benchmarks import update

FULL = {"shapes": ((1000, 1000), (1000, 1000))}
TINY = {"shapes": ((3, 4), (5,))}


def benchmarks(draw, shapes):
    yield update(
        "update",
        "optimizers/adagrad",
        [draw(*shape) for shape in shapes],
        [draw(*shape) for shape in shapes],
        torch=lambda torch, params: torch.optim.Adagrad(params, lr=1e-3),
        keras=lambda keras: keras.optimizers.Adagrad(1e-3, initial_accumulator_value=0.0, epsilon=1e-10),
    )
