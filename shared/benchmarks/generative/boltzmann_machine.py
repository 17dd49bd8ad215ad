"""Boltzmann machine: a training step, three sweeps with the visible units clamped and three without, and SGD, against
the same from the parts of torch, which may write a unit's new state into its column, and of Keras. Uniforms are drawn
before the clock starts, on both sides."""

import numpy as np

from numpy_impl.generative.boltzmann_machine import BoltzmannMachineParams
from shared import backends
from shared.benchmarks import FASTEST, LR, Benchmark, compiled, size

FULL = {"N": 128, "n": 20, "n_visible": 14, "R": 3}
TINY = {"N": 5, "n": 6, "n_visible": 4, "R": 2}
MODES = {"torch": "eager"}  # torch.compile takes minutes for the unrolled sweeps


def benchmarks(draw, N, n, n_visible, R):
    params = BoltzmannMachineParams(W=np.triu(draw(n, n, scale=0.2), 1), b=draw(n))
    uniform = lambda *shape: draw.rng.random(shape, "float32")
    s = (uniform(2, N, n) < 0.5).astype("float32")
    free = tuple(range(n_visible, n)), tuple(range(n))
    args = params, s, uniform(2, R, N, n), np.linspace(2, 1, R, dtype="float32")
    yield Benchmark(
        "training step, SGD",
        ours=lambda path, backend, mode: _ours(path, args, free, backend, mode),
        torch=lambda torch: _torch(torch, args, free),
        keras=lambda keras, mode: _keras(keras, mode, args, free),
        modes=FASTEST | MODES,
        held=size(args),
    )


def _ours(path, args, free, backend, mode):
    machine, sgd = (backends.module(backend, name) for name in (path, "optimizers/sgd"))

    def step(params, s, u, temperatures):
        sample = machine.boltzmann_machine_gibbs
        phases = [sample(params, s[i], u[i], temperatures, free=free[i]) for i in range(2)]
        grads = machine.boltzmann_machine_gradient(*phases)
        return sgd.sgd_update(grads, sgd.sgd_init(params), params, lr=LR)[0]

    step, (params, *batch) = compiled(backend, step, mode), backends.to_backend(backend, args)
    kept = [params]

    def run():
        kept[0] = step(kept[0], *batch)
        return kept[0]

    return run


def _torch(torch, args, free):
    from torch.nn.functional import linear

    (W, b), s, u, temperatures = backends.to_backend("torch", args)
    weights = W, b = torch.nn.Parameter(W), torch.nn.Parameter(b)
    optimizer = torch.optim.SGD(weights, lr=LR)
    temperatures = temperatures.tolist()

    @torch.no_grad()
    def step():
        both, statistics = W + W.T, []
        for phase in range(2):
            x = s[phase].clone()
            for sweep, temperature in enumerate(temperatures):
                for i in free[phase]:
                    p = torch.sigmoid((linear(x, both[i]) + b[i]) / temperature)
                    x[:, i] = u[phase, sweep, :, i] < p
            statistics.append((x.T @ x / len(x), x.mean(0)))
        (W_clamped, b_clamped), (W_free, b_free) = statistics
        W.grad, b.grad = (W_free - W_clamped).triu(1), b_free - b_clamped
        optimizer.step()
        return weights

    return step


def _keras(keras, mode, args, free):
    ops = keras.ops
    (W, b), *batch = backends.to_backend("tf", args)
    weights = W, b = keras.Variable(W), keras.Variable(b)
    optimizer = keras.optimizers.SGD(LR)
    optimizer.build(weights)
    units = ops.arange(len(args[0].b))

    def step(s, u, temperatures):
        both, statistics = W + ops.transpose(W), []
        for phase in range(2):
            x = s[phase]
            for sweep in range(len(temperatures)):
                for i in free[phase]:
                    p = ops.sigmoid((ops.matmul(x, both[:, i]) + b[i]) / temperatures[sweep])
                    new = ops.cast(u[phase, sweep, :, i] < p, "float32")
                    x = ops.where(units == i, new[:, None], x)
            statistics.append((ops.matmul(ops.transpose(x), x) / len(x), ops.mean(x, 0)))
        (W_clamped, b_clamped), (W_free, b_free) = statistics
        optimizer.apply([ops.triu(W_free - W_clamped, 1), b_free - b_clamped], weights)
        return b_free

    step = compiled("tf", step, mode)

    def run():
        step(*batch)
        return [weight.value for weight in weights]

    return run
