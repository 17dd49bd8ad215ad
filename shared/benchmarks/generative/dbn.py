"""DBN: a step of greedy training of the second RBM, CD-1 on what the first one makes of the data, and a step of
fine-tuning, against the same from the parts of torch and Keras. Uniforms are drawn before the clock starts."""

from itertools import pairwise

from numpy_impl.generative.rbm import RBMParams
from numpy_impl.intro.mlp import MLPLayer
from shared import backends
from shared.benchmarks import FASTEST, LR, Benchmark, compiled, size, training

FULL = {"N": 128, "sizes": (784, 500, 500, 10)}
TINY = {"N": 6, "sizes": (8, 5, 4, 3)}


def benchmarks(draw, N, sizes):
    params = tuple(RBMParams(draw(n, m, scale=0.1), draw(n), draw(m)) for n, m in pairwise(sizes[:-1]))
    uniform = lambda *shape: draw.rng.random(shape, "float32")
    args = params, uniform(N, sizes[0]), uniform(1, N, sizes[1]), uniform(1, N, sizes[2])
    yield Benchmark(
        "greedy training step, CD-1, SGD",
        ours=lambda path, backend, mode: _ours(path, args, backend, mode),
        torch=lambda torch: _torch(torch, args),
        keras=lambda keras, mode: _keras(keras, mode, args),
        modes=FASTEST,
        held=size(args),
    )
    net = tuple(MLPLayer(draw(n, m, scale=0.1), draw(m)) for n, m in pairwise(sizes))
    yield training(
        "fine-tuning step, SGD",
        "dbn_classifier_loss",
        net,
        (draw(N, sizes[0]), draw.labels(N, sizes[-1])),
        "optimizers/sgd",
        torch=lambda torch: _torch_net(torch, sizes),
        keras=lambda keras: _keras_net(keras, sizes),
    )


def _ours(path, args, backend, mode):
    dbn, sgd = (backends.module(backend, name) for name in (path, "optimizers/sgd"))

    def step(params, v, u_v, u_h):
        below, rbm = params
        gradient, _ = dbn.dbn_greedy(params, v, None, u_v, u_h, layer=1)
        return below, sgd.sgd_update(gradient, sgd.sgd_init(rbm), rbm, lr=LR)[0]

    step, (params, *batch) = compiled(backend, step, mode), backends.to_backend(backend, args)
    kept = [params]

    def run():
        kept[0] = step(kept[0], *batch)
        return kept[0][1]

    return run


def _torch(torch, args):
    from torch.nn.functional import linear

    (below, rbm), v, (u_v,), (u_h,) = backends.to_backend("torch", args)
    W, b_v, b_h = weights = [torch.nn.Parameter(x) for x in rbm]
    optimizer, n = torch.optim.SGD(weights, lr=LR), len(v)

    @torch.no_grad()
    def step():
        x_0 = torch.sigmoid(linear(v, below.W.T, below.b_h))
        p_0 = torch.sigmoid(linear(x_0, W.T, b_h))
        x_1 = (u_v < torch.sigmoid(linear((u_h < p_0).float(), W, b_v))).float()
        p_1 = torch.sigmoid(linear(x_1, W.T, b_h))
        W.grad = (x_1.T @ p_1).sub_(x_0.T @ p_0).div_(n)
        b_v.grad, b_h.grad = (x_1.sum(0) - x_0.sum(0)) / n, (p_1.sum(0) - p_0.sum(0)) / n
        optimizer.step()
        return weights

    return step


def _keras(keras, mode, args):
    ops = keras.ops
    (below, rbm), v, (u_v,), (u_h,) = backends.to_backend("tf", args)
    weights = W, b_v, b_h = [keras.Variable(x) for x in rbm]
    optimizer, n = keras.optimizers.SGD(LR), len(v)
    optimizer.build(weights)

    def step(v, u_v, u_h):
        x_0 = ops.sigmoid(ops.matmul(v, below.W) + below.b_h)
        p_0 = ops.sigmoid(ops.matmul(x_0, W) + b_h)
        h = ops.cast(u_h < p_0, "float32")
        x_1 = ops.cast(u_v < ops.sigmoid(ops.matmul(h, ops.transpose(W)) + b_v), "float32")
        p_1 = ops.sigmoid(ops.matmul(x_1, W) + b_h)
        d_W = (ops.matmul(ops.transpose(x_1), p_1) - ops.matmul(ops.transpose(x_0), p_0)) / n
        d_b = [(ops.sum(a, 0) - ops.sum(b, 0)) / n for a, b in ((x_1, x_0), (p_1, p_0))]
        optimizer.apply([d_W, *d_b], weights)
        return p_1

    step = compiled("tf", step, mode)

    def run():
        step(v, u_h, u_v)
        return [weight.value for weight in weights]

    return run


def _torch_net(torch, sizes):
    layers = [layer for n, m in pairwise(sizes) for layer in (torch.nn.Linear(n, m), torch.nn.Sigmoid())]
    net = torch.nn.Sequential(*layers[:-1])
    return net, torch.nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=LR)


def _keras_net(keras, sizes):
    hidden = [keras.layers.Dense(n, activation="sigmoid") for n in sizes[1:-1]]
    net = keras.Sequential([keras.Input((sizes[0],)), *hidden, keras.layers.Dense(sizes[-1])])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return net, loss, keras.optimizers.SGD(LR)
