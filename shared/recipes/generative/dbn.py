"""A deep belief network of MNIST: greedy training, RBM after RBM, without labels but for the top one; samples of
every class; then fine-tuning of the unrolled network, beside the same network from a random start.

`accuracy` is that of the pretrained network, `plain_accuracy` the other's, after the same fine-tuning steps on the
same batches. The quick budget has labels for the first 5,000 images only, for the top RBM and for fine-tuning; the
RBMs below see all images. `loss` is the squared reconstruction error while RBMs are trained, then the cross-entropy.
"""

from typing import Any, NamedTuple

import numpy as np

from shared import backends
from shared import pictures as draw
from shared.backends import module
from shared.recipes import INIT, NOISE, State, _digits, descent, rng, rows, start
from shared.recipes._digits import load
from shared.recipes.generative._images import filters_figure, rows_figure

__all__ = ["BUDGETS", "batch", "evaluate", "init", "load", "pictures", "step"]

PATH, OPTIMIZER = "generative/dbn", "optimizers/momentum"


class Budget(NamedTuple):
    steps: int
    batch: int
    lr: float  # of fine-tuning
    jit: tuple[str, ...]
    hidden: tuple[int, ...]  # all different, so that a step sees from its uniforms which RBM it trains
    shares: tuple[float, ...]  # of the steps: up to where each RBM is trained; what is left is fine-tuning
    labelled: int  # the first so many training images have labels


class Both(NamedTuple):
    rbms: Any
    optimizers: Any  # of every RBM
    net: State  # the unrolled network
    plain: State  # the same from a random start


class Outcome(NamedTuple):
    digits: _digits.Outcome
    samples: np.ndarray  # (classes, n, H, W)
    filters: np.ndarray  # (n, H, W)
    text: str


BUDGETS = {
    "quick": Budget(4000, 100, 1e-3, (), hidden=(256, 200, 300), shares=(0.3, 0.5, 0.75), labelled=5000),
    "full": Budget(30_000, 100, 1e-3, (), hidden=(500, 501, 1000), shares=(0.3, 0.45, 0.6), labelled=60_000),
}
RBM_LR = 0.05  # of the RBMs, with momentum 0.9
K_STEPS, AT_ONCE = 200, 50  # of Gibbs sampling for the samples; in one call
EACH = 12  # samples of a class


def init(run, data):
    dbn, mlp = module(run.backend, PATH), module(run.backend, "intro/mlp")
    sizes = (_digits.pixels(data), *run.budget.hidden)
    rbms = dbn.dbn_init(rng(run), sizes, n_labels=_digits.CLASSES, dtype=run.dtype)
    momentum = module(run.backend, OPTIMIZER)
    plain = mlp.mlp_init(rng(run, INIT, 1), (*sizes, _digits.CLASSES), dtype=run.dtype)
    starts = (start(run, params, "optimizers/adam") for params in (dbn.dbn_unroll(rbms), plain))
    return Both(rbms, tuple(momentum.momentum_init(rbm) for rbm in rbms), *starts)


def batch(run, data, i):
    """Images and uniforms for an RBM's visible and hidden units; for the top RBM one-hot labels before these; in
    fine-tuning images, labels, learning rate."""
    part, hidden, shares = i / run.budget.steps, run.budget.hidden, run.budget.shares
    layer = sum(part >= share for share in shares)
    labelled = min(run.budget.labelled, len(data.train_images))
    chosen = rows(run, labelled if layer >= len(hidden) - 1 else len(data.train_images), i)
    x, labels = _digits.flat(data.train_images[chosen], run.dtype), data.train_labels[chosen].astype(np.int64)
    if layer == len(hidden):
        return x, labels, np.asarray(run.budget.lr * (1 - part) / (1 - shares[-1]), run.dtype)
    visible, generator = (x.shape[1], *hidden[:-2], hidden[-2] + _digits.CLASSES)[layer], rng(run, NOISE, i)
    u_h, u_v = (generator.random((1, len(x), n), run.dtype) for n in (hidden[layer], visible))
    if layer < len(hidden) - 1:
        return x, u_v, u_h
    return x, np.eye(_digits.CLASSES, dtype=run.dtype)[labels], u_v, u_h


