"""AIS: moves of all chains from one β to the next, against the same from the parts of torch and Keras. Uniforms are
drawn before the clock starts, on both sides."""

import numpy as np

from numpy_impl.generative.ais import AISState
from numpy_impl.generative.rbm import RBMParams
from shared import backends
from shared.benchmarks import FASTEST, Benchmark, compiled, size

FULL = {"M": 100, "D": 784, "H": 500, "K": 4}
TINY = {"M": 4, "D": 6, "H": 5, "K": 3}


def benchmarks(draw, M, D, H, K):
    params, b_0 = RBMParams(W=draw(D, H, scale=0.1), b_v=draw(D), b_h=draw(H)), draw(D)
    uniform = lambda *shape: draw.rng.random(shape, "float32")
    state = AISState((uniform(M, D) < 0.3).astype("float32"), draw(M))
    betas = np.linspace(0.5, 0.6, K + 1, dtype="float32")
    args = params, b_0, state, betas, uniform(K, M, D), uniform(K, M, H)
    yield Benchmark(
        "moves",
        ours=lambda path, backend, mode: _ours(path, args, backend, mode),
        torch=lambda torch: _torch(torch, args),
        keras=lambda keras, mode: _keras(keras, mode, args),
        modes=FASTEST,
        held=size(args),
    )


def _ours(path, args, backend, mode):
    anneal = compiled(backend, backends.module(backend, path).ais_anneal, mode)
    args = backends.to_backend(backend, args)
    return lambda: anneal(*args)


def _torch(torch, args):
    from torch.nn.functional import linear, softplus

    (W, b_v, b_h), b_0, state, betas, u_v, u_h = backends.to_backend("torch", args)

    @torch.no_grad()
    def step():
        v, log_w = state
        for before, after, w, u in zip(betas[:-1], betas[1:], u_v, u_h, strict=True):
            z = linear(v, W.T, b_h)
            log_w = log_w + (after - before) * (v @ (b_v - b_0))
            log_w = log_w + (softplus(after * z) - softplus(before * z)).sum(1)
            h = (u < torch.sigmoid(after * z)).float()
            v = (w < torch.sigmoid(torch.lerp(b_0, b_v, after) + after * linear(h, W))).float()
        return v, log_w

    return step


def _keras(keras, mode, args):
    ops = keras.ops
    args = backends.to_backend("tf", args)

    def step(params, b_0, state, betas, u_v, u_h):
        (W, b_v, b_h), (v, log_w) = params, state
        for k in range(len(u_h)):
            before, after = betas[k], betas[k + 1]
            z = ops.matmul(v, W) + b_h
            log_w = log_w + (after - before) * ops.matmul(v, b_v - b_0)
            log_w = log_w + ops.sum(ops.softplus(after * z) - ops.softplus(before * z), 1)
            h = ops.cast(u_h[k] < ops.sigmoid(after * z), "float32")
            p = ops.sigmoid((1 - after) * b_0 + after * (b_v + ops.matmul(h, ops.transpose(W))))
            v = ops.cast(u_v[k] < p, "float32")
        return v, log_w

    step = compiled("tf", step, mode)
    return lambda: step(*args)
