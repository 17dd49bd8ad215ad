"""DropConnect on MNIST: features, a layer with one mask for every example, classes; Adam.

`accuracy` is that of the paper's evaluation, which draws the layer's sums from a Gaussian; `mean_accuracy` that of
the short cut, the layer with its mean weights (1 - p) W. The masks of a step are features × hidden × batch numbers:
with the layers of the paper, 800 and 800, that is 64 million.
"""

import numpy as np

from shared.backends import module, to_backend
from shared.recipes import NOISE, Budget, _digits, descent, falling, rng, rows, start
from shared.recipes._digits import load, pictures

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

BUDGETS = {
    "quick": Budget(steps=1000, batch=64, lr=2e-3, hidden=128),
    "full": Budget(steps=60_000, batch=100, lr=1e-3, hidden=800),
}
P = 0.5
SAMPLES = 30  # of the Gaussian, for each test image


def init(run, data):
    sizes = (_digits.pixels(data), run.budget.hidden, run.budget.hidden, _digits.CLASSES)
    params = module(run.backend, "regularization/dropconnect_mlp").dropconnect_mlp_init(
        rng(run), *sizes, dtype=run.dtype
    )
    return start(run, params, "optimizers/adam")


def batch(run, data, i):
    """Images, labels, masks of weights and of biases, learning rate."""
    chosen = rows(run, len(data.train_images), i)
    x, labels = _digits.flat(data.train_images[chosen], run.dtype), data.train_labels[chosen].astype(np.int64)
    shape = len(x), run.budget.hidden + 1, run.budget.hidden  # the last row is the biases'
    bits = np.unpackbits(np.frombuffer(rng(run, NOISE, i).bytes(-(-np.prod(shape) // 8)), np.uint8))
    masks = bits[: np.prod(shape)].reshape(shape) == 0  # u < 1 - p = 0.5 for a uniform of one bit
    return x, labels, masks[:, :-1], masks[:, -1], falling(run, i)


def step(run):
    masks = module(run.backend, "regularization/dropconnect").DropConnectMasks
    loss = module(run.backend, "regularization/dropconnect_mlp").dropconnect_mlp_loss
    follow = descent(run, loss, "optimizers/adam")

    def advance(state, x, labels, mask_W, mask_b, lr):
        return follow(state, x, labels, masks(mask_W, mask_b), lr)

    return advance


def evaluate(run, data, state):
    network = module(run.backend, "regularization/dropconnect_mlp")
    normals = rng(run, NOISE, run.budget.steps).standard_normal((SAMPLES, _digits.CHUNK, run.budget.hidden))
    normals = to_backend(run.backend, normals.astype(run.dtype), run.device)

    def sampled(params, x):
        return network.dropconnect_mlp_eval(params, x, normals[:, : x.shape[0]], p=P)

    def mean(params, x):
        return network.dropconnect_mlp_eval(params, x, 0 * normals[:1, : x.shape[0]], p=P)

    metrics, outcome = _digits.evaluate(run, data, sampled, state.params)
    return metrics | {"mean_accuracy": _digits.evaluate(run, data, mean, state.params)[0]["accuracy"]}, outcome