def step(run):
    dbn, rbm, losses, momentum = (module(run.backend, p) for p in (PATH, "generative/rbm", "losses", OPTIMIZER))
    call, finetune = backends.get(run.backend).call, descent(run, dbn.dbn_classifier_loss, "optimizers/adam")

    def advance(state, x, *others):
        if len(others[0].shape) == 1:
            net, reported = finetune(state.net, x, *others)
            return state._replace(net=net, plain=finetune(state.plain, x, *others)[0]), reported
        labels, u_v, u_h = others if len(others) == 3 else (None, *others)
        rbms, optimizers = list(state.rbms), list(state.optimizers)
        layer = [tuple(r.W.shape) for r in rbms].index((u_v.shape[2], u_h.shape[2]))
        gradient, x = dbn.dbn_greedy(state.rbms, x, labels, u_v, u_h, layer=layer)
        loss = call(
            losses.mse, (call(rbm.rbm_visible, (rbms[layer], call(rbm.rbm_hidden, (rbms[layer], x), {})), {}), x), {}
        )
        rbms[layer], optimizers[layer] = momentum.momentum_update(gradient, optimizers[layer], rbms[layer], lr=RBM_LR)
        net = state.net
        if layer == len(rbms) - 1:
            net = net._replace(params=dbn.dbn_unroll(tuple(rbms)))
        return Both(tuple(rbms), tuple(optimizers), net, state.plain), {"loss": loss}

    return advance


def evaluate(run, data, state):
    classifier = module(run.backend, PATH).dbn_classifier
    metrics, digits = _digits.evaluate(run, data, classifier, state.net.params)
    plain, _ = _digits.evaluate(run, data, classifier, state.plain.params)
    metrics |= {f"plain_{name}": value for name, value in plain.items()}
    shape = data.test_images.shape[1:]
    filters = backends.to_numpy(run.backend, state.rbms[0]).W.T.reshape(-1, *shape)[:100]
    text = f"test error {100 - 100 * metrics['accuracy']:.2f} %, without pretraining"
    text += f" {100 - 100 * metrics['plain_accuracy']:.2f} %"
    return metrics, Outcome(digits, _samples(run, state).reshape(_digits.CLASSES, EACH, *shape), filters, text)


def _samples(run, state):
    """Pixels' probabilities, EACH of every class in turn: chains in the top RBM with the label clamped."""
    generate, generator = module(run.backend, PATH).dbn_generate, rng(run, INIT, 2)
    labels = np.repeat(np.eye(_digits.CLASSES), EACH, axis=0)
    n, hidden = len(labels), run.budget.hidden
    x = np.concatenate([generator.random((n, hidden[-2])) < 0.5, labels], axis=1).astype(run.dtype)
    clamped = np.arange(x.shape[1]) >= hidden[-2]
    x, clamped = backends.to_backend(run.backend, (x, clamped), run.device)
    for _ in range(K_STEPS // AT_ONCE):
        shapes = (AT_ONCE, n, hidden[-1]), (AT_ONCE, *x.shape), (n, sum(hidden[:-2]))
        u_h, u_v, u_down = (generator.random(tuple(shape), run.dtype) for shape in shapes)
        noise = backends.to_backend(run.backend, (u_v, u_h, u_down), run.device)
        p, x = backends.get(run.backend).call(generate, (state.rbms, x, clamped, *noise), {})
    return backends.get(run.backend).numpy(p)


def pictures(data, outcome, folder):
    labelled = [(str(label), images) for label, images in enumerate(outcome.samples)]
    title = f"Samples of every class: the label clamped, {K_STEPS} steps in the top RBM\n{outcome.text}"
    filters = filters_figure([("", outcome.filters)], 10, "What units of the first hidden layer see: their weights")
    return [
        draw.save(rows_figure(labelled, title), folder / "samples.png"),
        draw.save(filters, folder / "filters.png"),
        *_digits.pictures(data, outcome.digits, folder),
    ]
