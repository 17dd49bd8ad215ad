"""RBM: a step of CD-1 and SGD against the same from the parts of torch and Keras, and of persistent CD against
scikit-learn's BernoulliRBM. Uniforms are drawn before the clock starts, on both sides.

scikit-learn's partial_fit computes in float64 whatever it is given. Its _fit computes in the weights' dtype, as `fit`
does with float32 data, and is measured in float32.
"""

import numpy as np

from numpy_impl.generative.rbm import RBMParams
from shared import backends
from shared.benchmarks import FASTEST, LR, Benchmark, compiled, size
from shared.cases.generative._sklearn_rbm import to_sklearn

FULL = {"N": 128, "D": 784, "H": 500, "chains": 100}
TINY = {"N": 6, "D": 8, "H": 5, "chains": 4}
PATH = "generative/rbm"


def benchmarks(draw, N, D, H, chains):
    params = RBMParams(W=draw(D, H, scale=0.1), b_v=draw(D), b_h=draw(H))
    uniform = lambda *shape: draw.rng.random(shape, "float32")
    bits = lambda *shape: (uniform(*shape) < 0.3).astype("float32")
    v, u_v, u_h = bits(N, D), uniform(1, N, D), uniform(1, N, H)
    yield Benchmark(
        "training step, CD-1, SGD",
        ours=lambda _, backend, mode: _ours(_cd, params, (), (v, u_v, u_h), backend, mode),
        torch=lambda torch: _torch(torch, params, *map(torch.tensor, (v, u_v[0], u_h[0]))),
        keras=lambda keras, mode: _keras(keras, mode, params, *map(keras.ops.array, (v, u_v[0], u_h[0]))),
        modes=FASTEST,
        held=size((params, v, u_v, u_h)),
    )
    v, h, u_v, u_h = bits(chains, D), bits(chains, H), uniform(1, chains, D), uniform(1, chains, H)
    for name, make in (("partial_fit", _partial_fit), ("_fit, float32", _fit)):
        yield Benchmark(
            f"persistent CD, {name}",
            ours=lambda _, backend, mode: _ours(_pcd, params, (h,), (v, u_v, u_h), backend, mode),
            torch=lambda _, make=make: make(params, h, v, u_v[0], u_h[0]),
            keras=lambda _, mode, make=make: make(params, h, v, u_v[0], u_h[0]),
            modes=FASTEST,
            held=size((params, h, v, u_v, u_h)),
            library="scikit-learn",
        )


def _cd(rbm, params, v, u_v, u_h):
    return rbm.rbm_cd(params, v, u_v, u_h)[0], ()


def _pcd(rbm, params, h, v, u_v, u_h):
    grads, h = rbm.rbm_pcd(params, v, h, u_v, u_h)
    return grads, (h,)


def _ours(gradient, params, chains, batch, backend, mode):
    rbm, sgd = (backends.module(backend, path) for path in (PATH, "optimizers/sgd"))

    def step(params, chains, *batch):
        grads, chains = gradient(rbm, params, *chains, *batch)
        return sgd.sgd_update(grads, sgd.sgd_init(params), params, lr=LR)[0], chains

    step, batch = compiled(backend, step, mode), backends.to_backend(backend, batch)
    kept = list(backends.to_backend(backend, (params, chains)))

    def run():
        kept[:] = step(*kept, *batch)
        return tuple(kept)

    return run


def _torch(torch, params, v, u_v, u_h):
    from torch.nn.functional import linear

    W, b_v, b_h = weights = [torch.nn.Parameter(torch.tensor(x)) for x in params]
    optimizer = torch.optim.SGD(weights, lr=LR)

    @torch.no_grad()
    def step():
        p_0 = torch.sigmoid(linear(v, W.T, b_h))
        v_1 = (u_v < torch.sigmoid(linear((u_h < p_0).float(), W, b_v))).float()
        p_1 = torch.sigmoid(linear(v_1, W.T, b_h))
        n = len(v)
        W.grad = (v_1.T @ p_1).sub_(v.T @ p_0).div_(n)
        b_v.grad, b_h.grad = (v_1.sum(0) - v.sum(0)) / n, (p_1.sum(0) - p_0.sum(0)) / n
        optimizer.step()
        return weights

    return step


def _keras(keras, mode, params, v, u_v, u_h):
    ops = keras.ops
    weights = W, b_v, b_h = [keras.Variable(x) for x in params]
    optimizer = keras.optimizers.SGD(LR)
    optimizer.build(weights)
    n = len(v)

    def step(v, u_v, u_h):
        p_0 = ops.sigmoid(ops.matmul(v, W) + b_h)
        h = ops.cast(u_h < p_0, "float32")
        v_1 = ops.cast(u_v < ops.sigmoid(ops.matmul(h, ops.transpose(W)) + b_v), "float32")
        p_1 = ops.sigmoid(ops.matmul(v_1, W) + b_h)
        d_W = (ops.matmul(ops.transpose(v_1), p_1) - ops.matmul(ops.transpose(v), p_0)) / n
        d_b = [(ops.sum(a, 0) - ops.sum(b, 0)) / n for a, b in ((v_1, v), (p_1, p_0))]
        optimizer.apply([d_W, *d_b], weights)
        return p_1

    step = compiled("tf", step, mode)

    def run():
        step(v, u_v, u_h)
        return [weight.value for weight in weights]

    return run


class _Given:
    """A random stream that gives the same uniforms in every step: of the visible units, then of the hidden ones."""

    def __init__(self, *arrays):
        self.arrays = {array.shape: array for array in arrays}

    def uniform(self, size):
        return self.arrays[size]


def _fit(params, h, v, u_v, u_h):
    model, given = to_sklearn(params, h, learning_rate=LR), _Given(u_v, u_h)

    def step():
        model._fit(v, given)
        return _weights(model)

    return step


def _partial_fit(params, h, v, u_v, u_h):
    model = to_sklearn(RBMParams(*map(np.float64, params)), np.float64(h), learning_rate=LR)
    model.random_state_ = _Given(u_v, u_h)

    def step():
        model.partial_fit(v)
        return _weights(model)

    return step


def _weights(model):
    return model.components_.T, model.intercept_visible_, model.intercept_hidden_, model.h_samples_
